"""A training step of many LSTMs on one GPU: seqsweep's lanes against what torch alone can do.

    python benchmarks/gpu/recurrence.py                within ten minutes; the table comes last
    python benchmarks/gpu/recurrence.py --write        also puts it into benchmarks/RESULTS.md
    python benchmarks/gpu/recurrence.py --dry-run      tiny, on the CPU, kernels emulated: it runs, and measures nothing

Contestants: `nn.LSTM` on packed and on padded input, one model after the other (K of them are as fast in tokens a second as one);
a loop over stacked models, captured in a CUDA graph; processes that share the GPU, each with a model on padded input.

Figures are tokens a second of a training step. Ours are whole epochs (updates, the draws of the order and all of the host's work
included); the baselines' are forward, cross-entropy and backward. All use TF32. The rows of the claims come first; what the time
does not allow is left out.

The floors, per token of an LSTM with H units and D features: 24 H (H + D) operations less 8 H D (nobody wants the input's
gradient) at this GPU's measured TF32 rate, and 20 H + 2 D floats (gates, states and their gradients, written and read once) at
its measured memory bandwidth.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

import contestants
from contestants import Problem, Run
from results_table import table, write_section

from seqsweep.seqmodels.backends.cuda.backend import CudaBackend

MINUTES = 9.0
LANES = (132, 1, 8, 32, 264)
HIDDEN = (100, 128, 64, 256, 32)
DATA = {"D=2, T 60-178": (2, 60, 178), "D=39, T 10-60": (39, 10, 60)}
BATCHES = 16  # of an epoch
PROCESSES = 16
ROUND_SECONDS = 0.4
CLAIM = (132, 100, 32, "D=2, T 60-178")
GOALS = {"nn packed": 100.0, "nn padded": 50.0, "stacked loop": 3.0}
GOAL_OF_MEMORY = 0.25
BASELINES = ("nn packed", "nn padded", "stacked loop", f"{PROCESSES} processes")

Case = tuple[int, int, int, str]
"""Lanes, hidden units, batch size, data."""


def cases() -> list[Case]:
    """Those of the claim first: H = 100 at batch 32, then one axis changed, then the rest."""
    every = [(k, h, batch, data) for data in DATA for batch in (32, 128) for h in HIDDEN for k in LANES]

    def changed(case: Case) -> int:
        return sum(one != other for one, other in zip(case, CLAIM, strict=True))

    return sorted(every, key=changed)


@dataclass(frozen=True)
class Peak:
    """Of this GPU, measured: bytes and TF32 operations a second."""

    bytes: float
    operations: float


@dataclass(frozen=True)
class Row:
    """Tokens a second; None where memory was short or the time over."""

    case: Case
    ours: float | None
    baselines: dict[str, float | None]

    def ratio(self, name: str) -> float | None:
        """Of ours to a baseline's."""
        other = self.baselines.get(name)
        return None if self.ours is None or other is None else self.ours / other

    def shares(self, peak: Peak) -> tuple[float, float] | None:
        """Of the floors of memory and of arithmetic."""
        if self.ours is None:
            return None
        _, hidden, _, data = self.case
        features = DATA[data][0]
        moved = 4 * (20 * hidden + 2 * features)
        operations = 24 * hidden * (hidden + features) - 8 * hidden * features
        return self.ours * moved / peak.bytes, self.ours * operations / peak.operations

    def cells(self, peak: Peak) -> list[str]:
        """Of the table."""
        lanes, hidden, batch, data = self.case
        ours = "-" if self.ours is None else f"{self.ours / 1e6:.1f}"
        ratios = [self.ratio(name) for name in BASELINES]
        shares = self.shares(peak)
        return [
            f"{lanes} x H={hidden}, batch {batch}, {data}",
            ours,
            *("-" if ratio is None else f"{ratio:.1f}x" for ratio in ratios),
            *(("-", "-") if shares is None else (f"{share:.0%}" for share in shares)),
        ]


class Benchmark:
    """Measures cases until the time is over."""

    def __init__(
        self, backend: CudaBackend, device: str, deadline: float, seconds: float, processes: int
    ) -> None:
        self.backend, self.device, self.deadline, self.seconds = backend, device, deadline, seconds
        self.processes = processes
        self._known: dict[tuple[object, ...], float | None] = {}

    def row(self, case: Case, batches: int) -> Row:
        """One line of the table."""
        lanes, hidden, batch, data = case
        problem = Problem(*DATA[data], batch, batches, self.device)
        ours = self._rate(lambda: contestants.lanes(problem, hidden, lanes, self.backend))
        one = (hidden, batch, data)
        found = {
            "nn packed": self._once(
                ("packed", *one), lambda: contestants.one_model(problem, hidden, packed=True)
            ),
            "nn padded": self._once(
                ("padded", *one), lambda: contestants.one_model(problem, hidden, packed=False)
            ),
        }
        if (hidden, batch) == CLAIM[1:3] or self.device == "cpu":  # their start takes long
            found["stacked loop"] = self._once(
                ("loop", *case), lambda: contestants.stacked_loop(problem, hidden, lanes)
            )
            key = ("processes", *one)
            if key not in self._known:
                self._known[key] = contestants.processes(problem, hidden, self.processes, 2 * self.seconds)
            found[BASELINES[3]] = self._known[key]
        return Row(case, ours, found)

    def _once(self, key: tuple[object, ...], make: Callable[[], Run]) -> float | None:
        if key not in self._known:
            self._known[key] = self._rate(make)
        return self._known[key]

    def _rate(self, make: Callable[[], Run]) -> float | None:
        """Tokens a second: the median of rounds."""
        try:
            run, tokens = make()
            run()  # compiles, and takes memory
            contestants.synchronize(self.device)
            times: list[float] = []
            while len(times) < 3 or sum(times) < self.seconds:
                begun = time.perf_counter()
                run()
                contestants.synchronize(self.device)
                times.append(time.perf_counter() - begun)
        except (
            RuntimeError
        ) as error:  # for want of memory, mostly; in a capture torch has another error for it
            print(f"not measured: {type(error).__name__}: {str(error).partition(chr(10))[0]}", flush=True)
            return None
        finally:
            if self.device != "cpu":
                torch.cuda.empty_cache()
        return tokens / statistics.median(times)


def peak(device: str) -> Peak:
    """Of a copy within memory, and of a product of large matrices."""
    size, count = (8192, 1 << 28) if device != "cpu" else (256, 1 << 16)
    a, b = (torch.randn(size, size, device=device) for _ in range(2))
    source, target = (torch.zeros(count, device=device) for _ in range(2))

    def seconds(run: Callable[[], object]) -> float:
        best = float("inf")
        for _ in range(10):
            contestants.synchronize(device)
            begun = time.perf_counter()
            run()
            contestants.synchronize(device)
            best = min(best, time.perf_counter() - begun)
        return best

    return Peak(8 * count / seconds(lambda: target.copy_(source)), 2 * size**3 / seconds(lambda: a @ b))


def verdict(row: Row, measured: Peak) -> list[str]:
    """What was aimed at, and what was reached."""
    lines = []
    for name, goal in GOALS.items():
        ratio = row.ratio(name)
        said = "not measured" if ratio is None else f"{ratio:.1f}x"
        reached = "reached" if ratio is not None and ratio >= goal else "not reached"
        lines.append(f"- {said} {name}, at least {goal:g}x aimed at: **{reached}**")
    shares = row.shares(measured)
    if shares is not None:
        reached = "reached" if shares[0] >= GOAL_OF_MEMORY else "not reached"
        lines.append(
            f"- {shares[0]:.0%} of the floor of memory, at least {GOAL_OF_MEMORY:.0%} aimed at: **{reached}**"
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=MINUTES, help="after which no row is begun")
    parser.add_argument("--write", action="store_true", help="put the table into RESULTS.md")
    parser.add_argument("--dry-run", action="store_true", help="tiny, on the CPU, kernels emulated")
    options = parser.parse_args()
    begun = time.monotonic()
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    if options.dry_run:
        sys.path.insert(0, str(Path(__file__).parents[2]))
        from tests.support.cuda.emulator import Emulator

        backend, device, name = (
            CudaBackend(Emulator()),
            "cpu",
            "no GPU: a dry run, whose figures mean nothing",
        )
        torch.set_num_threads(1)
        chosen, batches, seconds, processes = [(2, 8, 4, data) for data in DATA], 1, 0.0, 2
        DATA.update({data: (features, 2, 4) for data, (features, *_) in DATA.items()})
    else:
        backend, device, name = CudaBackend(), "cuda", torch.cuda.get_device_name()
        chosen, batches, seconds, processes = cases(), BATCHES, ROUND_SECONDS, PROCESSES
    print(name, flush=True)
    measured = peak(device)
    benchmark = Benchmark(backend, device, begun + 60 * options.minutes, seconds, processes)
    rows: list[Row] = []
    for case in chosen:
        if time.monotonic() > benchmark.deadline:
            break
        rows.append(benchmark.row(case, batches))
        print(rows[-1].cells(measured)[:2], flush=True)
    lines = [
        f"{name}: {measured.bytes / 1e12:.2f} TB/s, {measured.operations / 1e12:.0f} TFLOP/s in TF32. "
        f"{len(rows)} of {len(chosen)} rows in {(time.monotonic() - begun) / 60:.1f} min.",
        "",
        *verdict(rows[0], measured),
        "",
        *table(
            ["lanes", "Mtokens/s", *(f"over {each}" for each in BASELINES), "of memory", "of TF32"],
            [row.cells(measured) for row in rows],
        ),
    ]
    print("", *lines, sep="\n")
    if options.write and not options.dry_run:
        write_section(
            "The recurrence on a GPU: lanes against torch.nn",
            "python benchmarks/gpu/recurrence.py --write",
            lines,
        )


if __name__ == "__main__":
    main()
