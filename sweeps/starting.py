"""The first spec of somebody's own data: written with comments, of a size that this machine trains in minutes."""

from __future__ import annotations

import os
import re
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqsweep.results.html.toml import value_text
from seqsweep.seqmodels.data.errors import DataError
from seqsweep.seqmodels.data.inspection import Inspection
from seqsweep.seqmodels.data.registry import format_named
from seqsweep.seqmodels.data.source import is_uri
from seqsweep.sweeps.datasets.near import inspect
from seqsweep.sweeps.spec.loading import parse_spec

if TYPE_CHECKING:
    from seqsweep.sweeps.forecast.forecast import Forecast

SECONDS = 300.0  # that a first sweep should take
TEST_SHARE = 0.2
LINE = 118


@dataclass(frozen=True)
class Size:
    """How much a sweep trains."""

    cells: tuple[str, ...] = ("rnn_tanh", "gru", "lstm")
    layers: tuple[int, ...] = (1, 2)
    hidden: int = 64
    candidates: int = 12
    seeds: int = 3
    final_seeds: int = 5
    epochs: int = 30


SIZES = (
    Size(),
    Size(candidates=8, epochs=20),
    Size(candidates=6, epochs=16, seeds=2),
    Size(candidates=4, epochs=12, seeds=2, cells=("gru", "lstm")),
    Size(candidates=3, epochs=10, seeds=2, final_seeds=3, cells=("gru", "lstm"), layers=(1,)),
    Size(candidates=2, epochs=8, seeds=1, final_seeds=2, cells=("gru",), layers=(1,), hidden=32),
)
"""From the best to the least; the first that is trained in time is taken."""


@dataclass(frozen=True)
class Start:
    """A spec that was written for a data set.

    `forecast` is what it takes on this machine; None where the data cannot be trained on yet, for `problems`.
    """

    text: str
    about: Inspection
    forecast: Forecast | None
    problems: tuple[str, ...] = ()


def start(source: Mapping[str, Any], folder: Path, *, seconds: float = SECONDS) -> Start:
    """Write a first spec of the data set whose table is `source`, for a file in `folder`; paths in it start there.

    It is the largest of `SIZES` that takes at most `seconds` here, by rates measured for some 20 s.

    Raises:
        DataError: the data cannot be read.
    """
    about, _ = inspect(source)
    table = _table(source, about, folder)
    chosen = Start(_text(about, table, SIZES[0], None), about, None)
    try:
        return _of_a_size(about, table, folder, seconds)
    except DataError as error:  # readable, but cannot be shared out: its user must decide
        return replace(chosen, problems=tuple(map(str, error.problems)))


def _of_a_size(about: Inspection, table: dict[str, Any], folder: Path, seconds: float) -> Start:
    from seqsweep.sweeps.datasets.loading import load_data
    from seqsweep.sweeps.forecast.planning import Options, plan_sweep

    def parsed(text: str) -> Any:
        return parse_spec(tomllib.loads(text), base=folder, source="the new spec")

    with tempfile.TemporaryDirectory() as scratch:
        rates = Path(scratch) / "rates.json"
        spec = parsed(_text(about, table, SIZES[0], None))
        data = load_data(spec)
        forecast = plan_sweep(spec, Options(write_rates=rates), source="the new spec", data=data)
        for size in SIZES:
            if size != SIZES[0]:
                # the last size's units were not measured, but are near enough to be estimated
                spec = parsed(_text(about, table, size, None))
                forecast = plan_sweep(spec, Options(rates=rates), source="the new spec", data=data)
            if forecast.seconds <= seconds:
                break
    return Start(_text(about, table, size, forecast), about, forecast)


def _table(source: Mapping[str, Any], about: Inspection, folder: Path) -> dict[str, Any]:
    """Make the data set's table: its path as seen from the spec, and what was found by looking; no defaults."""
    path = str(source["path"])
    path = (path if is_uri(path) else os.path.relpath(path, folder)).replace("$", "$$")
    fields = format_named(str(about.reading["format"])).options_type.model_fields
    usual = {key: field.default for key, field in fields.items()}
    found = {key: value for key, value in about.reading.items() if key == "format" or value != usual[key]}
    return {**source, "path": path, **found}


def _text(about: Inspection, table: Mapping[str, Any], size: Size, forecast: Forecast | None) -> str:
    comment = _Comment()
    comment.say(
        f"{about.path}: {about.sequences:,} sequences of {about.shortest:,} to {about.longest:,} tokens, "
        f"{len(about.features):,} features, {len(about.classes):,} classes."
    )
    if about.recognised:
        comment.say(f"It was taken for {about.format}: {about.recognised}.")
    for note in about.notes:
        comment.say(f"{note[0].upper()}{note[1:]}.")
    if forecast is not None:
        comment.say(
            f"`seqsweep run` takes about {_minutes(forecast.seconds)} on the machine on which this was written; every key is "
            "explained in docs/spec.md, and `seqsweep plan` says what other values would take."
        )
    largest = max(each.sequences for each in about.classes) / about.sequences
    batch = 16 if about.sequences < 2000 else 32 if about.sequences < 20_000 else 128
    lines = [
        comment.text(),
        "",
        f'name = "{_name(about.name)}"',
        f"datasets = [{value_text(table)}]",
        f"candidates = {size.candidates}  # settings of [hyperparameters] that are tried with each architecture",
        f"seeds = {size.seeds}  # the promising ones are trained from so many random starts",
        f"final_seeds = {size.final_seeds}  # the best one from so many fresh starts, and tested; more make the verdict surer",
        "",
        "[split]",
        *_split(about),
        "validation = 0.2  # of the rest, to choose candidates on; test is read once, at the end",
        "",
        "[architecture]  # every combination is trained",
        f"cell = {_list(size.cells)}",
        f"layers = {_list(size.layers)}",
        f"hidden = {size.hidden}  # units; a list tries several",
        f"batch_size = {batch}",
        "",
        "[hyperparameters]  # drawn once for each candidate",
        "lr = {log_uniform = [1e-3, 2e-2]}",
        "dropout = {choice = [0.0, 0.2]}",
        'schedule = "one_cycle"',
        "clip_norm = 1.0",
        "",
        "[training]",
        f"epochs = {size.epochs}",
        "",
    ]
    if largest > 0.5:
        lines.insert(
            1,
            f"# Guessing the largest class is right {largest:.0%} of the time: compare accuracies with that.",
        )
    return "\n".join(lines)


def _split(about: Inspection) -> list[str]:
    lines = []
    if "test" in about.parts:
        lines.append('test = "given"  # the test part that the data come with')
    else:
        lines.append(f"test = {TEST_SHARE}        # of the sequences, class by class")
    if about.groups is not None:
        lines.append('by = "group"      # no speaker or writer is in two parts')
    return lines


class _Comment:
    """Comment lines of some width."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def say(self, sentence: str) -> None:
        line = "#"
        for word in "".join(each if each.isprintable() else " " for each in sentence).split():
            if len(line) + 1 + len(word) > LINE and line != "#":
                self._lines.append(line)
                line = "#"
            line += f" {word}"
        self._lines.append(line)

    def text(self) -> str:
        return "\n".join(self._lines)


def _list(values: Sequence[Any]) -> str:
    return value_text(values if len(values) > 1 else values[0])


def _name(text: str) -> str:
    """Make a sweep's name of a data set's."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._")[:48] or "data"


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
