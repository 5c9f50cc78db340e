"""A whole sweep on the CPU: seqsweep against plain Ray Tune with one trial a model, the same models on the same data.

    python benchmarks/sweep_cpu.py --write             144 models a contestant, about 25 minutes on two quiet cores
    python benchmarks/sweep_cpu.py --datasets syllables --cells gru --layers 1 --candidates 1 --seeds 2 --epochs 2

The claims, on two cores: at least 10 times as fast as `torch.nn` on packed input, 4 times as fast as on padded input (the
stronger baseline: oneDNN's fast path).

Contestants: `seqsweep run` with a spec; `plain_tune.py` padded and packed, in Tune's default manner, a process for every model;
and padded with Tune's option that keeps processes, which takes the start of Python and torch out of the comparison (no claim is
made about it). All train the same architectures, learning rates, seeds, batch size and epochs on the same splits, with Adam, a
clipped norm, a one-cycle schedule and validation after every epoch; none stops early. Baselines flush denormal numbers to zero,
as the kernels of seqsweep do and an ordinary user would not. Random draws differ, so accuracies are similar, not equal.

Each contestant is one process, one after the other, timed by wall clock from its start to its exit, Ray and data included.
Twice a second its whole process tree is looked at (which takes about 2 % of two cores from each alike): memory is the largest sum
of proportional set sizes (PSS), which count a page that n processes share as 1/n; CPU time is the sum over processes, without
what they used after the last look. The shorter the training, the larger the part that starting processes has in the ratios.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
from results_table import machine, own_command, table, write_section

from seqsweep.cluster.limits import usable_cpus
from seqsweep.results.store import Store
from seqsweep.seqmodels.data.source import EMBEDDED

CELLS = ("rnn_tanh", "gru", "lstm")
HIDDEN, BATCH, CLIP_NORM, FRACTION = 100, 32, 1.0, 0.2
LOWEST_RATE, HIGHEST_RATE = 2e-3, 1e-2
LOOK_SECONDS = 0.5
CLAIMS = {"nn packed": 10, "nn padded": 4}
OURS = "seqsweep"
TICKS = os.sysconf("SC_CLK_TCK")

Row = dict[str, Any]


@dataclass(frozen=True)
class Usage:
    """Of a process tree: wall and CPU seconds, bytes."""

    wall: float
    cpu: float
    peak: int


class Watch(threading.Thread):
    """Looks at a process and its descendants, also those whose parent has gone, until told to stop."""

    def __init__(self, root: int) -> None:
        super().__init__(daemon=True)
        self.root = root
        self.peak = 0
        self.seconds: dict[tuple[int, int], float] = {}  # by (pid, start), as pids are used again
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(LOOK_SECONDS):
            self._look()

    def _look(self) -> None:
        alive: dict[int, tuple[int, tuple[int, int], float]] = {}
        for folder in Path("/proc").iterdir():
            if folder.name.isdecimal() and (text := _text(folder / "stat")):
                fields = text.rpartition(")")[2].split()  # a name may hold spaces
                pid, spent = int(folder.name), (int(fields[11]) + int(fields[12])) / TICKS
                alive[pid] = (int(fields[1]), (pid, int(fields[19])), spent)
        family = {pid for pid, (_, key, _) in alive.items() if pid == self.root or key in self.seconds}
        while children := {pid for pid, (parent, _, _) in alive.items() if parent in family} - family:
            family |= children
        for pid in family:
            _, key, spent = alive[pid]
            self.seconds[key] = spent
        self.peak = max(self.peak, sum(_pss(pid) for pid in family))


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # it has ended
        return ""


def _pss(pid: int) -> int:
    for line in _text(Path(f"/proc/{pid}/smaps_rollup")).splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def run(command: Sequence[str], log: Path) -> Usage:
    """Run a command to its end; SystemExit with the end of its output where it fails."""
    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    begun = time.perf_counter()
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)
        watch = Watch(process.pid)
        watch.start()
        code = process.wait()
    wall = time.perf_counter() - begun
    watch.ended.set()
    watch.join()
    if code:
        raise SystemExit(f"exit code {code}: {' '.join(command)}\n{log.read_text()[-4000:]}")
    return Usage(wall, sum(watch.seconds.values()), watch.peak)


def models(options: argparse.Namespace) -> list[Row]:
    """The configuration of every model."""
    axes = (options.datasets, options.cells, options.layers, rates(options), range(options.seeds))
    return [
        {"dataset": dataset, "cell": cell, "layers": layers, "lr": lr, "seed": seed}
        for dataset, cell, layers, lr, seed in itertools.product(*axes)
    ]


def rates(options: argparse.Namespace) -> list[float]:
    return [float(f"{rate:.3g}") for rate in np.geomspace(HIGHEST_RATE, LOWEST_RATE, options.candidates)]


def plain(options: argparse.Namespace, folder: Path, *, padded: bool, keep: bool) -> tuple[Usage, list[Row]]:
    shared = {
        "hidden": HIDDEN,
        "batch_size": BATCH,
        "clip_norm": CLIP_NORM,
        "epochs": options.epochs,
        "padded": padded,
    }
    job = {
        "datasets": options.datasets,
        "fraction": FRACTION,
        "cores": options.cores,
        "reuse_actors": keep,
        "models": [model | shared for model in models(options)],
    }
    given, found = folder / "job.json", folder / "found.json"
    given.write_text(json.dumps(job))
    program = Path(__file__).with_name("plain_tune.py")
    usage = run([sys.executable, str(program), str(given), str(found)], folder / "log")
    return usage, json.loads(found.read_text())


def spec_text(options: argparse.Namespace, sources: Iterable[Any], gpus: float = 0.0) -> str:
    """The spec, as TOML, that trains the same as plain Tune does; a trial takes `gpus` of a GPU."""
    return f"""
name = "benchmark"
datasets = [{", ".join(map(toml, sources))}]
seeds = {options.seeds}

[architecture]
cell = {json.dumps(options.cells)}
layers = {options.layers}
hidden = {HIDDEN}
batch_size = {BATCH}

[hyperparameters]
optimizer = "adam"
lr = {{choice = {rates(options)}}}
schedule = "one_cycle"
clip_norm = {CLIP_NORM}

[training]
epochs = {options.epochs}
min_change = 0.0
keep = "last"
refit = false

[split]
validation = {FRACTION}

[resources]
gpus_per_trial = {gpus}
"""


def toml(source: Any) -> str:
    """A source as a value in a spec."""
    if isinstance(source, str):
        return json.dumps(source)
    return "{" + ", ".join(f"{key} = {json.dumps(value)}" for key, value in source.items()) + "}"


def seqsweep(options: argparse.Namespace, folder: Path) -> tuple[Usage, list[Row]]:
    spec, store = folder / "spec.toml", folder / "store"
    spec.write_text(spec_text(options, options.datasets))
    program = Path(sys.executable).with_name("seqsweep")
    command = [str(program), "run", str(spec), "--store", str(store), "--cpus", str(options.cores)]
    usage = run(command, folder / "log")
    return usage, Store(store).find(None).read("lanes").to_pylist()


CONTESTANTS: dict[str, Callable[[argparse.Namespace, Path], tuple[Usage, list[Row]]]] = {
    OURS: seqsweep,
    "nn padded, processes kept": partial(plain, padded=True, keep=True),
    "nn padded": partial(plain, padded=True, keep=False),
    "nn packed": partial(plain, padded=False, keep=False),
}


def accuracies(rows: list[Row], dataset: str, cell: str, layers: int) -> str:
    """Mean validation accuracy of all its models, mean test accuracy of the candidate that is best on validation."""
    own = [row for row in rows if (row["dataset"], row["cell"], row["layers"]) == (dataset, cell, layers)]
    by_rate = [[row for row in own if row["lr"] == lr] for lr in sorted({row["lr"] for row in own})]

    def merit(candidate: list[Row]) -> tuple[float, float]:
        return mean(row["validation_accuracy"] for row in candidate), -mean(
            row["validation_loss"] for row in candidate
        )

    test = mean(row["test_accuracy"] for row in max(by_rate, key=merit))
    return f"{mean(row['validation_accuracy'] for row in own):.1%} / {test:.1%}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--datasets", nargs="+", choices=sorted(EMBEDDED), default=sorted(EMBEDDED))
    parser.add_argument("--cells", nargs="+", choices=CELLS, default=list(CELLS))
    parser.add_argument("--layers", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--candidates", type=int, default=4, help="learning rates")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--cores", type=int, default=usable_cpus())
    parser.add_argument("--write", action="store_true", help="put the tables into RESULTS.md")
    options = parser.parse_args()
    count = len(models(options))
    print(machine(), f"{count} models a contestant", sep="\n", flush=True)
    usage: dict[str, Usage] = {}
    found: dict[str, list[Row]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name, contestant in CONTESTANTS.items():
            folder = Path(scratch) / str(len(found))
            folder.mkdir()
            usage[name], found[name] = contestant(options, folder)
            if len(found[name]) != count:
                raise SystemExit(f"{name} trained {len(found[name])} models, not {count}")
            print(f"{name}: {usage[name].wall:.0f} s", flush=True)

    ours = usage[OURS]
    lines = [
        f"{count} models: {', '.join(options.cells)} x layers {', '.join(map(str, options.layers))} x {HIDDEN} units on "
        f"{' and '.join(options.datasets)}, {options.candidates} learning rates, {options.seeds} seeds, {options.epochs} epochs, "
        f"batch {BATCH}; {options.cores} cores.",
        "",
        *table(
            ["", "wall s", "ratio", "models a minute", "CPU s", "ratio", "peak PSS, MB"],
            [
                [
                    name,
                    f"{each.wall:.0f}",
                    f"{each.wall / ours.wall:.1f}x",
                    f"{count / each.wall * 60:.1f}",
                    f"{each.cpu:.0f}",
                    f"{each.cpu / ours.cpu:.1f}x",
                    f"{each.peak / 1e6:.0f}",
                ]
                for name, each in usage.items()
            ],
        ),
        "",
    ]
    for name, least in CLAIMS.items():
        ratio = usage[name].wall / ours.wall
        reached = "reached" if ratio >= least else "not reached"
        lines.append(f"- {ratio:.1f}x {name}, at least {least}x claimed: **{reached}**")
    lines += [
        "",
        "The same work: mean validation accuracy of all models / mean test accuracy of the candidate that is best on validation.",
        "",
        *table(
            ["", *found],
            [
                [
                    f"{dataset}, {cell} x {layers}",
                    *(accuracies(rows, dataset, cell, layers) for rows in found.values()),
                ]
                for dataset, cell, layers in itertools.product(
                    options.datasets, options.cells, options.layers
                )
            ],
        ),
    ]
    print("", *lines, sep="\n")
    if options.write:
        write_section("A sweep on the CPU: seqsweep against plain Ray Tune", own_command(), lines)


if __name__ == "__main__":
    main()
