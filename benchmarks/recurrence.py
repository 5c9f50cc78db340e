"""A training step of one recurrent classifier on one core: the cpu backend against `torch.nn` on packed and on padded input.

    python benchmarks/recurrence.py                    the rows of the claim: LSTM, H = 100, one layer
    python benchmarks/recurrence.py --all              cells x H x data x layers x directions

A step is forward, cross-entropy and backward for 32 sequences; the optimizer is left out everywhere. The contestants take turns
in one process, each round on the same batches, timed by the process's CPU time, so that whoever shares the machine slows all
alike. A figure is the median over rounds of the ratio within a round, and so is the share of the FMA peak. The claim's rows are
also compared with `torch.compile` of the padded module. All flush denormal numbers to zero (the kernels always do): gradients
that fade over 178 steps would slow `torch.nn` by another factor of 2 to 4.

The peak is the core's measured FMA peak, counting the products of a step only: 2 G H (H + F) operations per token
forward, as many for the gradients of the weights, and again for the state (and for the input, where a layer below asks for it).
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from results_table import machine, own_command, table, write_section
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from seqsweep.seqmodels.architecture import Architecture
from seqsweep.seqmodels.backends.cpu.backend import CpuBackend
from seqsweep.seqmodels.backends.cpu.library import INSTRUCTION_SETS, instruction_sets, library
from seqsweep.seqmodels.backends.torch_ import torch_module
from seqsweep.seqmodels.cells import RECURRENT_CELLS
from seqsweep.seqmodels.engine import StepEngine
from seqsweep.seqmodels.hyperparameters import Hyperparameters, Lane
from seqsweep.seqmodels.lanes import LaneArray, Tokens
from seqsweep.seqmodels.layout import Layout
from seqsweep.seqmodels.optim import LaneOptimizer

BATCH, CLASSES = 32, 5
OURS = "cpu backend"
DATA = {"D=2, T 60-178": (2, 60, 178), "D=39, T 10-60": (39, 10, 60)}
GOALS = {
    ("lstm x 1 x 100", "D=2, T 60-178"): {"nn packed": 9.0, "nn padded": 1.9, "peak": 0.6},
    ("lstm x 1 x 100", "D=39, T 10-60"): {"nn packed": 4.0, "nn padded": 1.9},
}
LEAST = 1.5  # over the better baseline, for every other row


class Packed(nn.Module):
    """What anybody would write: a recurrent module on packed input, the last states, a linear head."""

    def __init__(self, architecture: Architecture, features: int) -> None:
        super().__init__()
        self.rnn = torch_module(
            architecture.cell,
            features,
            architecture.hidden,
            num_layers=architecture.layers,
            bidirectional=architecture.bidirectional,
        )
        self.head = nn.Linear(architecture.readout_features, CLASSES)

    def forward(self, x: Tensor, length: Tensor) -> Tensor:
        packed, _ = self.rnn(pack_padded_sequence(x, length, batch_first=True, enforce_sorted=False))
        output, _ = pad_packed_sequence(packed, batch_first=True)
        return self.head(last_states(output, length, self.rnn.hidden_size))


class Padded(nn.Module):
    """The faster way: padded input, which oneDNN takes, and a gather. Reading padded rows backwards would begin with padding, so
    each direction of each layer is a module of its own, the backward one between two gathers that turn every row around.
    """

    def __init__(self, architecture: Architecture, features: int) -> None:
        super().__init__()
        self.hidden, self.bidirectional = architecture.hidden, architecture.bidirectional
        build = partial(torch_module, architecture.cell)
        if self.bidirectional:
            inputs = [features] + [2 * self.hidden] * (architecture.layers - 1)
            self.forwards = nn.ModuleList(build(size, self.hidden) for size in inputs)
            self.backwards = nn.ModuleList(build(size, self.hidden) for size in inputs)
        else:
            self.rnn = build(features, self.hidden, num_layers=architecture.layers)
        self.head = nn.Linear(architecture.readout_features, CLASSES)

    def forward(self, x: Tensor, length: Tensor) -> Tensor:
        if self.bidirectional:
            time = torch.arange(x.shape[1])
            turned = torch.where(time < length[:, None], length[:, None] - 1 - time, time)[..., None]
            for ahead, back in zip(self.forwards, self.backwards, strict=True):
                reverse = back(x.gather(1, turned.expand_as(x)))[0]
                x = torch.cat([ahead(x)[0], reverse.gather(1, turned.expand_as(reverse))], 2)
        else:
            x = self.rnn(x)[0]
        return self.head(last_states(x, length, self.hidden))


def last_states(output: Tensor, length: Tensor, hidden: int) -> Tensor:
    """Of both reading ends, where there are two."""
    last = output[torch.arange(len(length)), length - 1]
    return last if output.shape[2] == hidden else torch.cat([last[:, :hidden], output[:, 0, hidden:]], 1)


def contestants(
    architecture: Architecture,
    features: int,
    shortest: int,
    longest: int,
    batches: int,
    *,
    instruction_set: str | None = None,
    compiled: bool = False,
) -> tuple[dict[str, Callable[[], None]], int]:
    """A function for each that runs a step on every batch; and the tokens in all batches."""
    generator = torch.Generator().manual_seed(0)
    length = torch.randint(shortest, longest + 1, (batches * BATCH,), generator=generator)
    start = length.cumsum(0) - length
    tokens = torch.randn(int(length.sum()), features, generator=generator)
    label = torch.randint(CLASSES, (len(length),), generator=generator)
    data = Tokens(tokens, start, length, label)
    backend = CpuBackend(instruction_set=instruction_set)
    layout, settings = Layout(architecture, features, CLASSES), [Hyperparameters()]
    engine = StepEngine(layout, backend)
    array = LaneArray(layout, [Lane(0, 0, settings[0])], engine)
    optimizer = LaneOptimizer(settings, layout.width, dtype=array.params.dtype, device=array.params.device)
    updates = optimizer.coming([[settings[0].lr] * batches])
    epoch = array.epoch(data, torch.arange(len(length)), updates, number=1, batch_size=BATCH, bptt=None)
    sequences = torch.arange(len(length)).view(batches, 1, BATCH)

    def ours() -> None:
        for step, batch in enumerate(sequences):
            engine.gradients(epoch, batch, step)

    rows = [tokens[s : s + n] for s, n in zip(start.tolist(), length.tolist(), strict=True)]
    padded = [
        nn.utils.rnn.pad_sequence(rows[i : i + BATCH], batch_first=True) for i in range(0, len(rows), BATCH)
    ]

    def theirs(module: nn.Module) -> Callable[[], None]:
        loss = nn.CrossEntropyLoss()

        def run() -> None:
            for x, own, y in zip(padded, length.split(BATCH), label.split(BATCH), strict=True):
                module.zero_grad()
                loss(module(x, own), y).backward()

        return run

    runs = {
        OURS: ours,
        "nn packed": theirs(Packed(architecture, features)),
        "nn padded": theirs(Padded(architecture, features)),
    }
    if compiled:
        module = Padded(architecture, features)
        runs["padded, compiled"] = theirs(torch.compile(module, dynamic=True))  # type: ignore[arg-type]
    return runs, int(length.sum())


def floating_point_operations(architecture: Architecture, features: int) -> int:
    """Of the products of one token's training step."""
    gates = len(RECURRENT_CELLS[architecture.cell].gates)
    hidden, total = architecture.hidden, 0
    for layer in range(architecture.layers):
        inputs = hidden * architecture.directions if layer else features
        one_pass = 2 * gates * hidden * (hidden + inputs)
        total += architecture.directions * (3 * one_pass - (0 if layer else 2 * gates * hidden * inputs))
    return total


def cpu_seconds(run: Callable[[], None]) -> float:
    begun = time.process_time()
    run()
    return time.process_time() - begun


def fma_peak(instruction_set: str) -> float:
    """Floating-point operations a second of one core, for the instruction set's vectors."""
    best = 0.0
    for _ in range(10):
        begun = time.process_time()
        done = library().spend_fma(INSTRUCTION_SETS.index(instruction_set), 3_000_000)
        best = max(best, done / (time.process_time() - begun))
    return best


@dataclass(frozen=True)
class Row:
    """One architecture on one kind of data: medians over rounds."""

    label: str
    data: str
    milliseconds: float
    speedup: dict[str, float]  # over each baseline
    share: float  # of the FMA peak
    gigaflops: float

    @property
    def least(self) -> float:
        """Over the best baseline."""
        return min(self.speedup.values())

    def cells(self, baselines: list[str]) -> list[str]:
        """Of the table."""
        ratios = [f"{self.speedup[name]:.2f}x" for name in baselines]
        return [
            f"{self.label}, {self.data}",
            f"{self.milliseconds:.2f}",
            *ratios,
            f"{self.gigaflops:.1f}",
            f"{self.share:.0%}",
        ]


def compare(
    architecture: Architecture, name: str, rounds: int, batches: int, instruction_set: str, *, compiled: bool
) -> Row:
    """All contestants by turns."""
    features, shortest, longest = DATA[name]
    runs, tokens = contestants(
        architecture, features, shortest, longest, batches, instruction_set=instruction_set, compiled=compiled
    )
    work = floating_point_operations(architecture, features) * tokens
    for run in runs.values():
        run()
    times: dict[str, list[float]] = {key: [] for key in runs}
    shares = []
    for _ in range(rounds):
        peak = fma_peak(instruction_set)
        for key, run in runs.items():
            times[key].append(cpu_seconds(run))
        shares.append(work / times[OURS][-1] / peak)
    ours = times.pop(OURS)
    return Row(
        architecture.label,
        name,
        statistics.median(ours) / batches * 1e3,
        {key: statistics.median(t / o for t, o in zip(own, ours, strict=True)) for key, own in times.items()},
        statistics.median(shares),
        work / statistics.median(ours) / 1e9,
    )


def verdict(rows: list[Row]) -> list[str]:
    """Which of the issue's goals were reached."""
    lines = []
    for row in rows:
        goals = GOALS.get((row.label, row.data), {})
        for name, goal in goals.items():
            found = row.share if name == "peak" else row.speedup[name]
            word = "reached" if found >= goal else "NOT reached"
            figures = f"{found:.0%} of {goal:.0%}" if name == "peak" else f"{found:.2f}x of {goal}x"
            lines.append(f"- {row.label}, {row.data}, {name}: {figures}, {word}")
    others = [row for row in rows if (row.label, row.data) not in GOALS]
    short = [row for row in others if row.least < LEAST]
    if others:
        lines.append(
            f"- the other rows: {len(others) - len(short)} of {len(others)} are at least {LEAST}x the better baseline"
        )
    lines += [f"- NOT reached: {row.label}, {row.data}: {row.least:.2f}x" for row in short]
    return lines


def main() -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--batches", type=int, default=2)
    parser.add_argument("--instruction-set", choices=instruction_sets(), default=instruction_sets()[-1])
    parser.add_argument("--write", action="store_true", help="put the rows into RESULTS.md")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    print(machine())
    print(f"kernels {arguments.instruction_set}, batch {BATCH}, one core")
    if arguments.all:
        grid = itertools.product(RECURRENT_CELLS, (32, 64, 100, 128, 256), (1, 2), (False, True))
    else:
        grid = itertools.product(("lstm",), (100,), (1,), (False,))
    rows: list[Row] = []
    for cell, hidden, layers, bidirectional in grid:
        for name in DATA:
            architecture = Architecture(cell, layers, hidden, bidirectional=bidirectional)
            row = compare(
                architecture,
                name,
                arguments.rounds,
                arguments.batches,
                arguments.instruction_set,
                compiled=not arguments.all,  # compiling takes longer than all else
            )
            rows.append(row)
            print("  ".join([*row.cells(list(row.speedup)), f"({', '.join(row.speedup)})"]), flush=True)
    baselines = list(rows[0].speedup)
    header = [
        "architecture, data",
        "ms/step",
        *(f"over {name}" for name in baselines),
        "GFLOP/s",
        "of FMA peak",
    ]
    lines = [*table(header, [row.cells(baselines) for row in rows]), "", *verdict(rows)]
    print("\n".join(["", *verdict(rows)]))
    if arguments.write:
        grid_name = "the whole grid" if arguments.all else "the claim"
        write_section(
            f"Recurrence on one core, {grid_name}, {arguments.instruction_set}", own_command(), lines
        )


if __name__ == "__main__":
    main()
