"""A whole sweep on one GPU: seqsweep against plain Ray Tune with `nn.LSTM` and its like, one trial a model.

    python benchmarks/gpu/sweep_gpu.py --data /path/to/data          the reference study's data; within ten minutes
    python benchmarks/gpu/sweep_gpu.py                                the embedded data instead
    python benchmarks/gpu/sweep_gpu.py --dry-run                      tiny, on the cores: it runs, and measures nothing

Both train the same architectures, learning rates, seeds, batch size and epochs on the same splits, validation after every epoch;
none stops early. Each is one process, timed from its start to its exit, Ray, data and the compilation of kernels included. Plain
Tune's models share the GPU, and as one of them takes about as long as the next, it trains a part of them only: its total is that
part's rate times all models, and the table says how many it trained.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from results_table import table, write_section
from sweep_cpu import BATCH, CLIP_NORM, FRACTION, HIDDEN, models, run, spec_text

from seqsweep.cluster.limits import usable_cpus
from seqsweep.results.store import Store

REAL = {  # as in examples/
    "kannada-telugu": ("handwriting-kannada-telugu/handwriting.tar.xz", "strokes", "a ai bA chA tA"),
    "hindi-cv": ("cv-hindi-5/cv-hindi-5.tar.xz", "mfcc", "ba ka kaa sa tA"),
}
EMBEDDED = ("handwriting", "syllables")
PACKED, PADDED = "nn packed", "nn padded"


def sources(folder: Path | None) -> dict[str, Any]:
    """Data sets by name, as the registry takes them."""
    if folder is None:
        return {name: name for name in EMBEDDED}
    return {
        name: {
            "name": name,
            "path": str((folder / file).resolve()),
            "format": kind,
            "classes": classes.split(),
        }
        for name, (file, kind, classes) in REAL.items()
    }


def ours(options: argparse.Namespace, folder: Path) -> float:
    """Seconds of all models."""
    spec, store = folder / "spec.toml", folder / "store"
    share = 0.0 if options.dry_run else options.share
    spec.write_text(spec_text(options, options.sources.values(), share))
    program = Path(sys.executable).with_name("seqsweep")
    usage = run([str(program), "run", str(spec), "--store", str(store)], folder / "log")
    lanes = Store(store).find(None).read("lanes").to_pylist()
    print(
        f"seqsweep: {usage.wall:.0f} s, {len(lanes)} models, backends {sorted({row['backend'] for row in lanes})}"
    )
    return usage.wall


def plain(options: argparse.Namespace, folder: Path, *, padded: bool) -> tuple[float, int]:
    """Seconds, and of how many models."""
    every = models(options)
    chosen = every[:: max(1, len(every) // options.plain_models)][: options.plain_models]
    shared = {
        "hidden": HIDDEN,
        "batch_size": BATCH,
        "clip_norm": CLIP_NORM,
        "epochs": options.epochs,
        "padded": padded,
        "device": "cpu" if options.dry_run else "cuda",
    }
    job = {
        "datasets": list(options.sources.values()),
        "fraction": FRACTION,
        "cores": options.processes,
        "gpu": 0 if options.dry_run else 1 / options.processes,
        "reuse_actors": True,
        "models": [model | shared for model in chosen],
    }
    given, found = folder / "job.json", folder / "found.json"
    given.write_text(json.dumps(job))
    program = Path(__file__).parents[1] / "plain_tune.py"
    usage = run([sys.executable, str(program), str(given), str(found)], folder / "log")
    return usage.wall, len(json.loads(found.read_text()))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder with the reference study's data")
    parser.add_argument("--cells", nargs="+", default=["rnn_tanh", "gru", "lstm"])
    parser.add_argument("--layers", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--candidates", type=int, default=8, help="learning rates")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--share", type=float, default=0.25, help="of the GPU for each of seqsweep's trials")
    parser.add_argument("--plain-models", type=int, default=36, help="that plain Tune trains")
    parser.add_argument("--processes", type=int, default=min(16, usable_cpus()), help="of plain Tune")
    parser.add_argument("--write", action="store_true", help="put the table into RESULTS.md")
    parser.add_argument("--dry-run", action="store_true", help="tiny, on the cores")
    options = parser.parse_args()
    options.sources = sources(options.data)
    if options.dry_run:
        options.cells, options.layers, options.candidates, options.seeds = ["gru"], [1], 1, 1
        options.epochs, options.plain_models, options.processes = 1, 1, 1
        options.sources = {"syllables": "syllables"}
    options.datasets = list(options.sources)
    count = len(models(options))
    name = "no GPU: a dry run" if options.dry_run else torch.cuda.get_device_name()
    print(f"{name}; {count} models", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        folders = [Path(scratch) / part for part in ("ours", "padded", "packed")]
        for folder in folders:
            folder.mkdir()
        own = ours(options, folders[0])
        rows = [("seqsweep", own, count)]
        for title, folder in ((PADDED, folders[1]), (PACKED, folders[2])):
            rows.append((title, *plain(options, folder, padded=title == PADDED)))
            print(f"{title}: {rows[-1][1]:.0f} s for {rows[-1][2]} models", flush=True)
    lines = [
        f"{name}. {count} models: {', '.join(options.cells)} x layers {', '.join(map(str, options.layers))} x {HIDDEN} units on "
        f"{' and '.join(options.datasets)}, {options.candidates} learning rates, {options.seeds} seeds, {options.epochs} epochs, "
        f"batch {BATCH}; {options.processes} processes of plain Tune.",
        "",
        *table(
            ["", "trained", "in s", "models/s", f"s for all {count}", "ratio"],
            [
                [
                    title,
                    str(trained),
                    f"{seconds:.0f}",
                    f"{trained / seconds:.2f}",
                    f"{seconds / trained * count:.0f}",
                    f"{seconds / trained * count / own:.1f}x",
                ]
                for title, seconds, trained in rows
            ],
        ),
    ]
    print("", *lines, sep="\n")
    if options.write and not options.dry_run:
        write_section(
            "A sweep on a GPU: seqsweep against plain Ray Tune",
            "python benchmarks/gpu/sweep_gpu.py --write",
            lines,
        )


if __name__ == "__main__":
    main()
