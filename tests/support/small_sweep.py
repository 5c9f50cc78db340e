"""A sweep that takes seconds: pen strokes of three classes, three architectures, four lanes each."""

import math
import random
from pathlib import Path
from typing import Any

import pandas as pd

from seqsweep.results.store import Store, Sweep

CLASSES = ("hook", "loop", "zigzag")
CELLS = ("rnn_tanh", "gru", "lstm")
LONG = 48  # epochs, of a sweep that is to be caught in the middle
TABLES = ("lanes", "epochs", "confusions", "predictions")
# what differs between two runs of the same sweep
PASSING = ["sweep", "seconds", "host"]


def write_strokes(root: Path) -> Path:
    """The course layout, with 12 files to train and 4 to test in each class."""
    draw = random.Random(0)
    for turns, name in enumerate(CLASSES):
        for part, count in (("train", 12), ("dev", 4)):
            folder = root / name / part
            folder.mkdir(parents=True)
            for number in range(count):
                steps = draw.randint(6, 14)
                points = []
                for step in range(steps):
                    angle = 2 * math.pi * turns * step / steps + draw.gauss(0, 0.2)
                    points += [math.cos(angle) + step / steps, math.sin(angle)]
                text = " ".join(f"{value:.5f}" for value in points)
                (folder / f"{name}-{number}.txt").write_text(f"{steps} {text}\n")
    return root


def table(data: Path, *, epochs: int = 2, **changes: Any) -> dict[str, Any]:
    """The spec, as its TOML file is read."""
    return {
        "name": "small",
        "datasets": [{"path": str(data), "format": "strokes", "name": "strokes"}],
        "seeds": 2,
        "final_seeds": 2,
        "candidates": 2,
        "architecture": {"cell": list(CELLS), "hidden": 7},
        "hyperparameters": {"lr": {"log_uniform": [1e-3, 1e-1]}, "dropout": 0.1, "clip_norm": 1.0},
        "search": {"sampler": "random"},
        "training": {"epochs": epochs, "min_change": 0, "refit": True},
        **changes,
    }


def toml(spec: dict[str, Any]) -> str:
    """The same as a file."""
    data = spec["datasets"][0]
    lines = [
        f'name = "{spec["name"]}"',
        f'datasets = [{{path = "{data["path"]}", format = "strokes", name = "strokes"}}]',
        f"seeds = {spec['seeds']}",
        f"final_seeds = {spec['final_seeds']}",
        f"candidates = {spec['candidates']}",
    ]
    for section in ("architecture", "hyperparameters", "search", "training", "resources"):
        lines.append(f"[{section}]")
        for name, value in spec.get(section, {}).items():
            lines.append(f"{name} = {_value(value)}")
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {_value(part)}" for name, part in value.items()) + "}"
    return repr(value).lower() if isinstance(value, bool) else repr(value)


def newest(store: Path) -> Sweep:
    """The sweep that was made last."""
    return Store(store).find(None)


def figures(sweep: Sweep) -> dict[str, pd.DataFrame]:
    """All tables, without the columns that may differ between two runs of the same sweep."""
    frames = {}
    for name in TABLES:
        frame = sweep.read(name).to_pandas()
        for column in frame.columns:
            if frame[column].dtype == "category":
                frame[column] = frame[column].astype(str)
        frames[name] = frame.drop(columns=[column for column in PASSING if column in frame])
    return frames


def assert_same(found: Sweep, expected: dict[str, pd.DataFrame]) -> None:
    """Every row and bit of every table, none lost and none twice."""
    for name, frame in figures(found).items():
        pd.testing.assert_frame_equal(frame, expected[name], check_exact=True, obj=name)
