"""What the driver costs: sweeps of trivial trials, against plain Ray Tune with trials that do nothing at all.

    python benchmarks/driver_cost.py --write            about 10 minutes on two cores
    python benchmarks/driver_cost.py --trials 200 --cold 10 --contestants seqsweep

A trial of seqsweep's is one lane of one hidden unit, trained for one epoch on eight sequences of two steps; it is scored, its
four tables and its model are written and read again. So this is the whole machinery of `seqsweep run` with nothing to train.
Plain Tune's trials report one number and write nothing; `processes kept` is Tune's `reuse_actors`.

Each contestant is run with few trials and with many, each in a process of its own: the difference of the two walls over the
difference of the two counts is what a trial costs, free of Ray's start. A second pair, of few and of many epochs, gives what an
epoch costs, since each is a result that a worker sends to the driver. CPU and memory are those of the driver's process alone
(what Ray's own servers and the workers take is left out); its rate is what one driver could at most do for any number of nodes.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from results_table import machine, own_command, table, write_section

from seqsweep.cluster.limits import usable_cpus
from seqsweep.cluster.local import cluster

OURS = "seqsweep"
KEPT, COLD = "plain Tune, processes kept", "plain Tune"
CONTESTANTS = (OURS, KEPT, COLD)
AXIS = 250  # batch sizes that tell trivial trials apart; times four cells
EPOCHS = 11
CELLS = ("rnn_tanh", "rnn_relu", "gru", "lstm")

Usage = dict[str, float]


def write_data(folder: Path) -> None:
    """Two classes of pen strokes, six to train and two to test each."""
    for label in ("down", "up"):
        for part, count in (("train", 6), ("dev", 2)):
            place = folder / label / part
            place.mkdir(parents=True)
            for number in range(count):
                (place / f"{number}.txt").write_text(f"2 0 {number} 1 {number + (label == 'up')}\n")


def spec(data: Path, trials: int, epochs: int) -> dict[str, Any]:
    batches = -(-trials // len(CELLS))
    hidden = -(-batches // AXIS)
    if len(CELLS) * min(batches, AXIS) * hidden != trials:
        raise SystemExit(
            f"--trials is {trials}, but must be a multiple of {len(CELLS)}, above {len(CELLS) * AXIS} of that"
        )
    return {
        "name": "trivial",
        "datasets": [{"path": str(data), "format": "strokes", "name": "strokes"}],
        "seeds": 1,
        "architecture": {
            "cell": list(CELLS),
            "hidden": list(range(1, hidden + 1)),
            "batch_size": list(range(1, min(batches, AXIS) + 1)),
        },
        "training": {"epochs": epochs, "min_change": 0.0},
    }


def seqsweep(trials: int, epochs: int, cores: int, scratch: Path) -> None:
    from rich.console import Console

    from seqsweep.sweeps.cli.running import run_sweep
    from seqsweep.sweeps.spec.loading import parse_spec

    write_data(scratch / "data")
    checked = parse_spec(spec(scratch / "data", trials, epochs), base=scratch, source="driver_cost")
    with (scratch / "said").open("w") as said:
        code = run_sweep(checked, store=scratch / "store", console=Console(file=said), cpus=cores)
    if code:
        raise SystemExit(f"exit code {code}\n{(scratch / 'said').read_text()[-4000:]}")


def trivial(_: dict[str, Any]) -> dict[str, float]:
    return {"score": 1.0}


def plain(trials: int, cores: int, scratch: Path, *, keep: bool) -> None:
    with cluster(cpus=cores):
        from ray import tune

        results = tune.Tuner(
            tune.with_resources(trivial, {"cpu": 1}),
            param_space={"trial": tune.grid_search(list(range(trials)))},
            tune_config=tune.TuneConfig(max_concurrent_trials=cores, reuse_actors=keep),
            run_config=tune.RunConfig(storage_path=str(scratch), verbose=0),
        ).fit()
        if results.errors:
            raise results.errors[0]


def contestant(name: str, trials: int, epochs: int, cores: int, out: Path) -> None:
    """In a process of its own: run, then write down what it took."""
    with tempfile.TemporaryDirectory(prefix="driver-cost-") as scratch:
        begun = time.perf_counter()
        if name == OURS:
            seqsweep(trials, epochs, cores, Path(scratch))
        else:
            plain(trials, cores, Path(scratch), keep=name == KEPT)
        wall = time.perf_counter() - begun
    usage = resource.getrusage(resource.RUSAGE_SELF)
    out.write_text(
        json.dumps({"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "peak": usage.ru_maxrss * 1024.0})
    )


def measure(name: str, trials: int, epochs: int, cores: int) -> Usage:
    with tempfile.TemporaryDirectory() as scratch:
        out, log = Path(scratch, "out.json"), Path(scratch, "log")
        command = [sys.executable, __file__, "--contestant", name, "--out", str(out)]
        command += ["--trials", str(trials), "--epochs", str(epochs), "--cores", str(cores)]
        environment = {key: value for key, value in os.environ.items() if key != "RAY_ADDRESS"}
        with log.open("w") as output:
            done = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, env=environment)
        if done.returncode:
            raise SystemExit(f"exit code {done.returncode}: {command}\n{log.read_text()[-4000:]}")
        usage: Usage = json.loads(out.read_text())
    print(f"{name}: {trials} trials, epochs {epochs}: {usage['wall']:.1f} s", flush=True)
    return usage


def slope(few: Usage, many: Usage, key: str, steps: int) -> float:
    return (many[key] - few[key]) / steps


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=1000, help="many; few is a tenth")
    parser.add_argument("--cold", type=int, default=40, help="many, where every trial gets a new process")
    parser.add_argument("--cores", type=int, default=usable_cpus())
    parser.add_argument("--contestants", nargs="+", choices=CONTESTANTS, default=list(CONTESTANTS))
    parser.add_argument("--write", action="store_true", help="put the table into RESULTS.md")
    parser.add_argument("--contestant", choices=CONTESTANTS, help=argparse.SUPPRESS)
    parser.add_argument("--epochs", type=int, default=EPOCHS, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contestant:
        contestant(options.contestant, options.trials, options.epochs, options.cores, options.out)
        return
    rows = []
    for name in options.contestants:
        most = options.cold if name == COLD else options.trials
        least = max(4, most // 10 // 4 * 4)
        few, many = (measure(name, count, 1, options.cores) for count in (least, most))
        trial = slope(few, many, "wall", most - least)
        rows.append(
            [
                name,
                f"{least} and {most}",
                f"{few['wall']:.1f}",
                f"{many['wall']:.1f}",
                f"{1 / trial:.3g}",
                f"{1e3 * slope(few, many, 'cpu', most - least):.2f}",
                f"{many['peak'] / 1e6:.0f}",
                f"{slope(few, many, 'peak', most - least) / 1e3:.0f}",
            ]
        )
        if name == OURS:
            long = measure(name, least, EPOCHS, options.cores)
            steps = least * (EPOCHS - 1)
            epoch = f"An epoch of a trial costs {1e3 * slope(few, long, 'wall', steps):.1f} ms of wall and "
            epoch += f"{1e3 * slope(few, long, 'cpu', steps):.2f} ms of the driver's CPU."
    header = ["", "trials", "wall s, few", "wall s, many", "trials/s", "driver CPU ms a trial"]
    header += ["driver's peak MB", "kB a trial"]
    lines = [
        f"{options.cores} trials at a time.",
        "",
        *table(header, rows),
        *(["", epoch] if OURS in options.contestants else []),
    ]
    print("", machine(), *lines, sep="\n")
    if options.write:
        write_section("The driver's cost of a trial", own_command(), lines)


if __name__ == "__main__":
    main()
