"""What the cluster runs for `seqsweep submit`, `resume --address http://...` (a sweep's driver) and `pull` (its sender)."""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seqsweep.seqmodels.data.dataset import SequenceDataset
    from seqsweep.sweeps.running.prepare import Prepared


def main() -> int:
    """Do the task that lies in the job's folder; the exit code, with errors printed as the command line does."""
    try:
        task = json.loads(Path("task.json").read_text())
        if task["verb"] == "doctor":  # needs less than a sweep, and says what lacks
            from seqsweep.sweeps.doctor.cluster import answer

            return answer(task)
        return _do(task)
    except Exception as error:
        from seqsweep.sweeps.faults import explain

        code = explain(error)
        if code == 1:  # a fault of ours: the job's log is where it can be looked for
            traceback.print_exc()
        return code


def _do(task: dict[str, Any]) -> int:
    if task["verb"] == "pack":
        from seqsweep.sweeps.remote.pull.packing import pack

        return pack(task, sys.stdout)

    from seqsweep.results.store import Store
    from seqsweep.results.views.terminal import Terminal
    from seqsweep.sweeps.cli.notes import show_notes
    from seqsweep.sweeps.cli.running import resume_sweep, run_prepared
    from seqsweep.sweeps.live.telemetry import Telemetry
    from seqsweep.sweeps.running import prepare
    from seqsweep.sweeps.spec.loading import parse_spec

    show_notes()
    # lines are never wrapped: a job's log is for programs too
    console = Terminal(width=140)
    store = task["store"]
    if task["verb"] == "resume":
        return resume_sweep(store, task["sweep"], console=console, address="auto", display=Telemetry)

    def prepared() -> Prepared:
        spec = parse_spec(task["spec"], base=Path(), source="the spec")
        return prepare.received(
            spec, _datasets(), Store(store), task["sweep"], command=task["command"], version=task["version"]
        )

    return run_prepared(prepared, store=store, console=console, address="auto", display=Telemetry)


def _datasets() -> list[SequenceDataset | None]:
    """The shipped data sets, put together again from their pieces; None for each that was not shipped."""
    from seqsweep.seqmodels.data.packed import unpack

    found = {
        folder.name: folder / "piece"
        for parent in map(Path, sys.path)
        if parent.is_dir()
        for folder in parent.glob("seqsweep_data_*")
    }
    whole = memoryview(b"".join(path.read_bytes() for _, path in sorted(found.items())))
    datasets: list[SequenceDataset | None] = []
    first = 0
    for place, size in enumerate(json.loads(Path("sizes.json").read_text())):
        if size is None:
            datasets.append(None)
            continue
        datasets.append(unpack(bytes(whole[first : first + size]), f"shipped data set {place}"))
        first += size
    return datasets
