"""Sends a sweep to a cluster: its spec, the data it names, and seqsweep itself, as one job."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqsweep.cluster.jobs import Job, Jobs
from seqsweep.cluster.local import ClusterError
from seqsweep.results.views import formats
from seqsweep.seqmodels.data.source import has_uri, is_uri, paths_of, source_name
from seqsweep.sweeps.errors import SpecError
from seqsweep.sweeps.running import prepare
from seqsweep.sweeps.shipping import run_task

if TYPE_CHECKING:
    from seqsweep.sweeps.spec.model import Spec

PIECE_BYTES = (
    48_000_000  # the dashboard takes at most 100 MB in one request, and zipping may not make it less
)
MOST_BYTES = 1_000_000_000
"""Most that is shipped: the head keeps it in memory, and passes on a piece a request."""
PIECE = "seqsweep_data_{:05}"


@dataclass(frozen=True)
class Submitted:
    """A sweep on a cluster. `job` is the newest of those that have worked for it."""

    sweep: str
    store: str
    job: Job


def submit(spec: Spec, jobs: Jobs, *, store: str, tell: Callable[[str], None]) -> Submitted:
    """Load the spec's data here, ship all and start the job; does not wait for it.

    What lies in an object store is not shipped: the cluster reads it.

    Args:
        spec: what to train.
        jobs: of the cluster.
        store: where the cluster keeps the sweep.
        tell: is given a line about what is sent.

    Raises:
        SpecError, DataError: what `seqsweep run` would find wrong, as far as it can be seen from here, found before anything
            is sent; and data that are too large to be sent.
        ClusterError: the cluster does not answer, or refuses.
    """
    check_store(store)
    packed = packed_data(spec)
    if any(packed):
        tell(f"sending {formats.size(sum(map(len, filter(None, packed))))} of data")
    for uri in (each for source in spec.datasets for each in paths_of(source) if is_uri(each)):
        tell(f"{uri} is read by the cluster")
    name = prepare.new_id(spec)
    task = {
        "verb": "run",
        "sweep": name,
        "store": store,
        "spec": spec.to_table(),
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
    }
    return _start(jobs, name, task, packed)


def packed_data(spec: Spec) -> list[bytes | None]:
    """Load and pack the spec's data sets; None for each that the cluster reads. Raises SpecError, DataError as `submit`."""
    from seqsweep.seqmodels.data.packed import pack

    mixed = [each for each in spec.datasets if has_uri(each) and not all(map(is_uri, paths_of(each)))]
    if mixed:
        rule = "lies partly on this disk and partly in an object store: put all of it in one place"
        raise SpecError(f"data set `{source_name(each)}` {rule}" for each in mixed)
    here = tuple(each for each in spec.datasets if not has_uri(each))
    data, _ = prepare.plan_all(
        spec.model_copy(update={"datasets": here})
    )  # where there is none, it checks the rest
    datasets = [dataset for dataset, _ in data.values()]
    sizes = [dataset.tokens.nbytes for dataset in datasets]
    if sum(sizes) > MOST_BYTES:
        most, name = max(zip(sizes, data, strict=True))
        raise SpecError(
            [
                f"{spec.name}: its data come to {formats.size(sum(sizes))} (`{name}`: {formats.size(most)}), but at "
                f"most {formats.size(MOST_BYTES)} are sent to a cluster: put them into an object store, and name s3://BUCKET/... "
                "or gs://BUCKET/... as `path`; or `seqsweep run --address auto` on a machine of the cluster that has them on disk"
            ]
        )
    packed = map(pack, datasets)
    return [None if has_uri(source) else next(packed) for source in spec.datasets]


def resume(jobs: Jobs, prefix: str | None, *, store: str | None) -> Submitted:
    """Start a job that goes on with a sweep; its data lies in the store.

    Args:
        jobs: of the cluster.
        prefix: the sweep; None for the newest that the cluster knows of.
        store: where it lies, for a cluster that does not know the sweep (it was started anew).

    Raises:
        ClusterError: no such sweep, or it is still running.
        StoreError: `prefix` can be no sweep's id.
    """
    from seqsweep.results.store import check_id

    known = submitted(jobs)
    if store is not None and prefix is not None and not matching(known, prefix):
        check_id(prefix, "sweep id")
        check_store(store)
        return _start(jobs, prefix, {"verb": "resume", "sweep": prefix, "store": store}, [])
    found = find(jobs, prefix, known)
    if not found.job.over:
        raise ClusterError(
            f"sweep {found.sweep} is running on {jobs.address}: see `seqsweep watch {found.sweep}`"
        )
    task = {"verb": "resume", "sweep": found.sweep, "store": store or found.store}
    return _start(jobs, found.sweep, task, [])


def submitted(jobs: Jobs) -> list[Submitted]:
    """The cluster's sweeps, the newest first."""
    newest: dict[str, Submitted] = {}
    for job in jobs.all():
        name = job.metadata.get("seqsweep.sweep")
        if name and name not in newest:
            newest[name] = Submitted(name, job.metadata.get("seqsweep.store", ""), job)
    return list(newest.values())


def matching(known: Sequence[Submitted], prefix: str) -> list[Submitted]:
    """List the sweeps that `prefix` may mean: the one of that id, else those that begin, or whose hex digits begin, with it."""
    from seqsweep.results.store import fitting

    found = next(filter(None, fitting([each.sweep for each in known], prefix)), [])
    return [each for each in known if each.sweep in found]


def find(jobs: Jobs, prefix: str | None, known: Sequence[Submitted] | None = None) -> Submitted:
    """The one sweep of the cluster that `prefix` means, None: the newest. Raises ClusterError for none or several."""
    known = submitted(jobs) if known is None else known
    if not known:
        raise ClusterError(f"the cluster at {jobs.address} knows of no sweep; `seqsweep submit` starts one")
    if prefix is None:
        return known[0]
    found = matching(known, prefix)
    if len(found) == 1:
        return found[0]
    names = ", ".join(each.sweep for each in (found or known)[:6])
    if found:
        raise ClusterError(f"`{prefix}` fits {len(found)} sweeps: {names}; give more of the id")
    raise ClusterError(f"no sweep `{prefix}` on the cluster at {jobs.address}; it knows {names}")


def check_store(store: str) -> None:
    """Refuse what would be lost with the job's folder, or holds a secret. Raises SpecError, StoreError."""
    from seqsweep.results.location import check_location

    check_location(store)
    if "://" not in store and not store.startswith(("/", "~")):
        raise SpecError(
            [
                f"--store is {store}, but must be a URI (s3://, gs://) or an absolute path on the cluster, "
                "such as '~/seqsweep-store'"
            ]
        )


def _start(jobs: Jobs, name: str, task: dict[str, Any], packed: Sequence[bytes | None]) -> Submitted:
    taken = {job.id for job in jobs.all()}
    job = next(each for each in _job_names(name) if each not in taken)
    metadata = {
        "seqsweep.sweep": name,
        "seqsweep.store": task["store"],
        "seqsweep.version": version("seqsweep"),
    }

    def add(folder: Path) -> list[Path]:
        return list(_pieces(packed, folder.parent, folder / "sizes.json"))

    run_task(jobs, task | {"version": version("seqsweep")}, name=job, add=add, metadata=metadata)
    return Submitted(name, task["store"], jobs.get(job))


def _job_names(sweep: str) -> Iterator[str]:
    """`small-1f2e3d`, `small-1f2e3d.2`, ...: a job's id is used once."""
    yield sweep
    number = 2
    while True:
        yield f"{sweep}.{number}"
        number += 1


def _pieces(packed: Sequence[bytes | None], scratch: Path, sizes: Path) -> Iterator[Path]:
    """The packed data sets one behind the other, cut into folders small enough to be sent; their sizes into `sizes`."""
    sizes.write_text(json.dumps([None if each is None else len(each) for each in packed]))
    whole = b"".join(filter(None, packed))
    for number, first in enumerate(range(0, len(whole), PIECE_BYTES)):
        folder = scratch / PIECE.format(number)
        folder.mkdir()
        (folder / "piece").write_bytes(whole[first : first + PIECE_BYTES])
        yield folder
