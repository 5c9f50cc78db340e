"""`plan --hours`: the most candidates that fit, and not one more."""

import tomllib
from pathlib import Path

import pytest

from seqsweep.seqmodels.cells import CELLS
from seqsweep.sweeps.errors import SpecError
from seqsweep.sweeps.forecast.forecast import Forecast
from seqsweep.sweeps.forecast.planning import Options, plan_sweep
from seqsweep.sweeps.forecast.rates import RateFile, write_rates
from seqsweep.sweeps.spec.loading import parse_spec
from tests.sweeps.forecast.test_forecast import rate

SPEC = """
name = "x"
datasets = ["syllables"]
candidates = 3
seeds = 3
[architecture]
cell = "gru"
hidden = 16
[hyperparameters]
lr = {log_uniform = [1e-3, 1e-1]}
[training]
epochs = 10
min_change = 0.0
"""


@pytest.fixture
def rates(tmp_path: Path) -> Path:
    file = tmp_path / "rates.json"
    known = [rate(cell=cell, hidden=16, batch_size=32, train=1e-6) for cell in CELLS]
    write_rates(RateFile(schema_version=1, rates=known), file)
    return file


def planned(text: str, rates: Path, hours: float | None) -> Forecast:
    spec = parse_spec(tomllib.loads(text), base=Path(), source="x.toml")
    return plan_sweep(spec, Options(rates=rates, cpus=1, hours=hours), source="x.toml")


@pytest.mark.parametrize("hours", [1.0])
def test_one_more_would_be_too_many(rates: Path, hours: float) -> None:
    found = planned(SPEC, rates, hours)
    assert found.chosen_candidates is not None
    assert found.chosen_candidates > 1
    assert found.seconds <= 3600 * hours
    same = planned(SPEC.replace("candidates = 3", f"candidates = {found.chosen_candidates}"), rates, None)
    assert (same.seconds, same.chosen_candidates) == (found.seconds, None)
    more = planned(SPEC.replace("candidates = 3", f"candidates = {found.chosen_candidates + 1}"), rates, None)
    assert more.seconds > 3600 * hours


def test_no_more_than_a_trial_may_have_or_the_space_has(rates: Path) -> None:
    assert planned(SPEC.replace("seeds = 3", "seeds = 300"), rates, 1e6).chosen_candidates == 10_000 // 300
    few = SPEC.replace("{log_uniform = [1e-3, 1e-1]}", "{choice = [1e-3, 1e-2, 1e-1, 0.3]}")
    assert planned(few, rates, 1e6).chosen_candidates == 4


def test_what_cannot_be_chosen_is_told(rates: Path) -> None:
    with pytest.raises(
        SpecError, match=r"one candidate for each architecture takes .* more than --hours 0\.001"
    ):
        planned(SPEC.replace("epochs = 10", "epochs = 10000"), rates, 0.001)
    grid = SPEC.replace("candidates = 3\n", "").replace("{log_uniform = [1e-3, 1e-1]}", "1e-2")
    with pytest.raises(SpecError, match="--hours chooses `candidates`, but this spec trains its whole grid"):
        planned(grid, rates, 1.0)
