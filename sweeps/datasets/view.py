"""A data set for people, before anything is trained: what it is, what it warns of, and drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from seqsweep.results.views import formats, layout
from seqsweep.results.views.bars import bar
from seqsweep.results.views.canvas import Canvas
from seqsweep.results.views.terminal import Text

if TYPE_CHECKING:
    from rich.console import Console

    from seqsweep.seqmodels.data.checks import Warned
    from seqsweep.seqmodels.data.inspection import ClassFacts, FeatureFacts, Inspection
    from seqsweep.sweeps.datasets.samples import Sample

MOST_CLASSES, MOST_FEATURES = 30, 20
BAR = 16
ROWS = 8
WIDEST = 72


def render_info(about: Inspection, console: Console) -> None:
    """Print what a data set was recognised as, its classes and its features."""
    render_heading(about, console)
    for note in about.notes:
        layout.line(console, (note, "dim"))
    console.print()
    _classes(about.classes, console)
    console.print()
    _features(about.features, console)


def render_heading(about: Inspection, console: Console) -> None:
    """Print the first lines: the format and the sizes."""
    how = f", {about.recognised}" if about.recognised else ""
    layout.line(console, (about.name, "bold"), f" · {about.format}{how}")
    groups = "" if about.groups is None else f", {formats.plural(about.groups, 'group')}"
    layout.line(
        console,
        f"{formats.plural(about.sequences, 'sequence')} of {about.shortest:,} to {about.longest:,} tokens (median "
        f"{about.median:g}), {formats.plural(about.tokens, 'token')}, {formats.plural(len(about.features), 'feature')}, "
        f"{len(about.classes):,} classes{groups}",
    )
    if about.parts:
        parts = ", ".join(
            f"{count:,} {'without a part' if part == 'none' else part}" for part, count in about.parts.items()
        )
        layout.line(console, f"its own parts: {parts}")
    else:
        layout.line(console, "no parts of its own: [split] of a spec holds some out, such as `test = 0.2`")


def _classes(classes: Sequence[ClassFacts], console: Console) -> None:
    most = max(each.sequences for each in classes)
    rows = [
        [
            Text(each.name),
            Text(f"{each.sequences:,}"),
            Text(bar(each.sequences / most, BAR), style="cyan"),
            Text(f"{each.shortest:,} - {each.median:g} - {each.longest:,}"),
        ]
        for each in classes[:MOST_CLASSES]
    ]
    layout.print_table(
        console, [("class", "<"), ("sequences", ">"), ("", "<"), ("tokens", "<")], rows, spare=["", "tokens"]
    )
    if len(classes) > MOST_CLASSES:
        layout.line(
            console, (f"... and {len(classes) - MOST_CLASSES:,} more classes (--json has all)", "dim")
        )


def _features(features: Sequence[FeatureFacts], console: Console) -> None:
    missing = any(each.missing for each in features)
    columns = [("feature", "<"), ("lowest", ">"), ("mean", ">"), ("deviation", ">"), ("highest", ">")]
    rows = []
    for each in features[:MOST_FEATURES]:
        figures = (each.low, each.mean, each.deviation, each.high)
        rows.append([Text(each.name), *(Text(f"{value:.4g}") for value in figures)])
        if missing:
            rows[-1].append(Text(f"{each.missing:,}" if each.missing else "", style="yellow"))
    layout.print_table(
        console,
        [*columns, ("missing", ">")] if missing else columns,
        rows,
        spare=["deviation", "lowest", "highest"],
    )
    if len(features) > MOST_FEATURES:
        layout.line(
            console, (f"... and {len(features) - MOST_FEATURES:,} more features (--json has all)", "dim")
        )


def render_check(warned: Sequence[Warned], console: Console) -> None:
    """Print what a data set warns of, a paragraph each."""
    if not warned:
        layout.line(console, ("✓ ", "green"), "nothing to beware of was found")
        return
    for each in warned:
        layout.line(console, ("! ", "yellow"), (f"{each.kind}: ", "bold"), each.text)


def render_samples(samples: Sequence[Sample], drawing: str, console: Console) -> None:
    """Draw a few sequences of each class: ink as it was written, others a line a feature."""
    for sample in samples:
        layout.line(
            console,
            (sample.label, "bold"),
            (f" · {sample.id} · {formats.plural(sample.length, 'token')}", "dim"),
        )
        canvas = _ink(sample.values) if drawing == "ink" else _traces(sample.values, console.width)
        for row in range(canvas.rows):
            console.print(canvas.row(row), highlight=False, no_wrap=True)


def _ink(values: npt.NDArray[np.float64]) -> Canvas:
    """Draw the pen's way, y upwards, both axes on one scale; between strokes, which a third column of 1 ends, nothing."""
    canvas = Canvas(2 * ROWS + 4, ROWS)
    across, down = 2 * canvas.columns - 1, 4 * canvas.rows - 1
    low = values[:, :2].min(0)
    size = float((values[:, :2].max(0) - low).max()) or 1.0
    at = np.rint((values[:, :2] - low) / size * min(across, down)).astype(int)
    points = [(int(x), down - int(y)) for x, y in at]
    up = values[:, -1] > 0.5 if values.shape[1] > 2 else np.zeros(len(values), bool)
    for place, point in enumerate(points):
        start = points[place - 1] if place and not up[place - 1] else point
        canvas.line(start, point, "cyan")
    return canvas


def _traces(values: npt.NDArray[np.float64], width: int) -> Canvas:
    """Draw up to six features, each on its own scale, one above the other."""
    shown = values[:, :6]
    canvas = Canvas(max(min(width, WIDEST), 20), max(ROWS, 2 * shown.shape[1]))
    across, down = 2 * canvas.columns - 1, 4 * canvas.rows
    strip = down / shown.shape[1]
    low = np.nanmin(shown, axis=0) if np.isfinite(shown).any() else np.zeros(shown.shape[1])
    size = np.nanmax(shown, axis=0) - low if np.isfinite(shown).any() else np.ones(shown.shape[1])
    for column in range(shown.shape[1]):
        before: tuple[int, int] | None = None
        for step, value in enumerate(shown[:, column].tolist()):
            if not np.isfinite(value):
                before = None
                continue
            height = (value - low[column]) / (size[column] or 1.0)
            x = round(across * step / max(len(shown) - 1, 1))
            point = (x, round((column + 1) * strip - 2 - height * (strip - 3)))
            canvas.line(before or point, point, "cyan" if column % 2 == 0 else "magenta")
            before = point
    return canvas
