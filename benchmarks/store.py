"""What a reader of 1,000,000 lanes waits for: `seqsweep show`, `compare` and `confusion` on a store of 10,000 trials.

    python benchmarks/store.py --write                  some minutes and 500 MB of disk
    python benchmarks/store.py --trials 1000 --keep /some/folder

Makes a sweep of two synthetic data sets with 20 candidates and 5 seeds a trial. Accuracies are drawn; nothing is trained. Every
trial has its file of lanes; the other tables, of which these verbs read one trial's or two trials', only some trials have. Then
each verb runs as a user runs it: a fresh process, its output into a file; `show` once more without the gathered
file. Wall and CPU are the least of `--rounds`, with the files in the page cache; memory is the largest resident set.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from itertools import islice, product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from results_table import machine, own_command, table, write_section

from seqsweep.results import schema
from seqsweep.results.analysis.verdict import verdict
from seqsweep.results.parquet import encoded
from seqsweep.results.store import Store, Sweep
from seqsweep.seqmodels.architecture import Architecture

CANDIDATES, SEEDS = 20, 5
CLASSES = ("a", "ai", "bA", "chA", "tA")
TEST = 100  # sequences of a data set
DATASETS = ("strokes", "segments")
CELLS = ("rnn_tanh", "rnn_relu", "gru", "lstm")
SWEEP = "million-5709e0"


def architectures(count: int) -> list[dict[str, Any]]:
    axes = product(range(1, 5), CELLS, (False, True), ("last", "last+max"), range(8, 8 + 4 * 200, 4))
    names = ("layers", "cell", "bidirectional", "readout", "hidden")
    found = [dict(zip(names, each, strict=True)) for each in islice(axes, count)]
    if len(found) < count:
        raise SystemExit(f"--trials is above {len(DATASETS) * len(found)}, the architectures that there are")
    return found


class Template:
    """Tables of one trial; others are made of it by replacing columns."""

    def __init__(self) -> None:
        key = {"sweep": SWEEP, "trial": "t", "dataset": "d", "batch_size": 32}
        key |= Architecture("gru", 1, 8).record()
        names = (
            "momentum",
            "beta1",
            "beta2",
            "alpha",
            "eps",
            "weight_decay",
            "input_noise",
            "label_smoothing",
        )
        lane = {**key, **dict.fromkeys(names, 0.0), "synthetic": True, "parameters": 1, "nesterov": False}
        lane |= {"optimizer": "adam", "schedule": "one_cycle", "clip_norm": 1.0, "refit": False}
        lane |= {"backend": "cpu", "host": "h", "epochs": 40, "best_epoch": 40, "stopped": "max_epochs"}
        figures = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "seconds")
        lane |= dict.fromkeys((*figures, "lr", "dropout"), 0.5)
        pairs = [(candidate, seed) for candidate in range(CANDIDATES) for seed in range(SEEDS)]
        lanes = [lane | {"candidate": c, "seed": s, "stage": "search", "chosen": c == 0} for c, s in pairs]
        cells = [
            {
                **key,
                "candidate": 0,
                "seed": s,
                "split": "test",
                "true": t,
                "predicted": p,
                "count": 20 * (t == p),
            }
            for s, t, p in product(range(SEEDS), CLASSES, CLASSES)
        ]
        said = [
            {
                **key,
                "candidate": 0,
                "seed": s,
                "split": "test",
                "sequence": f"{t}/{n}",
                "true": t,
                "predicted": t,
            }
            | {"probabilities": [0.9] + [0.025] * 4}
            for s, t, n in product(range(SEEDS), CLASSES, range(TEST // len(CLASSES)))
        ]
        self.tables = {
            "lanes": schema.table("lanes", lanes),
            "confusions": schema.table("confusions", cells),
            "predictions": schema.table("predictions", said),
        }

    def trial(self, rng: np.random.Generator, **key: Any) -> dict[str, pa.Table]:
        return {name: _replaced(each, key | self._drawn(rng, name)) for name, each in self.tables.items()}

    def _drawn(self, rng: np.random.Generator, name: str) -> dict[str, Any]:
        if name != "lanes":
            return {}
        lanes, level = CANDIDATES * SEEDS, rng.uniform(0.4, 0.95)
        per_candidate = np.repeat(np.arange(CANDIDATES), SEEDS)
        drawn = {
            "lr": (10 ** rng.uniform(-3, -2, CANDIDATES))[per_candidate],
            "dropout": rng.choice([0.0, 0.2, 0.4], CANDIDATES)[per_candidate],
            "seconds": rng.uniform(1, 9, lanes),
            "train_loss": rng.exponential(0.2, lanes),
            "validation_loss": rng.exponential(0.5, lanes),
            "train_accuracy": np.minimum(rng.normal(level + 0.04, 0.01, lanes), 1),
            "validation_accuracy": np.round(rng.normal(level, 0.02, lanes).clip(0, 1) * TEST) / TEST,
        }
        test = np.round(rng.normal(level, 0.015, lanes).clip(0, 1) * TEST) / TEST
        chosen = np.arange(lanes) < SEEDS
        return drawn | {
            "test_accuracy": pa.array(test, mask=~chosen),
            "test_loss": pa.array(drawn["validation_loss"], mask=~chosen),
        }


def _replaced(rows: pa.Table, columns: dict[str, Any]) -> pa.Table:
    """`rows` with other values in the columns that it has of `columns`; a value that is no array is everybody's."""
    kind = rows.schema
    for name, value in columns.items():
        field = kind.field(name)
        if pa.types.is_dictionary(field.type):
            codes = pa.array(np.zeros(len(rows), np.int32))
            array = pa.DictionaryArray.from_arrays(codes, pa.array([value]))
        elif isinstance(value, np.ndarray | pa.Array):
            array = pa.array(value, field.type) if isinstance(value, np.ndarray) else value
        else:
            array = pa.repeat(pa.scalar(value, field.type), len(rows))
        rows = rows.set_column(kind.get_field_index(name), field, array)
    return rows


def make(root: Path, trials: int) -> Sweep:
    """Write the sweep."""
    space = {"lr": {"log_uniform": [1e-3, 1e-2]}, "dropout": {"choice": [0.0, 0.2, 0.4]}}
    entry = {"synthetic": True, "features": 2, "classes": list(CLASSES), "train": 300, "validation": TEST}
    sweep = Store(root).create(
        SWEEP,
        {
            "name": "million",
            "spec": {"name": "million", "hyperparameters": space},
            "trials": trials,
            "lanes": trials * CANDIDATES * SEEDS,
            "datasets": [entry | {"name": name, "test": TEST} for name in DATASETS],
        },
    )
    template, rng = Template(), np.random.default_rng(0)
    lanes = sweep.folder / "lanes"
    for number, (name, each) in enumerate(product(DATASETS, architectures(trials // len(DATASETS)))):
        trial = f"t{number:05d}"
        parameters = each["layers"] * each["hidden"] ** 2 * (1 + each["bidirectional"])
        tables = template.trial(rng, trial=trial, dataset=name, **each)
        tables["lanes"] = _replaced(tables["lanes"], {"parameters": parameters})
        content = encoded(schema.SCHEMAS["lanes"], [tables["lanes"]])
        if number == 0:
            sweep.write_trial(trial, tables)
        lanes.write(f"{trial}.parquet", content)
    for block in verdict(sweep).datasets:
        for row in (*block.rows[:2], block.rows[-1]):
            key = {
                name: getattr(row, name) for name in ("cell", "layers", "hidden", "bidirectional", "readout")
            }
            tables = template.trial(rng, trial=row.trial, dataset=block.dataset.name, **key)
            tables["lanes"] = sweep.read("lanes", trials=[row.trial])
            sweep.write_trial(row.trial, tables)
    return sweep


def measured(arguments: list[str], rounds: int) -> tuple[float, float, float, str]:
    """Wall and CPU in seconds, the largest resident set in bytes, and what was printed, over fresh processes."""
    command = [str(Path(sys.executable).with_name("seqsweep")), *arguments]
    walls, cpus, peaks, text = [], [], [], ""
    for _ in range(rounds):
        with tempfile.TemporaryFile("w+") as output:
            begun = time.perf_counter()
            process = subprocess.Popen(command, stdout=output, env=os.environ | {"COLUMNS": "120"})
            peak = [0.0]
            watch = threading.Thread(target=_watch, args=(process.pid, peak))
            watch.start()
            _, status, usage = os.wait4(process.pid, 0)
            walls.append(time.perf_counter() - begun)
            watch.join()
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                raise SystemExit(f"exit code {process.returncode}: {command}")
            cpus.append(usage.ru_utime + usage.ru_stime)
            peaks.append(peak[0])
            output.seek(0)
            text = output.read()
    return min(walls), min(cpus), max(peaks), text


def _watch(process: int, peak: list[float]) -> None:
    """The largest resident set so far, again and again: that of `wait4` counts what the process was forked from."""
    while True:
        try:
            status = Path(f"/proc/{process}/status").read_text()
        except OSError:
            return
        found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
        if found is None:  # it has ended
            return
        peak[0] = int(found[1]) * 1024.0
        time.sleep(0.005)


def report(sweep: Sweep, options: argparse.Namespace, store: list[str]) -> None:
    """Measure, print, and write down."""
    block = verdict(sweep).datasets[0]
    first, second = (row.trial for row in block.rows[:2])
    verbs = {
        "show": [],
        "show --all --json": [],
        "compare": [first, second],
        "confusion": [],
        "confusion --architecture": [first, "--dataset", block.dataset.name],
    }
    copy = Path(str(sweep.folder / "gathered" / "lanes.parquet"))
    begun = time.perf_counter()
    sweep.gather()
    lines = [
        f"{len(sweep.finished()):,} trials, {len(sweep.read('lanes', ['seed'])):,} lanes. Gathered once, at the sweep's end, in "
        f"{time.perf_counter() - begun:.0f} s: {copy.stat().st_size / 1e6:.0f} MB."
    ]
    rows = []

    def add(verb: str, others: list[str], rounds: int, name: str) -> None:
        which, *flags = verb.split()
        wall, cpu, peak, text = measured([which, SWEEP, *flags, *others, *store], rounds)
        figures = f"{wall:.2f}", f"{cpu:.2f}", f"{peak / 1e6:.0f}", f"{len(text) / 1e3:,.0f}"
        rows.append([f"`{verb}`{name}", *figures])
        print(*rows[-1], sep="  ", flush=True)

    for verb, others in verbs.items():
        add(verb, others, options.rounds, "")
    copy.unlink()
    add("show", [], 1, " without the gathered file")
    header = ["", "wall s", "CPU s", "peak MB", "kB printed"]
    lines += ["", *table(header, rows)]
    print("", machine(), *lines, sep="\n")
    if options.write:
        write_section("Reading 1,000,000 lanes", own_command(), lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="make it in this folder, or use the one that is there")
    parser.add_argument("--write", action="store_true", help="put the table into RESULTS.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="store-") as scratch:
        root = options.keep or Path(scratch)
        there = (root / SWEEP / "sweep.json").exists()
        sweep = Store(root).find(SWEEP) if there else make(root, options.trials)
        report(sweep, options, ["--store", str(root)])


if __name__ == "__main__":
    main()
