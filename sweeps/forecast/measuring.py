"""Rates of this machine: short real training steps of a spec's own architectures on its own data.

All cores are kept busy at once, one process each, as they are in a sweep: a core that works alone is faster.
"""

from __future__ import annotations

import math
import multiprocessing
import platform
import re
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import stdev
from typing import TYPE_CHECKING

import numpy as np

from seqsweep.cluster.limits import usable_cpus
from seqsweep.seqmodels.architecture import Architecture
from seqsweep.seqmodels.cost import cost
from seqsweep.seqmodels.hyperparameters import Lane
from seqsweep.seqmodels.training_config import TrainingConfig
from seqsweep.sweeps.forecast.rates import RATES_VERSION, Rate, RateFile, Workload

if TYPE_CHECKING:
    from seqsweep.seqmodels.data.dataset import SequenceDataset
    from seqsweep.sweeps.datasets.loading import Data
    from seqsweep.sweeps.spec.plan import TrialPlan

BUDGET_SECONDS = 15.0  # after which no further rate is begun, but for each cell's first
EACH_SECONDS = 0.4
REPETITIONS = 5
MOST_LANES = 3
MOST_TOGETHER = 264  # with a backend that trains all lanes together: more of them take as long each
MOST_SEQUENCES = 256
_AXES = [each.name for each in fields(Architecture) if each.name in Workload.model_fields]
MOST_POINTS = 200  # to choose from: more than the time allows


@dataclass(frozen=True, eq=False)
class Point:
    """One rate to measure; travels to the process that does it."""

    workload: Workload
    architecture: Architecture
    lanes: tuple[Lane, ...]
    data: SequenceDataset
    bptt: int | None
    precision: str


def workload(trial: TrialPlan, dataset: SequenceDataset, backend: str, device: str) -> Workload:
    """Tell what the rate of a trial depends on."""
    return Workload.model_construct(
        backend=backend,
        device=device,
        dataset=dataset.name,
        features=dataset.feature_count,
        **{name: getattr(trial.architecture, name) for name in _AXES},
        batch_size=trial.batch_size,
    )


def measure(
    plans: Sequence[TrialPlan],
    data: Data,
    *,
    backend: str,
    device: str,
    processes: int,
    progress: Callable[[int, int], None],
    seconds: float = BUDGET_SECONDS,
) -> RateFile:
    """Measure what the time allows: the extremes first, then what is farthest from what was measured.

    Args:
        plans: what would be trained; all trials have the same lanes.
        data: their data sets with their splits, by name.
        backend, device: with what, by its own name (not `auto`).
        processes: measurements at a time.
        progress: called with (done, all) of the rates.
        seconds: after which none is begun but for each cell's first.
    """
    from seqsweep.sweeps.versions import installed_versions

    points = _points(plans, data, backend, device)
    needed = {next(i for i, p in enumerate(points) if p.workload.cell == cell) for cell in _cells(points)}
    # a process that was forked would have copies of torch's threads' locks, but not the threads
    context = multiprocessing.get_context("spawn")
    found: list[Rate] = []
    with ProcessPoolExecutor(min(processes, len(points)), mp_context=context) as pool:
        # their start, and the import of torch, are not the measurements' time
        wait([pool.submit(_start) for _ in range(processes)])
        end = time.monotonic() + seconds
        futures: dict[Future[Rate], int] = {
            pool.submit(measure_point, point): i for i, point in enumerate(points)
        }
        left = set(futures)
        progress(0, len(points))
        while left:
            done, left = wait(left, timeout=0.2, return_when="FIRST_COMPLETED")
            if time.monotonic() > end:
                left = {each for each in left if futures[each] in needed or not each.cancel()}
            found += [each.result() for each in done]
            if done:
                progress(len(found), len(found) + len(left))
    return RateFile(
        schema_version=RATES_VERSION,
        machine=_machine(device),
        measured=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=installed_versions(),
        rates=found,
    )


def _start() -> None:
    import seqsweep.seqmodels.training  # noqa: F401 (torch, with it)

    time.sleep(0.1)  # so that no process takes another's turn


def measure_point(point: Point) -> Rate:
    """Train a few lanes for a few tenths of a second, then evaluate them."""
    import torch

    from seqsweep.seqmodels.backends.choosing import create_backend
    from seqsweep.seqmodels.lanes import device_tokens
    from seqsweep.seqmodels.layout import Layout
    from seqsweep.seqmodels.training import Trainer

    torch.set_num_threads(1)
    wanted, data = point.workload, point.data
    tokens = device_tokens(data, wanted.device)
    everything = np.arange(len(data.length))
    unit = cost(point.architecture, data.feature_count, 1)
    config = TrainingConfig(
        epochs=1_000_000, batch_size=wanted.batch_size, min_change=0.0, bptt=point.bptt, keep="last"
    )

    def trainer(members: Sequence[Lane], index: np.ndarray) -> Trainer:
        layout = Layout(point.architecture, data.feature_count, data.class_count)
        own = create_backend(wanted.backend, wanted.device, precision=point.precision, hidden=wanted.hidden)
        return Trainer(layout, members, tokens, index, index[:0], config, own)

    def timed(work: Callable[[], object]) -> float:
        # on cores the process's own time: what other programs take now says nothing about the sweep
        clock = time.perf_counter if wanted.device == "cuda" else time.process_time
        begun = clock()
        work()
        if wanted.device == "cuda":
            torch.cuda.synchronize()
        return clock() - begun

    together = wanted.backend == "cuda"
    first = trainer(point.lanes if together else point.lanes[:1], everything[: wanted.batch_size])
    timed(first.run_epoch)  # memory, caches and threads are made
    once = timed(first.run_epoch) / len(first.lanes)
    del first  # on a GPU the next one needs its memory
    few = point.lanes
    if not together:
        few = few[: max(1, min(len(few), int(EACH_SECONDS / REPETITIONS / once)))]
    fit = max(1, int(EACH_SECONDS / REPETITIONS / once / len(few)))
    chosen = everything[: fit * wanted.batch_size]
    own = trainer(few, chosen)
    count = max(
        1, round(EACH_SECONDS / max(1e-9, once * len(few) * math.ceil(len(chosen) / wanted.batch_size)))
    )
    times = [timed(own.run_epoch) for _ in range(max(2, min(count, 50)))]
    units = unit * int(data.length[chosen].sum()) * len(few)
    rows = torch.from_numpy(everything.copy()).to(tokens.label)
    evaluation = min(timed(lambda: own.array.logits(tokens, rows)) for _ in range(2))
    return Rate(
        **wanted.model_dump(),
        train=float(np.median(times)) / units,
        evaluate=evaluation / (unit * int(data.length.sum()) * len(few)),
        spread=min(10.0, stdev(map(math.log, times))),
    )


def _points(plans: Sequence[TrialPlan], data: Data, backend: str, device: str) -> list[Point]:
    members = _typical(plans[0].lanes, MOST_TOGETHER if backend == "cuda" else MOST_LANES)
    samples = {name: _sample(dataset, splits.train) for name, (dataset, splits) in data.items()}
    points: dict[Workload, Point] = {}
    for trial in plans:
        key = workload(trial, data[trial.dataset][0], backend, device)
        if key not in points:
            points[key] = Point(
                key,
                trial.architecture,
                members,
                samples[trial.dataset],
                trial.training.bptt,
                trial.training.precision,
            )
    return _spread_out(list(points.values()))


def _typical(members: Sequence[Lane], most: int) -> tuple[Lane, ...]:
    """A few lanes from all over the search space, with a learning rate at which none diverges."""
    step = max(1, len(members) // most)
    few = members[step // 2 :: step][:most]
    return tuple(replace(lane, hyperparameters=replace(lane.hyperparameters, lr=1e-6)) for lane in few)


def _sample(dataset: SequenceDataset, train: np.ndarray) -> SequenceDataset:
    """Some of the training sequences, at random, as a data set of its own."""
    few = np.random.default_rng(0).permutation(train)[:MOST_SEQUENCES]
    return type(dataset).from_sequences(
        dataset.name,
        [dataset.sequence(int(index)) for index in few],
        label=dataset.label[few],
        class_names=dataset.class_names,
        ids=[str(index) for index in range(len(few))],
        is_test=np.zeros(len(few), np.bool_),
    )


def _cells(points: Sequence[Point]) -> list[str]:
    return list(dict.fromkeys(point.workload.cell for point in points))


def _spread_out(points: list[Point]) -> list[Point]:
    """The order in which to measure: each the farthest from all before it, in doublings; cells take turns."""
    turns = []
    for cell in _cells(points):
        own = [point for point in points if point.workload.cell == cell]
        datasets = list(dict.fromkeys(point.workload.dataset for point in own))
        place = np.array(
            [
                [
                    2 * math.log2(w.hidden),
                    2 * math.log2(w.layers),
                    math.log2(w.batch_size),
                    float(w.bidirectional),
                    float(datasets.index(w.dataset)),
                ]
                for w in (point.workload for point in own)
            ]
        )
        first = int(place[:, :2].sum(1).argmax())  # the largest: what a sweep's end hangs on
        order, distance = [first], np.abs(place - place[first]).max(1)
        while len(order) < min(len(own), MOST_POINTS):
            farthest = int(distance.argmax())
            if distance[farthest] == 0:
                break
            order.append(farthest)
            distance = np.minimum(distance, np.abs(place - place[farthest]).max(1))
        turns.append([own[index] for index in order])
    return [points[i] for i in range(max(map(len, turns))) for points in turns if i < len(points)]


def _machine(device: str) -> str:
    """`Intel(R) Xeon(R) Processor, 2 cores`, or the GPU's name."""
    if device == "cuda":
        import torch

        return torch.cuda.get_device_name()
    try:
        match = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:  # not Linux
        match = None
    name = match[1] if match else platform.processor() or platform.machine()
    return f"{name}, {usable_cpus()} cores"
