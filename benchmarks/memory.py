"""How much memory it takes to read, prepare and train on 10 million tokens of 40 features, which are 1.6 GB of float32.

    python benchmarks/memory.py --write                 minutes, and 7 GB of disk

100,000 sequences of 100 tokens in three classes are written piece by piece. For each format a fresh process reads and prepares
them and trains one lane of a GRU with 8 units for an epoch (search, and the reading of test), by `TrialRun` and the backend
`cpu`. Shown is its largest resident set so far after each (the kernel's VmHWM, which is `ru_maxrss` without what the parent had):
pages of a mapped file count as well.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from results_table import own_command, table, write_section

FEATURES, LENGTH, CLASSES, AT_ONCE = 40, 100, 3, 5000
FORMATS = ("flat.npz", "long.parquet", "lists.arrow")

MEASURE = """
import json, sys, time
from seqsweep.seqmodels.architecture import Architecture
from seqsweep.seqmodels.data.source import load
from seqsweep.seqmodels.data.splits import SplitRule, Splits
from seqsweep.seqmodels.hyperparameters import Hyperparameters, Lane
from seqsweep.seqmodels.training_config import TrainingConfig
from seqsweep.seqmodels.trial_run import TrialRun

begun, told = time.perf_counter(), []
def tell():
    peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
    told.append([time.perf_counter() - begun, peak * 1024])
tell()
data = load({"path": sys.argv[1]}, rule=SplitRule(test=0.1))
tell()
trial = TrialRun(
    Architecture("gru", 1, 8), data, Splits.of(data), [Lane(0, 0, Hyperparameters())],
    TrainingConfig(epochs=1, batch_size=64), backend="cpu",
)
while not trial.done:
    trial.step()
tell()
print(json.dumps([*told, list(data.tokens.shape)]))
"""


def written(root: Path, name: str, sequences: int) -> Path:
    """Write the sequences in a format, some at a time."""
    draw = np.random.default_rng(0)
    path = root / name
    pieces = (
        (begin, draw.standard_normal((AT_ONCE * LENGTH, FEATURES), np.float32))
        for begin in range(0, sequences, AT_ONCE)
    )
    if name == "flat.npz":
        flat = np.lib.format.open_memmap(root / "flat.npy", "w+", np.float32, (sequences * LENGTH, FEATURES))
        for begin, values in pieces:
            flat[begin * LENGTH : (begin + AT_ONCE) * LENGTH] = values
        np.savez(path, X=flat, y=np.arange(sequences) % CLASSES, lengths=np.full(sequences, LENGTH))
        del flat
        (root / "flat.npy").unlink()
        return path
    writer: pq.ParquetWriter | pa.RecordBatchFileWriter | None = None
    for begin, values in pieces:
        number = np.arange(begin, begin + AT_ONCE)
        label = np.array([f"c{each % CLASSES}" for each in number])
        if name == "long.parquet":
            columns = {f"f{place}": values[:, place] for place in range(FEATURES)}
            batch = pa.table({"id": np.repeat(number, LENGTH), "label": np.repeat(label, LENGTH), **columns})
            writer = writer or pq.ParquetWriter(path, batch.schema)
        else:
            rows = pa.ListArray.from_arrays(
                np.arange(0, len(values) + 1, LENGTH, np.int32),
                pa.ListArray.from_arrays(
                    np.arange(0, values.size + 1, FEATURES, np.int32), pa.array(values.reshape(-1))
                ),
            )
            batch = pa.table({"label": label, "values": rows})
            writer = writer or pa.ipc.new_file(str(path), batch.schema)
        writer.write_table(batch)
    assert writer is not None
    writer.close()
    return path


def main() -> None:
    """Measure each format, and print or write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sequences", type=int, default=100_000, help=f"of {LENGTH} tokens")
    parser.add_argument("--formats", nargs="+", default=FORMATS, choices=FORMATS)
    parser.add_argument("--write", action="store_true", help="into RESULTS.md")
    arguments = parser.parse_args()
    rows = []
    for name in arguments.formats:
        with tempfile.TemporaryDirectory() as folder:
            path = written(Path(folder), name, arguments.sequences)
            done = subprocess.run(
                [sys.executable, "-c", MEASURE, str(path)], capture_output=True, text=True, check=False
            )
            if done.returncode:
                raise SystemExit(f"{name}: {done.stderr[-2000:]}")
            size = path.stat().st_size
        (_, before), (read, peak), (trained, whole), shape = json.loads(done.stdout.splitlines()[-1])
        rows.append(
            [
                name,
                f"{size / 1e9:.2f}",
                f"{shape[0]:,} x {shape[1]}",
                f"{read:.0f}",
                f"{trained - read:.0f}",
                f"{before / 1e9:.2f}",
                f"{peak / 1e9:.2f}",
                f"{whole / 1e9:.2f}",
            ]
        )
        print(rows[-1], flush=True)
    header = ["read from", "GB", "tokens", "read s", "train s", "GB at start", "GB read", "GB trained"]
    lines = table(header, rows)
    print("\n".join(lines))
    if arguments.write:
        write_section("Memory for 10 million tokens", own_command(), lines)


if __name__ == "__main__":
    main()
