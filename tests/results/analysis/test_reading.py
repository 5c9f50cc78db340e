"""A command reads each file once, and lists the finished trials as often as it must."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from seqsweep.results.analysis.comparison import compare_architectures
from seqsweep.results.analysis.confusion import confusion
from seqsweep.results.analysis.confusion_contrast import contrast
from seqsweep.results.analysis.reading import Reading
from seqsweep.results.analysis.report import report
from seqsweep.results.analysis.verdict import verdict
from seqsweep.results.files import Folder
from seqsweep.results.store import Store, Sweep

THREE = ("gru x 2 x 100", "lstm x 2 x 100", "lstm x 1 x 100 bi last+max")


def show(sweep: Sweep) -> None:
    reading = Reading(sweep)
    for block in verdict(reading).datasets:
        confusion(reading, block.dataset.name, block.best)
        confusion(reading, block.dataset.name, block.best)


COMMANDS: dict[str, tuple[Callable[[Sweep], Any], int]] = {
    "show": (show, 1),
    "compare": (lambda sweep: compare_architectures(sweep, THREE), 1),
    "report": (report, 3),  # `lanes` alone: as trials, as candidates, and whole for a trial's curves
}


@pytest.mark.parametrize("command", COMMANDS)
def test_each_file_is_read_once(example_root: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    figure, most = COMMANDS[command]
    reads: Counter[str] = Counter()
    listed: Counter[str] = Counter()
    read, names = Folder.read, Folder.names

    def counted(folder: Folder, name: str) -> pa.Buffer:
        reads[f"{Path(folder.path).name}/{name}"] += 1
        return read(folder, name)

    def counted_names(folder: Folder, kind: Any) -> list[str]:
        listed[Path(folder.path).name] += 1
        return names(folder, kind)

    monkeypatch.setattr("seqsweep.results.analysis.importance.REPEATS", 1)
    sweep = Store(example_root).find()
    monkeypatch.setattr(Folder, "read", counted)
    monkeypatch.setattr(Folder, "names", counted_names)
    figure(sweep)
    assert reads
    assert {name: count for name, count in reads.items() if count > (most if "lanes/" in name else 1)} == {}
    assert listed["lanes"] <= 1 + most


def test_what_was_read_gives_the_same_figures(example_root: Path) -> None:
    sweep = Store(example_root).find()
    reading = Reading(sweep)
    for _ in range(2):
        assert verdict(reading) == verdict(sweep)
        assert contrast(reading, None, *THREE[:2]) == contrast(sweep, None, *THREE[:2])
