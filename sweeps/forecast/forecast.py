"""A sweep before anybody pays for it: its schedule, hours, memory and bytes, from measured rates."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seqsweep.results.analysis.caution import Caution
from seqsweep.results.analysis.search_cautions import search_cautions
from seqsweep.seqmodels.backends.choosing import BACKENDS
from seqsweep.seqmodels.cost import cost
from seqsweep.seqmodels.footprint import Footprint
from seqsweep.seqmodels.layout import Layout
from seqsweep.sweeps.datasets.description import data_cautions
from seqsweep.sweeps.forecast import volumes
from seqsweep.sweeps.forecast.measuring import workload
from seqsweep.sweeps.forecast.memory import Memory, checkpoint_bytes, largest_trial, representative
from seqsweep.sweeps.forecast.schedule import Schedule, simulate
from seqsweep.sweeps.resources import (
    Nodes,
    check_fits,
    slots,
    trial_gpu_memory,
    trial_memory,
    trials_per_gpu,
    trials_per_node,
)
from seqsweep.sweeps.spec.plan import lane_count

if TYPE_CHECKING:
    from seqsweep.seqmodels.data.dataset import SequenceDataset
    from seqsweep.seqmodels.data.splits import Splits
    from seqsweep.sweeps.datasets.loading import Data
    from seqsweep.sweeps.forecast.rates import Rates
    from seqsweep.sweeps.spec.model import Spec
    from seqsweep.sweeps.spec.plan import TrialPlan

RAY_SECONDS = 9.0  # its start and its end
WORKER_SECONDS = 4.0  # a new process until it trains: Python, torch, the first placement
TRIAL_SECONDS = 0.2  # of a trial besides training: its data, its turn with the driver
ROW_SECONDS = 3e-5  # of a trial for each row of its tables
DRIVER_TRIAL_SECONDS = 0.025  # of the driver's CPU; benchmarks/driver_cost.py
DRIVER_RESULT_SECONDS = 0.0005
THREADS_EFFICIENCY = 0.9  # of several cores in one trial, see benchmarks/scaling_cpu.py
LEAST_SPREAD = 0.15  # the worst of the predictions in docs/plan.md was 14 % off
LONG_TAIL = 0.15  # of the time, in which places have nothing left to do


@dataclass(frozen=True)
class Work:
    """One trial as the simulation sees it: seconds of one core (or of a GPU), by kind."""

    label: str
    planned: float  # what sets the order
    stages: tuple[tuple[int, float], ...]  # lanes that train side by side, and of one of them
    score: float  # of one lane of the search
    test: float  # of one lane
    overhead: float
    spread: float
    searched: int
    tested: int

    def seconds(self, threads: int, share: float = 1.0) -> float:
        """Count the seconds on so many cores. `share` < 1: of the epochs."""
        training = sum(_side_by_side(lanes, threads) * seconds for lanes, seconds in self.stages)
        scoring = _side_by_side(self.searched, threads) * self.score
        return training * share + scoring + _side_by_side(self.tested, threads) * self.test + self.overhead


@dataclass(frozen=True)
class Advice:
    """What bounds the end: `work`, `tail`, `trials` (fewer than places) or `driver`; and what would help."""

    bound: str
    words: str
    cpus_per_trial: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Forecast:
    """The whole plan. Seconds, bytes and counts; `seconds` is for lanes that run all their epochs.

    `cautions`: what to beware of in the data, by data set; `search_cautions`: in the search. `load`: of this machine, processes
    that ran or waited in the last minute when the rates were measured; None where they come from elsewhere.
    `chosen_candidates`: as many as are trained in the hours that were given; None: they are the spec's.
    """

    name: str
    datasets: tuple[str, ...]
    trials: int
    lanes: int
    models: int
    nodes: Nodes
    cpus_per_trial: int
    gpus_per_trial: float
    max_concurrent: int
    at_a_time: int
    per_node: int
    per_gpu: int | None
    seconds: float
    low: float
    high: float
    earliest: float | None
    core_hours: float
    gpu_hours: float
    utilisation: float
    longest: str
    longest_seconds: float
    last: str
    tail_seconds: float
    advice: Advice
    memory: Memory
    gpu_memory: Memory | None
    object_store: Mapping[str, int]
    object_store_per_node: int
    rows: Mapping[str, int]
    parquet: Mapping[str, int]
    parquet_bytes: int
    model_bytes: int
    checkpoint_bytes: int
    driver_seconds: float
    backend: str
    rates: str
    rates_measured: int
    rates_estimated: int
    cautions: Mapping[str, tuple[Caution, ...]]
    search_cautions: tuple[Caution, ...]
    chosen_candidates: int | None = None
    load: float | None = None


def forecast(
    spec: Spec,
    plans: Sequence[TrialPlan],
    data: Data,
    nodes: Nodes,
    rates: Rates,
    *,
    backend: str,
    device: str,
    source: str,
) -> Forecast:
    """Simulate the sweep.

    Args:
        spec: what to train.
        plans: its trials, in the spec's order; all have the same lanes.
        data: its data sets with their splits, by name.
        nodes: where.
        rates: how fast.
        backend: what trains there, by its own name (not `auto`).
        device: `cpu` or `cuda`.
        source: what problems call the spec.

    Raises:
        ClusterError: a trial fits no node.
        SpecError: the rates lack something, or a trial's memory fits no node.
    """
    resources, members = spec.resources, plans[0].lanes
    check_fits(resources, nodes.place(source))
    places = slots(resources, [nodes.machine], nodes.count)
    threads = resources.cpus_per_trial
    limit = trial_memory(nodes.memory, nodes.cpus, threads) if device == "cpu" else None
    if device == "cuda" and nodes.gpu_memory is not None:
        limit = trial_gpu_memory(nodes.gpu_memory, resources.gpus_per_trial)
    # on a GPU all lanes advance together, whatever cores the trial has
    side_by_side = 1 if backend == "cuda" else threads
    there = BACKENDS[backend]()  # rules alone, which need no kernels, are asked for
    typical = representative(members, threads)
    works, sizes, parts = [], [], []
    exact: set[object] = set()
    estimated: set[object] = set()
    tokens = {name: _tokens(*content) for name, content in data.items()}
    for trial in plans:
        dataset, splits = data[trial.dataset]
        key = workload(trial, dataset, backend, device)
        rate = rates.of(key)
        (exact if rate.measured else estimated).add(key)
        layout = Layout(trial.architecture, dataset.feature_count, dataset.class_count)
        part = volumes.written(layout, trial, splits)
        works.append(
            _work(
                _label(trial, spec),
                cost(trial.architecture, dataset.feature_count, 1),
                tokens[trial.dataset],
                trial,
                (rate.train, rate.evaluate, rate.spread),
                sum(part.rows.values()),
            )
        )
        parks = trial.candidates if trial.search.method == "halving" else 0
        footprint = Footprint.of(layout, typical, dataset, splits, trial.training, there, threads, parks)
        sizes.append((footprint, layout.width))
        parts.append(part)

    order = sorted(range(len(works)), key=lambda index: -works[index].planned)
    seconds = [work.seconds(side_by_side) for work in works]
    schedule = _schedule(seconds, order, places)
    per_node = trials_per_node(resources, nodes.cpus, nodes.gpus)
    per_gpu = trials_per_gpu(resources.gpus_per_trial) if 0 < resources.gpus_per_trial < 1 else None
    at_once = [
        len(members) if limit is None else size.lanes_at_once(len(members), limit) for size, _ in sizes
    ]
    waves = [math.ceil(len(members) / count) for count in at_once]
    epochs = [[epochs for lanes, epochs in trial.stages if lanes] for trial in plans]
    results = sum(wave * sum(own) + 2 for wave, own in zip(waves, epochs, strict=True))
    driver = len(works) * DRIVER_TRIAL_SECONDS + results * DRIVER_RESULT_SECONDS
    # on a single node the driver and Ray's servers take their time from the trials
    hindrance = driver / nodes.cpus if nodes.count == 1 else 0.0
    wall = RAY_SECONDS + max(schedule.seconds + hindrance, driver)
    busy = sum(seconds)
    spread = max(
        LEAST_SPREAD, sum(w.spread * s for w, s in zip(works, seconds, strict=True)) / max(busy, 1e-9)
    )
    crowded = per_gpu or 1
    longest = max(range(len(works)), key=seconds.__getitem__)
    host, gpu = largest_trial(
        [work.label for work in works], sizes, at_once, len(members), nodes, per_node, per_gpu, device, source
    )
    summed = volumes.total(parts)
    store = volumes.shared_data(data)
    return Forecast(
        name=spec.name,
        datasets=tuple(data),
        trials=len(works),
        lanes=plans[0].most_lanes,
        models=lane_count(plans),
        nodes=nodes,
        cpus_per_trial=threads,
        gpus_per_trial=resources.gpus_per_trial,
        max_concurrent=resources.max_concurrent,
        at_a_time=places,
        per_node=per_node,
        per_gpu=per_gpu,
        seconds=wall,
        low=wall / math.exp(spread),
        # trials that share a GPU may have to take turns
        high=RAY_SECONDS + (wall - RAY_SECONDS) * math.exp(spread) * crowded,
        earliest=_earliest(spec, works, order, places, side_by_side),
        core_hours=busy * threads / 3600,
        gpu_hours=busy * resources.gpus_per_trial / 3600,
        utilisation=_utilisation(busy, wall, resources.gpus_per_trial, threads, nodes),
        longest=works[longest].label,
        longest_seconds=seconds[longest],
        last=works[order[schedule.last]].label,
        tail_seconds=schedule.seconds - schedule.idle_from,
        advice=_advice(spec, works, order, nodes, schedule, places, driver),
        memory=host,
        gpu_memory=gpu,
        object_store=store,
        object_store_per_node=sum(store.values()),
        rows=summed.rows,
        parquet=summed.tables,
        parquet_bytes=summed.parquet,
        model_bytes=summed.models,
        checkpoint_bytes=checkpoint_bytes(sizes, at_once, members, places),
        driver_seconds=driver,
        backend=backend,
        rates=rates.source,
        rates_measured=len(exact),
        rates_estimated=len(estimated),
        cautions=data_cautions(data),
        search_cautions=search_cautions(spec.to_table()),
    )


def _side_by_side(lanes: int, threads: int) -> float:
    """Count the lanes that one after the other take as long as `lanes` on so many cores."""
    if threads == 1 or lanes <= 1:
        return float(lanes)
    return max(math.ceil(lanes / threads), lanes / threads / THREADS_EFFICIENCY)


def _tokens(dataset: SequenceDataset, splits: Splits) -> dict[str, int]:
    """Time steps of each part."""
    return {
        name: int(dataset.length[getattr(splits, name)].sum()) for name in ("train", "validation", "test")
    }


def _work(
    label: str,
    unit: float,
    tokens: Mapping[str, int],
    trial: TrialPlan,
    rate: tuple[float, float, float],
    rows: int,
) -> Work:
    train, evaluate, spread = rate
    both = tokens["train"] + tokens["validation"]
    epoch = unit * (tokens["train"] * train + tokens["validation"] * evaluate)
    *search, (finals, epochs) = trial.stages
    refit = unit * both * train if trial.training.refit else epoch
    searched = trial.most_lanes - len(trial.final_seeds)
    return Work(
        label=label,
        planned=sum(lanes * each for lanes, each in trial.stages) * unit * tokens["train"],
        stages=(*((lanes, each * epoch) for lanes, each in search), (finals, epochs * refit)),
        score=unit * both * evaluate,
        test=unit * tokens["test"] * evaluate,
        overhead=TRIAL_SECONDS + rows * ROW_SECONDS,
        spread=spread,
        searched=searched,
        tested=len(trial.final_seeds) or trial.seeds,
    )


def _label(trial: TrialPlan, spec: Spec) -> str:
    several = (
        f" batch {trial.batch_size}"
        if len({size for axes in spec.architecture for size in axes.batch_size}) > 1
        else ""
    )
    return f"{trial.architecture.label}{several} · {trial.dataset}"


def _schedule(seconds: Sequence[float], order: Sequence[int], places: int) -> Schedule:
    """Simulate trials in the order of `seqsweep run`; the first trial of each place waits for its process."""
    return simulate(
        [seconds[index] + (WORKER_SECONDS if turn < places else 0.0) for turn, index in enumerate(order)],
        places,
    )


def _earliest(
    spec: Spec, works: Sequence[Work], order: Sequence[int], places: int, threads: int
) -> float | None:
    """Seconds where every lane stopped at the first epoch at which its rule allows it; None where none has a rule."""
    training = spec.training
    rules = [training.patience] if training.min_change > 0 else []
    rules += [training.validation_patience] if training.validation_patience else []
    if not rules or min(rules) + 1 >= training.epochs:
        return None
    share = (min(rules) + 1) / training.epochs
    return RAY_SECONDS + _schedule([work.seconds(threads, share) for work in works], order, places).seconds


def _utilisation(busy: float, wall: float, share: float, threads: int, nodes: Nodes) -> float:
    """Measure how busy GPUs are where trials use them, else of the cores."""
    if share:
        return min(1.0, busy * share / (wall * nodes.count * nodes.gpus))
    return min(1.0, busy * threads / (wall * nodes.count * nodes.cpus))


def _advice(
    spec: Spec,
    works: Sequence[Work],
    order: Sequence[int],
    nodes: Nodes,
    schedule: Schedule,
    places: int,
    driver: float,
) -> Advice:
    tail = schedule.seconds - schedule.idle_from
    better = _better_threads(spec, works, order, nodes, schedule.seconds)
    if driver > schedule.seconds:
        return Advice(
            "driver",
            "one process cannot hand out so short trials to so many places: fewer nodes would do, or fewer, "
            "larger trials (more candidates each)",
        )
    if tail <= LONG_TAIL * schedule.seconds:
        fewer = spec.resources.max_concurrent and places == spec.resources.max_concurrent
        words = "`max_concurrent` bounds it: raise it" if fewer else "more nodes would shorten it"
        return Advice("work", words)
    last = works[order[schedule.last]].label
    idle = len(works) < places
    words = f"only {len(works)} of {places} places are used" if idle else f"a long tail: {last} ends last"
    if better is None:
        words += "; fewer nodes would take as long, and nothing but smaller trials would shorten it"
        return Advice("trials" if idle else "tail", words)
    return Advice("trials" if idle else "tail", words, *better)


def _better_threads(
    spec: Spec, works: Sequence[Work], order: Sequence[int], nodes: Nodes, now: float
) -> tuple[int, float] | None:
    """`cpus_per_trial` that ends at least a tenth earlier, and in how many seconds; None where none does.

    Trials on GPUs gain nothing from cores.
    """
    if spec.resources.gpus_per_trial:
        return None
    best: tuple[float, int] | None = None
    for threads in sorted({2**power for power in range(nodes.cpus.bit_length())} | {nodes.cpus}):
        places = slots(
            spec.resources.model_copy(update={"cpus_per_trial": threads}), [nodes.machine], nodes.count
        )
        found = _schedule([work.seconds(threads) for work in works], order, places).seconds
        if found < 0.9 * now and (best is None or found < 0.95 * best[0]):
            best = (found, threads)
    return (best[1], RAY_SECONDS + best[0]) if best else None
