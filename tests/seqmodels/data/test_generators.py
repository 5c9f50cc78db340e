"""What both embedded data sets promise: the same data everywhere, balanced, honest, neither trivial nor noise."""

from itertools import pairwise

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from seqsweep.seqmodels.data.dataset import SequenceDataset
from seqsweep.seqmodels.data.generators import handwriting, syllables
from seqsweep.seqmodels.data.generators.streams import stream

GENERATORS = {"handwriting": handwriting, "syllables": syllables}
FINGERPRINTS = {
    "handwriting": "05fcdadef080f7eecc3011e245e94fe712df1853635737e3ee2e7de84bcad9a7",
    "syllables": "054004fbc124afb84eeb892ff13a3e1a5986b777c8c9c723baf0bae03ba2d4df",
}


@pytest.fixture(scope="module", params=list(GENERATORS))
def dataset(request: pytest.FixtureRequest) -> SequenceDataset:
    return GENERATORS[request.param].generate()


def test_every_machine_makes_the_same_bits(dataset):
    assert dataset.fingerprint == FINGERPRINTS[dataset.name]


def test_the_same_again_and_another_seed_is_not(dataset, monkeypatch):
    module = GENERATORS[dataset.name]
    people = "WRITERS" if dataset.name == "handwriting" else "SPEAKERS"
    monkeypatch.setattr(module, f"TRAIN_{people}", 2)
    monkeypatch.setattr(module, f"TEST_{people}", 1)
    assert module.generate().fingerprint == module.generate().fingerprint
    assert module.generate(seed=1).fingerprint != module.generate().fingerprint


def test_says_synthetic_and_what_it_is(dataset):
    assert dataset.synthetic
    assert dataset.feature_count == {"handwriting": 2, "syllables": 39}[dataset.name]
    assert dataset.class_names == tuple(
        {"handwriting": "a ai bA chA tA", "syllables": "ba ka kaa sa tA"}[dataset.name].split()
    )


def test_classes_are_balanced_and_nobody_is_in_both_splits(dataset):
    for test, count in ((False, 60), (True, 20)):
        assert np.bincount(dataset.label[dataset.is_test == test]).tolist() == [count] * 5
    assert not set(dataset.group[dataset.is_test]) & set(dataset.group[~dataset.is_test])


def test_lengths_spread_over_the_promised_range_and_do_not_name_the_class(dataset):
    shortest, longest = {"handwriting": (20, 180), "syllables": (10, 60)}[dataset.name]
    assert shortest <= dataset.length.min() < dataset.length.max() <= longest
    assert dataset.length.max() > 2.5 * dataset.length.min()
    per_class = [np.percentile(dataset.length[dataset.label == label], (5, 95)) for label in range(5)]
    overlapping = [(a[0] < b[1]) and (b[0] < a[1]) for a, b in pairwise(sorted(per_class, key=np.mean))]
    assert all(overlapping)


def length_and_mean(dataset: SequenceDataset) -> np.ndarray:
    """What is left of a sequence without its order."""
    rows = [dataset.sequence(i) for i in range(dataset.sequence_count)]
    return np.array([[len(row), *row.mean(axis=0)] for row in rows])


def last_token(dataset: SequenceDataset) -> np.ndarray:
    return dataset.tokens[dataset.start + dataset.length - 1]


@pytest.mark.parametrize(
    "model", [KNeighborsClassifier(1), LogisticRegression(max_iter=2000)], ids=["nearest", "logistic"]
)
def test_neither_the_length_and_mean_nor_the_last_token_is_enough(dataset, model):
    chance, scores = 0.2, {}
    for view in (length_and_mean, last_token):
        features = view(dataset)
        fitted = make_pipeline(StandardScaler(), model)
        fitted.fit(features[~dataset.is_test], dataset.label[~dataset.is_test])
        scores[view.__name__] = fitted.score(features[dataset.is_test], dataset.label[dataset.is_test])
    assert max(scores.values()) < 0.95
    assert scores["length_and_mean"] > chance + 0.1  # the classes are there to be found


def test_standardised_features_say_by_what(dataset):
    if dataset.name == "handwriting":
        assert dataset.normalization == {"kind": "per_sequence_minmax"}
        return
    train = np.concatenate([dataset.sequence(i) for i in np.flatnonzero(~dataset.is_test)])
    np.testing.assert_allclose(train.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(train.std(axis=0), 1, atol=1e-3)
    assert dataset.normalization["kind"] == "standardize"
    assert len(dataset.normalization["mean"]) == len(dataset.normalization["std"]) == 39


def test_streams_do_not_meet_and_do_not_depend_on_order():
    places = [(0, 1), (1, 0), (1, 1, 0), (1, 1, 1), (2,)]
    forward = {place: stream(7, *place).standard_normal(4).tolist() for place in places}
    backward = {place: stream(7, *place).standard_normal(4).tolist() for place in reversed(places)}
    assert forward == backward
    assert len({tuple(values) for values in forward.values()}) == len(places)
    assert stream(8, 2).standard_normal(4).tolist() != forward[(2,)]
    with pytest.raises(ValueError, match="at most 3"):
        stream(0, 1, 2, 3, 4)
