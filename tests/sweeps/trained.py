"""Small sweeps trained in this process, without Ray."""

from pathlib import Path
from typing import Any

from results.store import Store, Sweep
from seqmodels.study import Study
from sweeps import prepare, provenance, records
from sweeps.spec import parse_spec


def train(table: dict[str, Any], store: Path, sweep_id: str) -> Sweep:
    """Train all trials of a spec (its table) into `store`."""
    spec = parse_spec(table, base=Path(), source="test")
    data, plans = prepare.plan_all(spec)
    sweep = Store(store).create(sweep_id, provenance.info(spec, plans, list(data.values())))
    for plan in plans:
        dataset, splits = data[plan.dataset]
        study = Study(plan.architecture, dataset, splits, plan.lanes, plan.training)
        while not study.done:
            study.step()
        outcome = study.outcome()
        about = {"sweep": sweep.id, "parameters": study.parameter_count, "backend": "cpu", "host": "here"}
        sweep.write_trial(plan.id, records.tables(outcome, plan, dataset, **about), records.models(outcome))
    sweep.update(status="finished")
    return sweep
