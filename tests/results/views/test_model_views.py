"""What is printed of an exported model: narrow and wide, with colour and without."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from rich.text import Text

from seqsweep.results.analysis.chosen_model import chosen_model
from seqsweep.results.analysis.evaluation import Subject, evaluation
from seqsweep.results.analysis.prediction import prediction
from seqsweep.results.views import evaluation as evaluation_view
from seqsweep.results.views import exported, predictions
from tests.support.example_sweep import write_example

CLASSES = ("ka", "kaa", "sa")
SUBJECT = Subject("model", "reference-a7f3c1", "0a1b2c", "gru x 2 x 100", "segments", False, 0, 1)
TRUE = ["ka"] * 6 + ["kaa"] * 4
SAID = np.eye(3)[[0, 0, 0, 0, 0, 1, 1, 1, 1, 2]] * 0.8 + 0.2 / 3


def shown(render: Callable[..., None], *data: Any, width: int, **options: Any) -> str:
    console = Console(file=io.StringIO(), width=width, **options)
    render(*data, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def judged() -> Any:
    names = [f"s{number}" for number in range(len(TRUE))]
    return evaluation(
        SUBJECT,
        "new.tar.xz",
        "test",
        classes=CLASSES,
        sequences=names,
        true=TRUE,
        probabilities=SAID,
        unknown=["ta", "pa", "ta"],
    )


def test_an_evaluation() -> None:
    lines = shown(evaluation_view.render, judged(), width=80).splitlines()
    assert lines[:6] == [
        "80.0 % · 95 % interval 49.0-94.3 (Wilson) · 8 of 10 sequences of new.tar.xz",
        "left out: 3 sequences of classes that the model does not know: pa (1), ta (2)",
        "no sequences of: sa",
        "",
        "gru x 2 x 100 · segments · test · one seed, n 10 · accuracy 80.0 %",
        "rows: true class · columns: predicted · % of the true class, 95 % interval",
    ]
    assert [line.split() for line in lines[6:9]] == [
        ["true", *CLASSES, "recall", "F1", "n"],
        ["ka", "██", "83.3", "44-97", "░░", "16.7", "3-56", "·", "83.3", "90.9", "6"],
        ["kaa", "·", "██", "75.0", "30-95", "▒▒", "25.0", "5-70", "75.0", "75.0", "4"],
    ]
    assert any(line.startswith("kaa   sa") and line.rstrip().endswith("s9") for line in lines)


@pytest.mark.parametrize("width", [80, 140])
def test_colour_carries_no_meaning(width: int) -> None:
    plain = shown(evaluation_view.render, judged(), width=width)
    coloured = shown(
        evaluation_view.render, judged(), width=width, force_terminal=True, color_system="standard"
    )
    assert "\x1b[" in coloured
    assert Text.from_ansi(coloured).plain.split() == plain.split()
    assert max(map(len, plain.splitlines())) <= width


def test_predictions_are_aligned() -> None:
    data = [
        prediction("a/1.txt", CLASSES, np.array([0.7, 0.2, 0.1])),
        prediction("long/name.txt", CLASSES, np.array([0.0, 1.0, 0.0])),
    ]
    assert shown(predictions.render, data, width=20) == (
        "a/1.txt        ka    70.0 %  then kaa 20.0, sa 10.0\n"
        "long/name.txt  kaa  100.0 %  then ka 0.0, sa 0.0\n"
    )
    assert shown(predictions.render_json, data[1:], width=20) == (
        '{"id": "long/name.txt", "class": "kaa", "probability": 1.0, "top": [{"class": "kaa", "probability": 1.0}, '
        '{"class": "ka", "probability": 0.0}, {"class": "sa", "probability": 0.0}]}\n'
    )


def test_an_export(tmp_path: Path) -> None:
    model = chosen_model(write_example(tmp_path), "segments", "gru x 2 x 100", seed=1)
    text = shown(exported.render, model, Path("out"), {"model.onnx": 2.1e-7}, width=140)
    assert text.splitlines() == [
        "gru x 2 x 100 · segments · seed 1",
        "accuracy 98.0 % on validation, 96.7 (91.7-98.7) % on 120 test sequences",
        "read back and compared with torch.nn, largest difference of a logit: model.onnx 2e-07",
        "written to out; use it with: seqsweep predict out FILES...",
    ]
