"""`model.json` of anybody: a normalization is refused in words, or can be applied."""

import copy

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqsweep.seqmodels.data.asking import asked_transforms
from seqsweep.seqmodels.data.registry import transform_of
from seqsweep.seqmodels.data.transforms.pipeline import joined

NAMES = ("x", "y", "pen_up")
SEQUENCES = [np.random.default_rng(seed).normal(size=(9, 3)) for seed in range(3)]
ASKED = [
    "none",
    "standardize",
    "standardize_both",
    "min_max",
    "center",
    "clip",
    "interpolate",
    "mask_missing",
    {"features": {"keep": ["y", 1]}},
    "deltas",
    {"crop": {"length": 4}},
    {"resample": {"length": 7}},
    {"resample": {"factor": 0.5}},
    {"arc_length": {"points": 5}},
    "velocity",
    {"angle": {"curvature": True}},
    ["mask_missing", {"features": {"drop": [2]}}, "deltas", "standardize"],
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 10**6) | st.just(10**400) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)


def records():
    for asked in ASKED:
        made = joined(asked_transforms(asked if isinstance(asked, list) else [asked]))
        yield made.record(SEQUENCES, NAMES)[0]


RECORDS = list(records())


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(RECORDS), st.data())
def test_a_damaged_record_is_refused_in_words_or_works(record, data):
    record = copy.deepcopy(record)
    table = data.draw(st.sampled_from([record, *record.get("steps", [])]))
    key = data.draw(st.sampled_from([*table, "columns", "length", "factor"]))
    if isinstance(table.get(key), list) and table[key] and data.draw(st.booleans()):
        table[key][data.draw(st.integers(0, len(table[key]) - 1))] = data.draw(JSON)
    elif data.draw(st.booleans()):
        table[key] = data.draw(JSON)
    else:
        table.pop(key, None)
    refused = ""
    try:
        made = transform_of(record)
        made.check(record, 3)
    except ValueError as error:
        refused = str(error)
    if refused:
        assert "normalization" in refused
        return
    with np.errstate(all="ignore"):
        changed = made.apply(SEQUENCES[0], record)
    assert changed.shape[1] == made.width(3, record)
    assert made.describe(record)
