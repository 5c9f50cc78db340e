"""What a training step of the cpu backend costs against lanes, threads, sequence length and hidden units.

    python benchmarks/scaling_cpu.py --write           all of it, about two minutes on two quiet cores
    python benchmarks/scaling_cpu.py --small           a few seconds, to try it

The claims: a step's cost is linear in lanes and in length, at most quadratic in hidden units; two threads halve the time where
there are at least two lanes; clipping and Adam together are a few percent of a step.

A step is what a trial does with a batch of 32 sequences a lane: `StepEngine.gradients` (forward, loss, backward), then the update
(with its scalars and clipping). Lengths are spread evenly from half to one and a half times the one named; every lane has
the same sequences in an order of its own, so all have the same tokens. Two features, five classes, one layer.

Costs are the process's CPU time with one thread, so that whoever shares the machine disturbs little; threads are compared by wall
clock, which wants a quiet machine. The points of a table take turns; a figure is the median over rounds. Exponents are the slope
of a straight line through (log x, log cost), by `numpy.polyfit`.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from results_table import machine, own_command, table, write_section

from seqsweep.seqmodels.architecture import Architecture
from seqsweep.seqmodels.backends.cpu.backend import CpuBackend
from seqsweep.seqmodels.engine import StepEngine
from seqsweep.seqmodels.hyperparameters import Hyperparameters, Lane
from seqsweep.seqmodels.lanes import LaneArray, Tokens
from seqsweep.seqmodels.layout import Layout
from seqsweep.seqmodels.optim import LaneOptimizer

BATCH, FEATURES, CLASSES = 32, 2, 5
CELLS = ("rnn_tanh", "gru", "lstm")
SHARE_UNITS = (32, 100)
LEAST_SECONDS = 0.05  # a shorter step is repeated


@dataclass(frozen=True)
class Point:
    """What is measured; the defaults are where the tables cross."""

    cell: str = "lstm"
    hidden: int = 100
    length: int = 100
    lanes: int = 4
    threads: int = 1


@dataclass(frozen=True)
class Cost:
    """Seconds of a step: CPU time of its two parts, and wall clock."""

    gradients: float
    update: float
    wall: float

    @property
    def cpu(self) -> float:
        return self.gradients + self.update


class Training:
    """The lanes of a point, and their steps."""

    def __init__(self, point: Point) -> None:
        layout = Layout(Architecture(point.cell, 1, point.hidden), FEATURES, CLASSES)
        lanes = [Lane(0, seed, Hyperparameters(clip_norm=1.0)) for seed in range(point.lanes)]
        self.backend = CpuBackend()
        self.engine = StepEngine(layout, self.backend, threads=point.threads)
        self.array = LaneArray(layout, lanes, self.engine)
        self.settings = [lane.hyperparameters for lane in lanes]
        params = self.array.params
        self.optimizer = LaneOptimizer(
            self.settings, params.shape[1], dtype=params.dtype, device=params.device
        )
        generator = torch.Generator().manual_seed(0)
        length = torch.linspace(point.length / 2, point.length * 3 / 2, BATCH).round().long()
        self.data = Tokens(
            torch.randn(int(length.sum()), FEATURES, generator=generator),
            length.cumsum(0) - length,
            length,
            torch.randint(CLASSES, (BATCH,), generator=generator),
        )
        self.batch = torch.stack([torch.randperm(BATCH, generator=generator) for _ in lanes])
        self.step = 0
        # the first step makes the workspaces, the second says how long one takes
        self.run(1)
        self.repeats = max(1, math.ceil(LEAST_SECONDS / self.run(1).wall))

    def run(self, repeats: int) -> Cost:
        gradients = update = 0.0
        begun = time.perf_counter()
        coming = time.process_time()
        updates = self.optimizer.coming([[h.lr] * repeats for h in self.settings])
        update += time.process_time() - coming
        epoch = self.array.epoch(self.data, self.batch[0], updates, number=1, batch_size=BATCH, bptt=None)
        for repeat in range(repeats):
            times = [time.process_time()]
            self.engine.gradients(epoch, self.batch, self.step)
            times.append(time.process_time())
            self.backend.update(updates, repeat, self.array.params, self.array.grads)
            times.append(time.process_time())
            gradients += times[1] - times[0]
            update += times[2] - times[1]
            self.step += 1
        wall = time.perf_counter() - begun
        return Cost(gradients / repeats, update / repeats, wall / repeats)


def measure(points: Sequence[Point], rounds: int) -> dict[Point, Cost]:
    """The median cost of each."""
    trainings = {point: Training(point) for point in points}
    found: dict[Point, list[Cost]] = {point: [] for point in points}
    for _ in range(rounds):
        for point, training in trainings.items():
            found[point].append(training.run(training.repeats))

    def median(costs: Sequence[Cost], part: str) -> float:
        return float(np.median([getattr(cost, part) for cost in costs]))

    return {
        point: Cost(*(median(costs, part) for part in ("gradients", "update", "wall")))
        for point, costs in found.items()
    }


def exponent(x: Sequence[float], cost: Sequence[float]) -> float:
    return float(np.polyfit(np.log(x), np.log(cost), 1)[0])


def verdict(claim: str, reached: bool) -> str:
    return f"- {claim}: **{'reached' if reached else 'not reached'}**"


def lanes(rounds: int, small: bool) -> list[str]:
    counts = [2**power for power in range(4 if small else 9)]
    one = [Point(lanes=count) for count in counts]
    two = [Point(lanes=count, threads=2) for count in counts]
    costs = measure([point for pair in zip(one, two, strict=True) for point in pair], rounds)
    cpu = [costs[point].cpu for point in one]
    gains = [costs[a].wall / costs[b].wall for a, b in zip(one, two, strict=True)]
    rows = [
        [
            str(count),
            f"{1e3 * own:.1f}",
            f"{1e3 * own / count:.2f}",
            *(f"{1e3 * costs[point].wall:.1f}" for point in pair),
            f"{gain:.2f}x",
        ]
        for count, own, pair, gain in zip(counts, cpu, zip(one, two, strict=True), gains, strict=True)
    ]
    slope = exponent(counts, cpu)
    return [
        "### Lanes and threads: lstm, 100 units, length 100",
        "",
        *table(["lanes", "CPU ms", "CPU ms a lane", "wall ms, 1 thread", "wall ms, 2 threads", "gain"], rows),
        "",
        verdict(f"linear in lanes: exponent {slope:.2f}, at most 1.05", slope <= 1.05),
        verdict(
            f"2 threads, 2 or more lanes: at least {min(gains[1:]):.2f}x faster, 1.8x asked for",
            min(gains[1:]) >= 1.8,
        ),
        "",
    ]


def length(rounds: int, small: bool) -> list[str]:
    lengths = [25, 50, 100] if small else [25, 50, 100, 200, 400]
    costs = measure([Point(cell, length=each) for cell in CELLS for each in lengths], rounds)
    return against("length", "Length: 100 units, 4 lanes", lengths, costs, most=1.05)


def hidden(rounds: int, small: bool) -> list[str]:
    sizes = [32, 64, 128] if small else [32, 64, 96, 128, 192, 256]
    costs = measure([Point(cell, hidden=each) for cell in CELLS for each in sizes], rounds)
    return against("hidden", "Hidden units: length 100, 4 lanes", sizes, costs, most=2.1)


def against(
    axis: str, heading: str, values: Sequence[int], costs: dict[Point, Cost], *, most: float
) -> list[str]:
    """CPU ms a lane of each cell, and the exponents: of all values, and of the two largest."""
    rows, verdicts = [], []
    for cell in CELLS:
        points = [point for point in costs if point.cell == cell]
        cost = [costs[point].cpu / point.lanes for point in points]
        whole, last = exponent(values, cost), exponent(values[-2:], cost[-2:])
        rows.append([cell, *(f"{1e3 * each:.2f}" for each in cost), f"{whole:.2f}", f"{last:.2f}"])
        worst = max(whole, last)
        verdicts.append(verdict(f"{cell}: exponent {worst:.2f}, at most {most}", worst <= most))
    header = [axis, *map(str, values), "exponent", "of the last two"]
    return [
        f"### {heading}; CPU ms a lane",
        "",
        *table(header, rows),
        "",
        *verdicts,
        "",
    ]


def update(rounds: int, small: bool) -> list[str]:
    counts = (1, 4) if small else (1, 4, 64)
    points = [
        Point(cell, hidden=size, lanes=count) for cell in CELLS for size in SHARE_UNITS for count in counts
    ]
    costs = measure(points, rounds)
    shares = {point: cost.update / cost.cpu for point, cost in costs.items()}
    worst = {
        size: max(share for point, share in shares.items() if point.hidden == size) for size in SHARE_UNITS
    }
    rows = [
        [
            f"{point.cell} x {point.hidden}",
            str(point.lanes),
            f"{1e3 * cost.gradients / point.lanes:.3f}",
            f"{1e3 * cost.update / point.lanes:.3f}",
            f"{shares[point]:.1%}",
        ]
        for point, cost in costs.items()
    ]
    return [
        "### The update's share: length 100",
        "",
        *table(["", "lanes", "gradients, CPU ms a lane", "update, CPU ms a lane", "share"], rows),
        "",
        *(
            verdict(f"{size} units: clipping and Adam take at most {share:.1%}, 5 % asked for", share <= 0.05)
            for size, share in worst.items()
        ),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--small", action="store_true", help="fewer and smaller points")
    parser.add_argument("--write", action="store_true", help="put the tables into RESULTS.md")
    options = parser.parse_args()
    torch.set_num_threads(1)  # as trials do
    print(machine())
    lines: list[str] = []
    parts: list[Callable[[int, bool], list[str]]] = [lanes, length, hidden, update]
    for part in parts:
        found = part(options.rounds, options.small)
        print("", *found, sep="\n", flush=True)
        lines += found
    if options.write:
        write_section("Scaling of a training step, cpu backend", own_command(), lines)


if __name__ == "__main__":
    main()
