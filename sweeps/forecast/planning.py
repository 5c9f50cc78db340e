"""What `seqsweep plan` does before and around the forecast: which nodes, and which rates."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import Progress
from torch import OutOfMemoryError

from seqsweep.cluster.limits import usable_cpus
from seqsweep.cluster.memory import usable_memory
from seqsweep.results.views.formats import duration
from seqsweep.results.views.terminal import Terminal
from seqsweep.seqmodels.backends.choosing import create_backend
from seqsweep.seqmodels.backends.cpu.library import find_kernels
from seqsweep.sweeps.datasets.loading import data_notes, load_data
from seqsweep.sweeps.errors import SpecError
from seqsweep.sweeps.forecast import measuring
from seqsweep.sweeps.forecast.forecast import Forecast, forecast
from seqsweep.sweeps.forecast.memory import GB
from seqsweep.sweeps.forecast.rates import RateFile, Rates, load_rates, write_rates
from seqsweep.sweeps.resources import Nodes, check_fits
from seqsweep.sweeps.spec.fields import MAX_LANES
from seqsweep.sweeps.spec.plan import TrialPlan, plan
from seqsweep.sweeps.spec.space import combinations

if TYPE_CHECKING:
    from seqsweep.sweeps.datasets.loading import Data
    from seqsweep.sweeps.spec.model import Spec


@dataclass(frozen=True)
class Options:
    """Options as on the command line; None: as this machine has it (`gpu_memory`: unknown). Memories in GB.

    `hours`: that the sweep may take, for which its candidates are chosen; None: those of the spec are taken.
    """

    nodes: int = 1
    cpus: int | None = None
    gpus: int | None = None
    memory: float | None = None
    gpu_memory: float | None = None
    rates: Path | None = None
    write_rates: Path | None = None
    hours: float | None = None


def plan_sweep(spec: Spec, options: Options, *, source: str, data: Data | None = None) -> Forecast:
    """Load the data (or take `data`, of which nothing is told), get rates, simulate; choose candidates where `hours` are given.

    Raises:
        ClusterError: a trial fits no node.
        SpecError: the rates lack something, or cannot be read or written; or a trial's memory fits no node.
        DataError: a data set cannot be read.
    """
    if options.rates and options.write_rates:
        raise SpecError(["--write-rates keeps what is measured here, and --rates measures nothing: give one"])
    nodes = _nodes(options, gpus=bool(spec.resources.gpus_per_trial))
    check_fits(spec.resources, nodes.place(source))  # before anything that takes time
    device = "cuda" if spec.resources.gpus_per_trial else "cpu"
    known = load_rates(options.rates) if options.rates else None
    if data is None:
        data = load_data(spec)
        notes = Terminal(stderr=True)
        for note in data_notes(dataset for dataset, _ in data.values()):
            notes.print(f"note: {note}", markup=False, soft_wrap=True)
    plans = plan(spec, [dataset for dataset, _ in data.values()])
    load = None
    if known is None:
        load = os.getloadavg()[0]
        backend = _backend_here(spec, device, source)
        known = _measured(plans, data, backend, device)
        said = f"this machine ({known.machine})"
    else:
        said = f"{options.rates} ({', '.join(filter(None, (known.machine, known.measured[:10]))) or 'no machine named'})"
        backend = _backend_there(spec, Rates(known.rates, said).backends(device), device, str(options.rates))
    if options.write_rates:
        write_rates(known, options.write_rates)
    rates = Rates(known.rates, said)

    def told(some: Spec, own: Sequence[TrialPlan]) -> Forecast:
        return forecast(some, own, data, nodes, rates, backend=backend, device=device, source=source)

    if options.hours is None:
        return replace(told(spec, plans), load=load)
    datasets = [dataset for dataset, _ in data.values()]

    def of(candidates: int) -> Forecast:
        some = spec.model_copy(update={"candidates": candidates})
        return told(some, plan(some, datasets))

    return replace(_within(of, spec, options.hours, source), load=load)


def _within(of: Callable[[int], Forecast], spec: Spec, hours: float, source: str) -> Forecast:
    """Find the forecast of the most candidates that are trained within so many hours."""
    if spec.candidates is None:
        raise SpecError(
            [
                f"{source}: --hours chooses `candidates`, but this spec trains its whole grid: give `candidates` in it"
            ]
        )
    most = int(min(combinations(spec.hyperparameters), MAX_LANES // len(spec.seeds)))
    best = of(1)
    if best.seconds > 3600 * hours:
        raise SpecError(
            [
                f"{source}: one candidate for each architecture takes {duration(best.seconds)}, which is more than --hours "
                f"{hours:g}: name fewer architectures, seeds or epochs"
            ]
        )
    low, high = 1, most + 1  # what fits, and what does not, or is not allowed
    doubling = True
    while high - low > 1:
        tried = min(2 * low, high - 1) if doubling else (low + high) // 2
        found = of(tried)
        if found.seconds <= 3600 * hours:
            low, best = tried, found
        else:
            high, doubling = tried, False
    return replace(best, chosen_candidates=low)


def _nodes(options: Options, *, gpus: bool) -> Nodes:
    here = 0
    if gpus and options.gpus is None:
        import torch

        here = torch.cuda.device_count()
    return Nodes(
        count=options.nodes,
        cpus=options.cpus or usable_cpus(),
        gpus=here if options.gpus is None else options.gpus,
        memory=int(options.memory * GB) if options.memory else usable_memory().total,
        gpu_memory=int(options.gpu_memory * GB) if options.gpu_memory else None,
    )


def _backend_here(spec: Spec, device: str, source: str) -> str:
    name = spec.resources.backend
    if device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise SpecError(
                [
                    f"{source}: `resources.gpus_per_trial` is {spec.resources.gpus_per_trial:g}, but this machine has no "
                    "GPU to measure: on one that has, `seqsweep plan SPEC --write-rates FILE`, then --rates FILE here"
                ]
            )
    if name == "cpu" and not find_kernels():
        raise SpecError(
            [f"{source}: `resources.backend` is 'cpu', but its kernels were not built: give --rates"]
        )
    try:
        return create_backend(name, device, hidden=max(max(axes.hidden) for axes in spec.architecture)).name
    except (ValueError, OutOfMemoryError) as error:
        raise SpecError([f"{source}: {error}"]) from None


def _backend_there(spec: Spec, measured: set[str], device: str, file: str) -> str:
    """Find what `auto` comes to there: the best backend that was measured on the device."""
    if spec.resources.backend != "auto":
        return spec.resources.backend
    if not measured:
        raise SpecError([f"{file}: has no rate for `device` {device!r}, on which this sweep would train"])
    return next(name for name in ("cuda", "cpu", "torch") if name in measured)


def _measured(plans: Sequence[TrialPlan], data: Data, backend: str, device: str) -> RateFile:
    console = Terminal(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("measuring rates", total=None)
        return measuring.measure(
            plans,
            data,
            backend=backend,
            device=device,
            processes=1 if device == "cuda" else usable_cpus(),
            progress=lambda done, count: bar.update(task, completed=done, total=count),
        )
