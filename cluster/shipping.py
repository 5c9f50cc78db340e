"""Ships seqsweep itself to a cluster with a task, and runs the task there as a job."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from seqsweep.cluster import shipped
from seqsweep.cluster.jobs import Jobs
from seqsweep.cluster.session_folder import scratch_folder

SETUP = "shipped.use"
TASK = "task.json"


def run_task(
    jobs: Jobs,
    task: Mapping[str, Any],
    *,
    name: str,
    main: str,
    workers: bool = True,
    add: Callable[[Path], Sequence[Path]] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Start a job that calls `main()` of a module of ours beside the task, and return at once.

    Args:
        jobs: of the cluster.
        task: what the job finds as `task.json` in its folder.
        name: the job's id.
        main: the module's dotted name.
        workers: whether the job will have workers, which use what is shipped too.
        add: puts more into the job's folder, and gives folders that are shipped beside it.
        metadata: kept with the job.

    Raises:
        ClusterError: the cluster does not answer, or refuses.
    """
    with working_folder(task) as folder:
        jobs.submit(
            f"exec python shipped.py {main}",
            name=name,
            working_folder=folder,
            modules=tuple(add(folder)) if add else (),
            setup=SETUP if workers else None,
            metadata=metadata,
        )


@contextmanager
def working_folder(task: Mapping[str, Any]) -> Iterator[Path]:
    """Make what every job of ours is shipped with: the packages, `shipped.py` on top, and its task."""
    with scratch_folder("ship-") as scratch:
        folder = Path(scratch, "job")
        package = shipped.installed()
        assert package is not None  # this very module is in it
        for name, path in shipped.sources(package):
            copy = folder / shipped.FOLDER / shipped.PACKAGE / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
        shutil.copy(shipped.__file__, folder / "shipped.py")
        (folder / shipped.DIGEST).write_text(shipped.digest(package))
        (folder / TASK).write_text(json.dumps(task))
        yield folder
