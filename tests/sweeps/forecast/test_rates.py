"""The rate file: what it keeps, what it refuses and in which words; and rates between the measured ones."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqsweep.sweeps.errors import SpecError
from seqsweep.sweeps.forecast.rates import (
    RATES_VERSION,
    Rate,
    RateFile,
    Rates,
    Workload,
    load_rates,
    parse_rates,
    write_rates,
)

SECONDS = st.floats(1e-15, 1e3)
RATE = st.builds(
    Rate,
    backend=st.sampled_from(["cpu", "torch"]),
    device=st.sampled_from(["cpu", "cuda"]),
    dataset=st.text(min_size=1, max_size=10).filter(lambda text: text.isprintable()),
    features=st.integers(1, 1000),
    cell=st.sampled_from(["rnn_tanh", "rnn_relu", "gru", "lstm"]),
    layers=st.integers(1, 64),
    hidden=st.integers(1, 16384),
    bidirectional=st.booleans(),
    batch_size=st.integers(1, 1000),
    train=SECONDS,
    evaluate=SECONDS,
    spread=st.floats(0, 10),
)
FILE = st.builds(
    RateFile,
    schema_version=st.just(RATES_VERSION),
    machine=st.text(max_size=20).filter(lambda text: text.isprintable()),
    measured=st.just("2026-01-02T03:04:05+00:00"),
    versions=st.dictionaries(st.sampled_from(["torch", "ray"]), st.just("1.0")),
    rates=st.lists(RATE, min_size=1, max_size=5),
)


def rate(**changes: Any) -> Rate:
    plain = {
        "backend": "cpu",
        "dataset": "letters",
        "features": 2,
        "cell": "gru",
        "layers": 1,
        "hidden": 64,
        "batch_size": 16,
        "train": 1e-10,
        "evaluate": 1e-11,
    }
    return Rate(**(plain | changes))


def wanted(**changes: Any) -> Workload:
    fields = rate(**changes).model_dump(exclude={"train", "evaluate", "spread"})
    return Workload(**fields)


@given(FILE)
def test_what_was_written_is_read(rates: RateFile) -> None:
    assert parse_rates(rates.model_dump_json(), "x") == rates


def test_a_file_comes_back(tmp_path: Path) -> None:
    rates = RateFile(schema_version=1, machine="a GPU ✓", rates=[rate()])
    write_rates(rates, tmp_path / "rates.json")
    assert load_rates(tmp_path / "rates.json") == rates


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = [*RateFile.model_fields, *Rate.model_fields]


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    with pytest.raises(SpecError, match=r"^x: "):
        parse_rates(text, "x")


@given(st.data())
def test_any_damage_is_refused_in_words_that_name_the_field(data: st.DataObject) -> None:
    """One value of a sound file becomes anything at all, or a key is lost or invented."""
    table = RateFile(schema_version=1, versions={"torch": "2"}, rates=[rate(), rate(hidden=8)]).model_dump()
    inside = data.draw(st.sampled_from([table, table["rates"][1]]))
    key = data.draw(st.sampled_from([*inside, "unknown"]))
    if data.draw(st.booleans()) and key in inside:
        del inside[key]
    else:
        inside[key] = data.draw(JSON)
    try:
        read = parse_rates(json.dumps(table), "x.json")
    except SpecError as error:
        for problem in error.problems:
            assert problem.startswith("x.json: `")
            assert key in problem
    else:
        # what is optional may be lost; what may be anything of its kind may be changed
        assert key in {"schema_version", "machine", "measured", "versions", "rates", *Rate.model_fields}
        assert all(math.isfinite(each.train) and each.train > 0 for each in read.rates)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema_version": 2}, "`schema_version` is 2, but must be at most 1"),
        ({"rates": []}, "`rates` is empty, but must have at least one value"),
        ({"rates": {}}, "`rates` is {}, but must be a list"),
        ({"versions": 3}, "`versions` is 3, but must be a table"),
        ({"date": "x"}, "`date` is unknown; did you mean `rates`?"),
        (
            {"rates": [rate().model_dump() | {"train": 0}]},
            "`rates[0].train` is 0, but must be greater than 0",
        ),
        (
            {"rates": [rate().model_dump() | {"cell": "lstn"}]},
            "`rates[0].cell` is 'lstn', but must be one of rnn_tanh, rnn_relu, gru, lstm; did you mean 'lstm'?",
        ),
        (
            {"rates": [rate().model_dump() | {"hiden": 3}]},
            "`rates[0].hiden` is unknown; did you mean `hidden`?",
        ),
        (
            {"rates": [rate().model_dump() | {"train": math.inf}]},
            "`rates[0].train` is inf, but must be a finite number",
        ),
        (
            {"rates": [rate().model_dump() | {"dataset": ""}]},
            "`rates[0].dataset` is '', but must be at least 1 character long",
        ),
    ],
)
def test_refusals(change: dict[str, Any], said: str) -> None:
    table = RateFile(schema_version=1, rates=[rate()]).model_dump() | change
    with pytest.raises(SpecError) as error:
        parse_rates(json.dumps(table), "r.json")
    assert error.value.problems == (f"r.json: {said}",)


def test_no_such_file(tmp_path: Path) -> None:
    write_rates(RateFile(schema_version=1, rates=[rate()]), tmp_path / "rates.json")
    with pytest.raises(SpecError, match=r"rate\.json: there is no such file; did you mean .*rates\.json\?"):
        load_rates(tmp_path / "rate.json")
    with pytest.raises(SpecError, match="cannot be written: Is a directory"):
        write_rates(RateFile(schema_version=1, rates=[rate()]), tmp_path)


def test_what_was_measured_is_taken_as_it_is() -> None:
    rates = Rates([rate(spread=0.2), rate(hidden=128, train=9.0)], "r")
    found = rates.of(wanted())
    assert (found.train, found.evaluate, found.spread, found.measured) == (
        pytest.approx(1e-10),
        pytest.approx(1e-11),
        0.2,
        True,
    )


def test_between_two_rates_lies_their_geometric_mean() -> None:
    rates = Rates([rate(hidden=32, train=1e-10), rate(hidden=128, train=4e-10)], "r")
    found = rates.of(wanted(hidden=64))
    assert found.train == pytest.approx(2e-10)
    assert not found.measured


@given(st.lists(RATE, min_size=1, max_size=12), st.data())
def test_an_estimate_is_never_beyond_the_measured_ones(measured: list[Rate], data: st.DataObject) -> None:
    like = data.draw(st.sampled_from(measured))
    own = [
        each
        for each in measured
        if (each.backend, each.device, each.cell) == (like.backend, like.device, like.cell)
    ]
    asked = like.model_copy(update={"hidden": min(each.hidden for each in own)})
    found = Rates(measured, "r").of(Workload(**asked.model_dump(exclude={"train", "evaluate", "spread"})))
    times = [each.train for each in own]
    assert min(times) * (1 - 1e-9) <= found.train <= max(times) * (1 + 1e-9)
    assert found.spread >= 0


def test_an_estimate_says_how_wrong_such_estimates_are() -> None:
    """Rates that follow no rule make wide estimates, rates that are all alike narrow ones."""
    alike = [rate(hidden=hidden) for hidden in (8, 16, 32, 64, 128)]
    wild = [
        rate(hidden=hidden, train=10.0 ** -(10 + place % 2))
        for place, hidden in enumerate((8, 16, 32, 64, 128))
    ]
    assert Rates(alike, "r").of(wanted(hidden=48)).spread == pytest.approx(0)
    assert Rates(wild, "r").of(wanted(hidden=48)).spread > 1


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            {"cell": "lstm"},
            "r: has no rate for lstm on cpu with the cpu backend, only gru on cpu (cpu backend): measure it there",
        ),
        (
            {"device": "cuda", "backend": "torch"},
            "r: has no rate for gru on cuda with the torch backend, only",
        ),
        (
            {"hidden": 129},
            "r: has no rate near `hidden` 129 for gru on cpu with the cpu backend, only for 64 to 64: measure it there",
        ),
    ],
)
def test_what_is_lacking_is_said(asked: dict[str, Any], said: str) -> None:
    with pytest.raises(SpecError) as error:
        Rates([rate()], "r").of(wanted(**asked))
    assert error.value.problems[0].startswith(said)
