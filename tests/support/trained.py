"""Small sweeps trained in this process, without Ray."""

from pathlib import Path
from typing import Any

import pytest

from seqsweep.results.store import Store, Sweep
from seqsweep.seqmodels.data.dataset import SequenceDataset
from seqsweep.seqmodels.data.splits import Splits
from seqsweep.seqmodels.trial_run import TrialRun
from seqsweep.sweeps.running import checkpoint, prepare, provenance, rows
from seqsweep.sweeps.spec.loading import parse_spec
from seqsweep.sweeps.spec.plan import TrialPlan

LETTERS = ("a", "ai", "bA", "chA", "tA")


def letters(real_data: Path) -> dict[str, Any]:
    """Five of the seven characters of a real data set, as a spec names them."""
    path = real_data / "handwriting-kannada-telugu" / "handwriting.tar.xz"
    return {"path": str(path), "format": "strokes", "classes": list(LETTERS)}


def plainly_exported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tracing a program takes most of an export's time, and is tested elsewhere: the plain model answers for it."""
    from seqsweep.seqmodels.export import checking, program

    monkeypatch.setattr(program, "save_program", lambda path, *_: path.touch())
    monkeypatch.setattr(checking, "open_program", lambda path: checking.open_model(path.parent).network)


def train(table: dict[str, Any], store: Path, sweep_id: str) -> Sweep:
    """Train all trials of a spec (its table) into `store`."""
    spec = parse_spec(table, base=Path(), source="test")
    data, plans = prepare.plan_all(spec)
    sweep = Store(store).create(sweep_id, provenance.info(spec, plans, list(data.values())))
    for plan in plans:
        train_trial(sweep, plan, *data[plan.dataset])
    sweep.update(status="finished")
    return sweep


def resume(store: Path) -> None:
    """Go on with a store's newest sweep: finished trials stay, others begin at their checkpoints."""
    ready = prepare.again(Store(store), None, None, None)
    for plan in ready.plans:
        if not ready.sweep.is_finished(plan.id):
            train_trial(ready.sweep, plan, *ready.data[plan.dataset])
    ready.sweep.update(status="finished")


def train_trial(sweep: Sweep, plan: TrialPlan, dataset: SequenceDataset, splits: Splits) -> None:
    """Train one of them, from its checkpoint where it has one, and write what came of it."""
    trial = TrialRun(
        plan.architecture,
        dataset,
        splits,
        plan.lanes,
        plan.training,
        search=plan.search,
        final_seeds=plan.final_seeds,
    )
    if (state := checkpoint.load(sweep.folder, plan.id)) is not None:
        trial.load_state_dict(state)
    while not trial.done:
        trial.step()
    outcome = trial.outcome()
    about = {"sweep": sweep.id, "parameters": trial.parameter_count, "host": "here"}
    about["backend"] = trial.backend_name
    sweep.write_trial(plan.id, rows.tables(outcome, plan, dataset, **about), rows.models(outcome))
