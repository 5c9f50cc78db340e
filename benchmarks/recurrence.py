"""A training step of one recurrent classifier on one core: the cpu backend against `torch.nn` on packed and on padded input.

    python benchmarks/recurrence.py                    the rows of the claim: LSTM, H = 100, one layer
    python benchmarks/recurrence.py --all              cells x H x data x layers x directions (an hour)

A step is forward, cross-entropy and backward for 32 sequences; the optimizer is left out everywhere. The contestants take turns
in one process, each round on the same batches, timed by the process's CPU time, so that whoever shares the machine slows all
alike. A figure is the median over rounds of the ratio within a round. All flush denormal numbers to zero (the kernels always do):
gradients that fade over 178 steps would slow `torch.nn` by another factor of 2 to 4.

`peak` is the share of the core's measured FMA peak, counting the products of a step only: 2 G H (H + F) operations per token
forward, as many for the gradients of the weights, and again for the state (and for the input, where a layer below asks for it).
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from seqmodels.architecture import Architecture
from seqmodels.backends.cpu import CpuBackend
from seqmodels.backends.cpu.library import INSTRUCTION_SETS, library
from seqmodels.cells import RECURRENT_CELLS
from seqmodels.hyperparameters import Hyperparameters, Lane
from seqmodels.lanes import LaneArray, Tokens
from seqmodels.layout import Layout

BATCH, CLASSES = 32, 5
DATA = {"D=2, T 60-178": (2, 60, 178), "D=39, T 10-60": (39, 10, 60)}


class Module(nn.Module):
    """What anybody would write: a recurrent layer, the last states, a linear head."""

    def __init__(self, architecture: Architecture, features: int, padded: bool) -> None:
        super().__init__()
        self.rnn = RECURRENT_CELLS[architecture.cell].build(
            features,
            architecture.hidden,
            num_layers=architecture.layers,
            bidirectional=architecture.bidirectional,
        )
        self.head = nn.Linear(architecture.readout_features, CLASSES)
        # reading a padded row backwards would begin with padding, so there is no padded bidirectional baseline in one module
        self.padded = padded

    def forward(self, x: Tensor, length: Tensor) -> Tensor:
        if self.padded:
            output, _ = self.rnn(x)
        else:
            packed, _ = self.rnn(pack_padded_sequence(x, length, batch_first=True, enforce_sorted=False))
            output, _ = pad_packed_sequence(packed, batch_first=True)
        hidden = self.rnn.hidden_size
        last = output[torch.arange(len(length)), length - 1]
        if self.rnn.bidirectional:
            last = torch.cat([last[:, :hidden], output[:, 0, hidden:]], 1)
        return self.head(last)


def contestants(
    architecture: Architecture, features: int, shortest: int, longest: int, batches: int
) -> tuple[dict[str, Callable[[], None]], int]:
    """A function for each that runs a step on every batch; and the tokens in all batches."""
    generator = torch.Generator().manual_seed(0)
    length = torch.randint(shortest, longest + 1, (batches * BATCH,), generator=generator)
    start = length.cumsum(0) - length
    tokens = torch.randn(int(length.sum()), features, generator=generator)
    label = torch.randint(CLASSES, (len(length),), generator=generator)
    data = Tokens(tokens, start, length, label)
    array = LaneArray(Layout(architecture, features, CLASSES), [Lane(0, 0, Hyperparameters())], CpuBackend(1))
    sequences = torch.arange(len(length)).view(batches, 1, BATCH)

    def ours() -> None:
        for step, batch in enumerate(sequences):
            array.step(data, batch, epoch=1, step=step)

    rows = [tokens[s : s + n] for s, n in zip(start.tolist(), length.tolist(), strict=True)]
    padded = [
        nn.utils.rnn.pad_sequence(rows[i : i + BATCH], batch_first=True) for i in range(0, len(rows), BATCH)
    ]

    def theirs(module: Module) -> Callable[[], None]:
        loss = nn.CrossEntropyLoss()

        def run() -> None:
            for x, own, y in zip(padded, length.split(BATCH), label.split(BATCH), strict=True):
                module.zero_grad()
                loss(module(x, own), y).backward()

        return run

    runs = {"cpu backend": ours, "nn packed": theirs(Module(architecture, features, padded=False))}
    if not architecture.bidirectional:
        runs["nn padded"] = theirs(Module(architecture, features, padded=True))
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


def fma_peak() -> float:
    """Floating-point operations a second of one core."""
    best = 0.0
    for _ in range(10):
        begun = time.process_time()
        done = library().spend_fma(library().best_instruction_set(), 3_000_000)
        best = max(best, done / (time.process_time() - begun))
    return best


def compare(architecture: Architecture, name: str, rounds: int, batches: int) -> None:
    features, shortest, longest = DATA[name]
    runs, tokens = contestants(architecture, features, shortest, longest, batches)
    work = floating_point_operations(architecture, features) * tokens
    for run in runs.values():
        run()
    times: dict[str, list[float]] = {key: [] for key in runs}
    peaks = []
    for _ in range(rounds):
        peaks.append(fma_peak())
        for key, run in runs.items():
            times[key].append(cpu_seconds(run))
    ours = times["cpu backend"]
    parts = [f"{architecture.label:22} {name:14} {statistics.median(ours) / batches * 1e3:7.2f} ms/step"]
    for key in list(runs)[1:]:
        parts.append(f"{statistics.median(t / o for t, o in zip(times[key], ours, strict=True)):6.2f}x {key}")
    share = work / statistics.median(ours) / max(peaks)
    parts.append(
        f"{work / statistics.median(ours) / 1e9:6.1f} GFLOP/s = {share:4.0%} of peak {max(peaks) / 1e9:.0f}"
    )
    print("  ".join(parts), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--batches", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    print(
        f"torch {torch.__version__}, kernels {INSTRUCTION_SETS[library().best_instruction_set()]}, batch {BATCH}, one core"
    )
    if arguments.all:
        grid = itertools.product(RECURRENT_CELLS, (32, 64, 100, 128, 256), (1, 2), (False, True))
    else:
        grid = itertools.product(("lstm",), (100,), (1,), (False,))
    for cell, hidden, layers, bidirectional in grid:
        for name in DATA:
            architecture = Architecture(cell, layers, hidden, bidirectional=bidirectional)
            compare(architecture, name, arguments.rounds, arguments.batches)


if __name__ == "__main__":
    main()
