"""Everything that can be wrong with a sweep is found here, before Ray starts."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqsweep.cluster.limits import usable_cpus
from seqsweep.cluster.local import Machine, check_address
from seqsweep.results.store import Store, Sweep
from seqsweep.seqmodels.backends.cpu.library import find_kernels
from seqsweep.sweeps.datasets import keeping
from seqsweep.sweeps.datasets.examples import examples
from seqsweep.sweeps.datasets.loading import load_data
from seqsweep.sweeps.doctor import start
from seqsweep.sweeps.errors import SpecError
from seqsweep.sweeps.resources import Place, check_fits
from seqsweep.sweeps.running import provenance
from seqsweep.sweeps.spec.loading import parse_spec
from seqsweep.sweeps.spec.model import Resources, Spec
from seqsweep.sweeps.spec.paths import relocated
from seqsweep.sweeps.spec.plan import TrialPlan, plan
from seqsweep.sweeps.versions import installed_versions

if TYPE_CHECKING:
    from seqsweep.seqmodels.data.dataset import SequenceDataset
    from seqsweep.sweeps.datasets.loading import Data

INSTALL = "install again where a C++17 compiler is found (`seqsweep doctor` tells more)"


@dataclass(frozen=True)
class Prepared:
    """A sweep that is ready to be trained: data sets with their splits by name, and all its trials."""

    sweep: Sweep
    spec: Spec
    data: Data
    plans: list[TrialPlan]


def new(
    spec: Spec, store: Store, address: str | None, cpus: int | None, source: str | None = None
) -> Prepared:
    """Load the data, plan the trials, create the sweep. Raises DataError, SpecError, ClusterError, StoreError.

    `source` is what problems call the spec: its file's name; without one, its own.
    """
    _check_place(spec.resources, address, cpus, source or spec.name)
    data, plans = plan_all(spec)
    return _created(store, new_id(spec), spec, data, plans, {})


def received(
    spec: Spec,
    datasets: Sequence[SequenceDataset | None],
    store: Store,
    name: str,
    *,
    command: str,
    version: str,
) -> Prepared:
    """Prepare a sweep that another machine has named and loaded data for; `command` was typed at its `version`.

    None of `datasets` stands for one that lies in an object store, and is read here.

    Raises SpecError, DataError, StoreError.
    """
    data, plans = plan_all(spec, datasets)
    keeping.keep(store.folder / name, datasets)
    versions = installed_versions() | {"seqsweep": version}
    return _created(store, name, spec, data, plans, {"command": command, "versions": versions})


def _created(
    store: Store, name: str, spec: Spec, data: Data, plans: list[TrialPlan], info: dict[str, Any]
) -> Prepared:
    """The sweep as it begins: what `sweep.json` says of it, changed by `info`, and examples of its data."""
    every = list(data.values())
    info = {"store": _folder(store)} | info
    sweep = store.create(name, provenance.info(spec, plans, every) | info, examples(every))
    return Prepared(sweep, spec, data, plans)


def again(
    store: Store,
    prefix: str | None,
    address: str | None,
    cpus: int | None,
    data_moved: Mapping[str, str] | None = None,
) -> Prepared:
    """Prepare a sweep that is in the store; SpecError too where a data set has changed.

    `data_moved`: new paths of its data by the old ones, or folders above them.
    """
    sweep = store.find(prefix)
    source = f"{sweep.id}/sweep.json"
    spec = parse_spec(sweep.info["spec"], base=Path(), source=source)
    _check_place(spec.resources, address, cpus, source)
    kept = keeping.kept(sweep.folder, spec)
    now = None
    if kept is None:
        before_folder, now = sweep.info.get("store"), _folder(store)
        stores = (before_folder, now) if isinstance(before_folder, str) and now else None
        found = relocated(spec, data_moved or {}, stores, sweep.id)
    else:
        found = spec
    data, plans = plan_all(found, kept)
    before = {entry["name"]: entry["fingerprint"] for entry in sweep.info["datasets"]}
    changed = [name for name, (dataset, _) in data.items() if before.get(name) != dataset.fingerprint]
    if changed:  # half a sweep on one data set and half on another would be compared as if they were one
        raise SpecError(
            f"data set `{name}` is not what it was when {sweep.id} began: start a new sweep"
            for name in changed
        )
    if found is not spec:  # so that it is found there the next time
        sweep.update(spec=found.to_table(), store=now)
    return Prepared(sweep, found, data, plans)


def _folder(store: Store) -> str | None:
    """The store's absolute path, where it is on a disk."""
    return os.path.abspath(store.folder.path) if store.folder.system.type_name == "local" else None


def slower_backend(resources: Resources, address: str | None) -> str | None:
    """Find what to tell the user where `auto` comes to `torch` only because the kernels were not built; else None."""
    # of a cluster that is joined, the machines that train may have what this one has not
    if address is not None or resources.backend != "auto" or resources.gpus_per_trial or find_kernels():
        return None
    return f"the slower `torch` backend trains, as the kernels of `cpu` were not built: {INSTALL}"


def machine_notes(address: str | None, cpus: int | None) -> list[str]:
    """Find what of this machine may keep Ray or its workers from starting. Raises ClusterError where it certainly does."""
    return start.require(cpus, joined=address is not None)


def _check_place(resources: Resources, address: str | None, cpus: int | None, source: str) -> None:
    check_address(address, cpus)
    start.require(cpus, joined=address is not None)
    if address is None:
        here = Machine(cpus or usable_cpus(), _gpus() if resources.gpus_per_trial else 0)
        check_fits(resources, Place([here], "this machine has no", ("--cpus" if cpus else "", ""), source))
        if resources.backend == "cuda":
            _check_cuda(source)
        if resources.backend == "cpu" and not find_kernels():
            raise SpecError(
                [
                    f"{source}: `resources.backend` is 'cpu', but its kernels were not built: {INSTALL}, "
                    "or start a sweep with 'auto'"
                ]
            )


def _check_cuda(source: str) -> None:
    """Raise SpecError where the backend `cuda` lacks what it needs on any GPU."""
    from seqsweep.seqmodels.backends.cuda.nvrtc import CompilationError, compiler_version

    try:
        compiler_version()
    except CompilationError as error:
        raise SpecError(
            [f"{source}: `resources.backend` is 'cuda', but it cannot be used: {error}"]
        ) from None


def _gpus() -> int:
    """GPUs of this machine that torch can use."""
    import torch

    return torch.cuda.device_count()


def new_id(spec: Spec) -> str:
    """An id that no other sweep has."""
    return f"{spec.name}-{secrets.token_hex(3)}"


def plan_all(
    spec: Spec, datasets: Sequence[SequenceDataset | None] | None = None
) -> tuple[Data, list[TrialPlan]]:
    """`load_data`, and all trials. Raises DataError, SpecError."""
    data = load_data(spec, datasets)
    return data, plan(spec, [dataset for dataset, _ in data.values()])
