"""How fast sequences are read from each format, beside the library that anybody would read the same bytes with.

    python benchmarks/reading.py --write                 some minutes and 200 MB of disk

The same sequences (10 features, 50 to 150 tokens, 5 classes) are written in every format. Ours gives labelled sequences; the
baseline gives arrays or a data frame, and nothing is made of them; but of lists.arrow, which either side would merely map into
memory, both make one array [tokens, features]. Each runs in a fresh process; seconds are the least of
`--rounds` there, with the files in the page cache and imports paid; memory is the largest resident set above that before.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import wave
from pathlib import Path

import numpy as np
import pandas as pd
from results_table import own_command, table, write_section

FEATURES, CLASSES, RATE = 10, 5, 16_000

MEASURE = """
import json, sys, time
{imports}
path, rounds = sys.argv[1], int(sys.argv[2])
def peak():  # kB; not of getrusage, which begins at what the parent had
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
open("/proc/self/clear_refs", "w").write("5")
def read():
{read}
before, seconds = peak(), []
for _ in range(rounds):
    begun = time.perf_counter()
    found = read()
    seconds.append(time.perf_counter() - begun)
    del found
print(json.dumps([min(seconds), (peak() - before) * 1024]))
"""
OURS = """
import numpy, pyarrow, pyarrow.csv, pyarrow.parquet, pyarrow.feather, scipy.fft, scipy.io, scipy.signal
from pathlib import Path
from seqsweep.seqmodels.data.source import collect
"""
OURS_READ = "    return collect({source})[0]"
EACH = "    return [{one} for file in sorted(Path(path).rglob('*.*'))]"
BASELINES = {
    "table.csv": ("pandas", "import pandas", "    return pandas.read_csv(path)"),
    "table.parquet": ("pyarrow", "import pyarrow.parquet", "    return pyarrow.parquet.read_table(path)"),
    "lists.parquet": ("pyarrow", "import pyarrow.parquet", "    return pyarrow.parquet.read_table(path)"),
    "lists.arrow": (
        "pyarrow",
        "import pyarrow.feather",
        "    steps = pyarrow.feather.read_table(path)['values'].combine_chunks().flatten()\n"
        f"    return steps.flatten().to_numpy().reshape(-1, {FEATURES}).copy()",
    ),
    "data.jsonl": (
        "json",
        "import json, numpy",
        "    return [numpy.array(json.loads(line)['values']) for line in open(path)]",
    ),
    "padded.npz": ("numpy", "import numpy", "    return {k: v for k, v in numpy.load(path).items()}"),
    "csv": (
        "pandas",
        "import pandas\nfrom pathlib import Path",
        EACH.format(one="pandas.read_csv(file)"),
    ),
    "npy": ("numpy", "import numpy\nfrom pathlib import Path", EACH.format(one="numpy.load(file)")),
    "wav": (
        "scipy",
        "import scipy.io.wavfile\nfrom pathlib import Path",
        EACH.format(one="scipy.io.wavfile.read(file)"),
    ),
}
JOINED = "    return numpy.concatenate(collect({source})[0].sequences)"
NAMED = {"wav": {"features": "raw"}}  # the samples alone, as the baseline reads them


def written(root: Path, megabytes: float) -> None:
    """Write the data in every format."""
    draw = np.random.default_rng(0)
    count = int(megabytes * 1e6 / (100 * FEATURES * 8))
    sequences = [draw.normal(size=(int(draw.integers(50, 150)), FEATURES)).astype("f4") for _ in range(count)]
    labels = [f"c{place % CLASSES}" for place in range(count)]
    lengths = np.array([len(each) for each in sequences])
    flat = np.concatenate(sequences)
    names = [f"f{place}" for place in range(FEATURES)]
    frame = pd.DataFrame(flat, columns=names)
    frame.insert(0, "id", np.repeat(np.arange(count), lengths))
    frame.insert(1, "label", np.repeat(np.array(labels), lengths))
    frame.to_csv(root / "table.csv", index=False)
    frame.to_parquet(root / "table.parquet")
    rows = pd.DataFrame({"label": labels, "values": [list(each) for each in sequences]})
    rows.to_parquet(root / "lists.parquet")
    rows.to_feather(root / "lists.arrow", compression="uncompressed")
    with (root / "data.jsonl").open("w") as file:
        for label, each in zip(labels, sequences, strict=True):
            file.write(json.dumps({"label": label, "values": each.tolist()}) + "\n")
    padded = np.zeros((count, 150, FEATURES), "f4")
    for place, each in enumerate(sequences):
        padded[place, : len(each)] = each
    np.savez(root / "padded.npz", X=padded, y=np.arange(count) % CLASSES, lengths=lengths)
    for place, (label, each) in enumerate(zip(labels, sequences, strict=True)):
        for kind in ("csv", "npy", "wav"):
            (root / kind / label).mkdir(parents=True, exist_ok=True)
        pd.DataFrame(each, columns=names).to_csv(root / f"csv/{label}/{place}.csv", index=False)
        np.save(root / f"npy/{label}/{place}.npy", each)
        with wave.open(str(root / f"wav/{label}/{place}.wav"), "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(RATE)
            sound.writeframes((each.reshape(-1) * 3000).astype("<i2").tobytes())


def measured(program: str, path: Path, rounds: int) -> tuple[float, int]:
    """Run a program in a process of its own: seconds and bytes."""
    done = subprocess.run(
        [sys.executable, "-c", program, str(path), str(rounds)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{path.name}: {done.stderr[-2000:]}")
    seconds, memory = json.loads(done.stdout.splitlines()[-1])
    return seconds, memory


def main() -> None:
    """Measure every format, and print or write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--megabytes", type=float, default=40.0, help="of numbers, as float64")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="into RESULTS.md")
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        written(root, arguments.megabytes)
        for name, (library, imports, read) in BASELINES.items():
            path = root / name
            size = (
                sum(each.stat().st_size for each in path.rglob("*") if each.is_file()) or path.stat().st_size
            )
            source = {"path": str(path), **NAMED.get(name, {})}
            ours = MEASURE.format(
                imports=OURS, read=(JOINED if name == "lists.arrow" else OURS_READ).format(source=source)
            )
            theirs = MEASURE.format(imports=imports, read=read)
            seconds, memory = measured(ours, path, arguments.rounds)
            other, other_memory = measured(theirs, path, arguments.rounds)
            rows.append(
                [
                    name if path.is_file() else f"a folder of .{name}",
                    f"{size / 1e6:.1f}",
                    f"{size / 1e6 / seconds:.0f}",
                    library,
                    f"{size / 1e6 / other:.0f}",
                    f"{seconds / other:.2f}x",
                    f"{memory / 1e6:.0f}",
                    f"{other_memory / 1e6:.0f}",
                ]
            )
            print(rows[-1], flush=True)
    header = ["read from", "MB", "MB/s", "beside", "MB/s there", "time", "peak MB", "peak MB there"]
    lines = table(header, rows)
    print("\n".join(lines))
    if arguments.write:
        write_section("Reading sequences", own_command(), lines)


if __name__ == "__main__":
    main()
