"""`seqsweep compare`: every way of naming the wrong things is refused, with what to name instead."""

import json
from pathlib import Path

import pytest

from seqsweep.sweeps.cli.app import main
from tests.support.example_sweep import SWEEP_ID, write_example

GRU, LSTM, DIVERGED = "gru x 2 x 100", "lstm x 2 x 100", "rnn_tanh x 3 x 100"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example, the newest; another with one seed; two of one name, of which one has no results, and one of other data."""
    root = tmp_path_factory.mktemp("compared")
    write_example(root)
    write_example(root, sweep_id="single-5555aa", created="2026-11-21T08:00:00+00:00", seeds=(0,))
    write_example(root, sweep_id="twin-777777", created="2026-11-20T08:00:00+00:00", missing=10)
    other = write_example(root, sweep_id="twin-888888", created="2026-11-19T08:00:00+00:00", missing=5)
    assert len(other.finished()) == 5, "those on handwriting"
    return root


REFUSED = {
    "nothing": ([], "Missing argument 'NAME'"),
    "one architecture": (
        [GRU],
        "one alone cannot be compared: name at least two architectures, or two sweeps",
    ),
    "one sweep": (["reference"], "one alone cannot be compared"),
    "a sweep and an architecture": (
        ["reference", GRU],
        f"no sweep `{GRU}` in ",
        f"; to compare architectures of {SWEEP_ID}, name two or more",
    ),
    "a sweep and none": (["reference", "singel"], "no sweep `singel` in ", "nearest: single-5555aa"),
    "a sweep and several": (["reference", "twi"], "`twi` fits 2 sweeps: twin-777777, twin-888888"),
    "several sweeps": (["twi", "reference"], "`twi` fits 2 sweeps: twin-777777, twin-888888"),
    "a sweep twice": (["reference", SWEEP_ID], "one sweep is named twice, but they must be different ones"),
    "sweeps and an architecture": (
        ["reference", "single", GRU],
        f"no sweep `{GRU}` in ",
        "; as single-5555aa is a sweep, all names must be sweeps",
    ),
    "no such sweep": (
        ["refrence", GRU, LSTM],
        "no trial or architecture `refrence`",
        f"; looked for in {SWEEP_ID}, the newest sweep, as `refrence` is the name of none",
    ),
    "no such architecture": (
        ["reference", "gru x 7 x 100", LSTM],
        f"no trial or architecture `gru x 7 x 100`; nearest: {GRU}",
    ),
    "an architecture twice": (
        ["reference", GRU, "GRUx2x100"],
        f"`{GRU}` and `GRUx2x100` name one architecture twice",
    ),
    "several trials": (["reference", LSTM, ""], "no trial or architecture ``"),
    "no results": (["twin-7", GRU, LSTM], "sweep twin-777777 has no finished trial yet"),
    "a sweep without results": (["reference", "twin-7"], "sweep twin-777777 has no finished trial yet"),
    "no such data set": (
        ["reference", GRU, LSTM, "--dataset", "handwritten"],
        f"sweep {SWEEP_ID} has no results on data set `handwritten`; nearest: handwriting",
    ),
    "a data set of one sweep": (
        ["reference", "twin-8", "--dataset", "segments"],
        f"sweep {SWEEP_ID} has no results on data set `segments`; nearest: handwriting",
    ),
    "no store": ([GRU, LSTM, "--store", "nowhere"], "no sweep in ", "nowhere yet; `seqsweep run` makes one"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_compared_is_refused(
    case: str, store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, *expected = REFUSED[case]
    monkeypatch.setenv("SEQSWEEP_STORE", str(store))
    assert main(["compare", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = (line for line in err.splitlines() if "rror: " in line)
    for text in expected:
        assert text in line


def test_a_damaged_sweep_is_not_taken_for_an_architecture(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_example(tmp_path)
    write_example(tmp_path, sweep_id="other-0123ab")
    (tmp_path / "other-0123ab" / "sweep.json").write_text("{")
    assert main(["compare", "reference", "other", "--store", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith(f"error: {tmp_path / 'other-0123ab' / 'sweep.json'} is damaged")


def test_what_could_not_be_tested_counts_for_nothing(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def said(*names: str) -> str:
        assert main(["compare", *names, "--dataset", "segments", "--store", str(store)]) == 0
        return " ".join(capsys.readouterr().out.split())

    assert (
        "* told apart: Holm p < 0.05 of the larger p, 1 comparison (seeds: paired t over common seeds;"
        in said("reference", GRU, LSTM, DIVERGED)
    )
    nothing = "none is told apart: a test over seeds takes two seeds of each"
    assert f"{nothing}; sequences: McNemar, seeds together" in said("single", GRU, LSTM)
    assert nothing in said("reference", GRU, DIVERGED)
    assert "Welch" not in said("reference", GRU, DIVERGED)


def test_json_of_what_could_not_be_tested(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "single", GRU, DIVERGED, "--json", "--store", str(store)]) == 0
    (pair,) = json.loads(capsys.readouterr().out)["datasets"][0]["pairs"]
    assert (pair["difference"]["mean"], pair["p_sequences"], pair["p_holm"], pair["apart"]) == (
        None,
        None,
        None,
        False,
    )
