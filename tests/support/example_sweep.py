"""A small store that looks like a real one, made without training: fixed numbers, every table filled.

sweep = write_example(tmp_path)                       # two data sets, finished
sweep = write_example(tmp_path, missing=2)            # two trials were never run
store, sweep = Store(tmp_path), write_example(tmp_path, sweep_id="other-0123ab", created="2026-11-24T08:00:00+00:00")
"""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seqsweep.results.schema import table
from seqsweep.results.store import Store, Sweep
from seqsweep.seqmodels.architecture import Architecture

SWEEP_ID = "reference-a7f3c1"
CREATED = "2026-11-23T14:02:00.000000+00:00"
DATASETS = (
    ("handwriting", True, ("a", "ai", "bA", "chA", "tA"), 20),
    ("segments", False, ("ba", "ka", "kaa", "sa", "tA"), 24),
)
CANDIDATES = (
    {"lr": 0.004217, "clip_norm": 1.0, "optimizer": "adam"},
    {"lr": 0.001, "clip_norm": None, "optimizer": "adam"},
    {"lr": 0.0316, "clip_norm": None, "optimizer": "rmsprop"},
    {"lr": 1.0, "clip_norm": None, "optimizer": "sgd"},
)
# cell, layers, hidden, bidirectional, readout, test error, spread over seeds, seconds of a lane
ARCHITECTURES = (
    ("gru", 2, 100, False, "last", 0.02, 0.01, 3.4),
    ("lstm", 2, 100, False, "last", 0.05, 0.01, 4.3),
    ("lstm", 1, 100, True, "last+max", 0.03, 0.0, 2.9),
    ("rnn_tanh", 2, 100, False, "last", 0.3, 0.12, 1.6),
    ("rnn_tanh", 3, 100, False, "last", 1.0, 0.0, 2.2),  # every lane diverges
)
FIXED = {
    "momentum": 0.0,
    "nesterov": False,
    "beta1": 0.9,
    "beta2": 0.999,
    "alpha": 0.99,
    "eps": 1e-8,
    "weight_decay": 0.0,
    "dropout": 0.0,
    "input_noise": 0.0,
    "label_smoothing": 0.0,
    "schedule": "constant",
}
EPOCHS = 12


def write_example(
    root: Path | str,
    *,
    sweep_id: str = SWEEP_ID,
    created: str = CREATED,
    status: str | None = None,
    seeds: Sequence[int] = (0, 1, 2),
    missing: int = 0,
    class_names: Sequence[str] | None = None,
) -> Sweep:
    """Write a sweep into the store at `root`; the last `missing` trials are left out."""
    datasets = [
        (name, synthetic, tuple(class_names or classes), per_class)
        for name, synthetic, classes, per_class in DATASETS[: 1 if class_names else None]
    ]
    plans = [(dataset, architecture) for dataset in datasets for architecture in ARCHITECTURES]
    sweep = Store(root).create(
        sweep_id,
        {
            "name": sweep_id.rsplit("-", 1)[0],
            "status": status or ("interrupted" if missing else "finished"),
            "created": created,
            "ended": None if missing else "2026-11-23T14:03:02.000000+00:00",
            "seconds": None if status == "running" else 62.4,
            "command": "seqsweep run",
            "spec": {"name": sweep_id.rsplit("-", 1)[0]},
            "trials": len(plans),
            "lanes": len(plans) * len(CANDIDATES) * len(seeds),
            "datasets": [_dataset_entry(*dataset) for dataset in datasets],
            "versions": {"seqsweep": "0.1.0"},
            "git": None,
            "host": "example",
            "cores": 2,
            "backend": "torch",
        },
        table("examples", [row for dataset in datasets for row in _example_rows(*dataset)]),
    )
    for dataset, architecture in plans[: len(plans) - missing]:
        write_example_trial(sweep, dataset, architecture, seeds)
    return sweep


def write_example_trial(sweep: Sweep, dataset: Any, architecture: Any, seeds: Sequence[int]) -> str:
    """Write one trial and return its id."""
    name, synthetic, classes, per_class = dataset
    cell, layers, hidden, bidirectional, readout, error, spread, seconds = architecture
    trial = hashlib.sha256(repr((name, architecture)).encode()).hexdigest()[:12]
    rng = np.random.default_rng(int(trial, 16))
    all_diverge = error == 1.0
    rows: dict[str, list[dict[str, Any]]] = {"lanes": [], "epochs": [], "confusions": [], "predictions": []}
    models: dict[str, dict[str, np.ndarray]] = {}
    for candidate, searched in enumerate(CANDIDATES):
        for position, seed in enumerate(seeds):
            key = {
                "sweep": sweep.id,
                "trial": trial,
                "dataset": name,
                **Architecture(cell, layers, hidden, bidirectional, tuple(readout.split("+"))).record(),
                "batch_size": 32,
                "candidate": candidate,
                "seed": seed,
            }
            diverged = all_diverge or searched["optimizer"] == "sgd"
            chosen = candidate == 0 and not all_diverge
            losses = _losses(error, candidate, seed, diverged)
            rows["epochs"] += [
                key
                | {
                    "phase": "search",
                    "epoch": epoch,
                    "train_loss": loss,
                    "train_accuracy": 0.2 if diverged else 1 - error * loss / losses[0],
                    "validation_loss": loss * 1.1,
                    "validation_accuracy": 0.2 if diverged else 1 - error,
                    "learning_rate": searched["lr"],
                    "seconds": seconds / EPOCHS,
                }
                for epoch, loss in enumerate(losses, start=1)
            ]
            test = None
            if chosen:
                wrong = error + spread * (position - (len(seeds) - 1) / 2)
                counts = _confuse(rng, len(classes), per_class, wrong)
                test = float(np.trace(counts) / counts.sum())
                rows["confusions"] += [
                    key | {"split": "test", "true": true, "predicted": predicted, "count": counts[i, j]}
                    for i, true in enumerate(classes)
                    for j, predicted in enumerate(classes)
                ]
                rows["predictions"] += [key | entry for entry in _predictions(classes, counts)]
                models[f"c{candidate}-s{seed}"] = {
                    "head.bias": rng.normal(size=len(classes)).astype(np.float32)
                }
            validation = 0.2 if diverged else 1 - error - 0.01 * candidate
            rows["lanes"].append(
                key
                | FIXED
                | searched
                | {
                    "synthetic": synthetic,
                    "parameters": _parameters(cell, layers, hidden, bidirectional, len(classes)),
                    "stage": "search",
                    "chosen": chosen,
                    "refit": False,
                    "epochs": len(losses),
                    "best_epoch": 1 if diverged else len(losses),
                    "refit_epochs": None,
                    "stopped": "diverged" if diverged else "converged" if candidate == 1 else "max_epochs",
                    "train_loss": losses[-1],
                    "train_accuracy": 0.2 if diverged else 1 - error / 4,
                    "validation_loss": float("nan") if diverged else 1.1 * losses[-1],
                    "validation_accuracy": validation,
                    "test_loss": None if test is None else 1.2 * losses[-1],
                    "test_accuracy": test,
                    "seconds": seconds,
                    "backend": "torch",
                    "host": "example",
                }
            )
    sweep.write_trial(trial, {kind: table(kind, content) for kind, content in rows.items()}, models)
    return trial


def _dataset_entry(name: str, synthetic: bool, classes: tuple[str, ...], per_class: int) -> dict[str, Any]:
    return {
        "name": name,
        "synthetic": synthetic,
        "features": 2,
        "classes": list(classes),
        "train": 3 * per_class * len(classes),
        "validation": per_class * len(classes),
        "test": per_class * len(classes),
        "fingerprint": hashlib.sha256(name.encode()).hexdigest(),
        "length_min": 20,
        "length_median": 71,
        "length_max": 180,
        "normalization": {"kind": "per_sequence_minmax"},
        "format": "strokes" if synthetic else "mfcc",
        "reading": {"format": "strokes" if synthetic else "mfcc"},
        "tokens": 71 * 5 * per_class * len(classes),
        "groups": None if synthetic else 12,
        "class_counts": {
            "train": [3 * per_class] * len(classes),
            "validation": [per_class] * len(classes),
            "test": [per_class] * len(classes),
        },
        "class_lengths": [[20, 71.0 + place, 180] for place in range(len(classes))],
    }


def _example_rows(
    name: str, synthetic: bool, classes: tuple[str, ...], per_class: int
) -> Iterator[dict[str, Any]]:
    """Two a class: circles of pen strokes, and waves as features; of the second only every other token."""
    features = 2 if synthetic else 13
    for place, label in enumerate(classes):
        for number, step in enumerate((1, 2)):
            length = 40 * (number + 1)
            time = np.linspace(0, 2 * np.pi, length)[::step, None]
            waves = np.sin((1 + place) * time + np.arange(features) * np.pi / 2)
            yield {
                "dataset": name,
                "class": label,
                "sequence": f"{label}/{number}",
                "length": length,
                "features": features,
                "token_step": step,
                "feature_step": 1,
                "values": ((1 + waves) / 2 if synthetic else waves).ravel(),
            }


def _losses(error: float, candidate: int, seed: int, diverged: bool) -> list[float]:
    if diverged:
        return [1.7, 2.4 + seed, float("nan")]
    epochs = np.arange(EPOCHS - 3 * (candidate == 1))
    return [
        float(loss) for loss in (1.6 - 0.1 * candidate) * np.exp(-epochs / (2 + 2 * candidate)) + error / 2
    ]


def _confuse(rng: np.random.Generator, classes: int, per_class: int, wrong: float) -> np.ndarray:
    """Counts [C, C]: `wrong` of each class's sequences go to its neighbour, more in the later classes."""
    counts = np.zeros((classes, classes), dtype=np.int64)
    for true in range(classes):
        missed = int(rng.binomial(per_class, min(max(wrong * 2 * true / max(classes - 1, 1), 0.0), 1.0)))
        counts[true, true] = per_class - missed
        counts[true, (true + 1) % classes] += missed
    return counts


def _predictions(classes: Sequence[str], counts: np.ndarray) -> list[dict[str, Any]]:
    entries = []
    for i, true in enumerate(classes):
        predicted = np.repeat(np.arange(len(classes)), counts[i])
        for number, j in enumerate(predicted):
            probabilities = np.full(len(classes), 0.1 / max(len(classes) - 1, 1), dtype=np.float32)
            probabilities[j] = 0.9
            entry = {"split": "test", "sequence": f"{true}/{number}", "true": true, "predicted": classes[j]}
            entries.append(entry | {"probabilities": probabilities})
    return entries


def _parameters(cell: str, layers: int, hidden: int, bidirectional: bool, classes: int) -> int:
    gates = {"lstm": 4, "gru": 3}.get(cell, 1)
    ways = 2 if bidirectional else 1
    first = ways * gates * hidden * (2 + hidden + 2)
    later = (layers - 1) * ways * gates * hidden * (ways * hidden + hidden + 2)
    return first + later + classes * (ways * hidden + 1)
