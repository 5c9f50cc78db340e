"""Mean error against epochs, a line for every hyperparameter set, drawn in the terminal."""

import math
from collections.abc import Sequence

from rich.console import Console

from seqsweep.results.analysis.curves import Band, Curve, Curves
from seqsweep.results.views import formats, layout
from seqsweep.results.views.canvas import Canvas
from seqsweep.results.views.terminal import Text

ROWS = 13  # every third is labelled, the last with 0
WIDEST = 120
WIDE = 100  # from here on the legend has the least and the greatest over seeds
AXIS = 7  # columns of the numbers left of the plot, with the axis
SETTINGS = 24  # columns below which the hyperparameters have a line of their own
MARGIN = 13  # columns right of it, for the candidates' numbers
NARROWEST = 10  # columns of the plot; below it the legend says it all
COLOURS = ("cyan", "yellow", "magenta", "blue", "red", "bright_cyan", "bright_magenta", "bright_yellow")
CHOSEN = "bold green"
_Line = tuple[Curve, Band]


def render(data: Curves, console: Console, *, validation: bool = False) -> None:
    """Print the plot of the training (or validation) error and its legend; numbers name the lines.

    The chosen set is drawn solid, between the least and the greatest of its seeds; the others are dotted.
    """
    what = "validation" if validation else "training"
    layout.facts(
        console,
        (data.architecture, "bold"),
        formats.dataset(data.dataset, data.synthetic),
        f"mean {what} error of {formats.plural(len(data.curves), 'hyperparameter set')}",
        _seeds(data),
    )
    lines = [(curve, band) for curve in data.curves if (band := _band(curve, validation)) is not None]
    values = [error for _, band in lines for error in band.mean if error is not None]
    if values:
        _plot(lines, values, what, console)
    elif validation and not lines:
        layout.line(console, "no validation error was measured")
    else:
        layout.line(console, f"no finite {what} error to draw")
    console.print()
    _legend(data, console)


def _band(curve: Curve, validation: bool) -> Band | None:
    return curve.validation if validation else Band(curve.errors, curve.least, curve.greatest)


def _seeds(data: Curves) -> str:
    most = max((curve.seeds for curve in data.curves), default=0)
    return f"mean over {most} seeds" if most > 1 else "one seed"


def _plot(lines: Sequence[_Line], values: Sequence[float], what: str, console: Console) -> None:
    ceiling, cut = _ceiling(lines, values)
    epochs = max(len(band.mean) for _, band in lines)
    room = min(console.width, WIDEST) - AXIS
    if room < NARROWEST:
        layout.line(console, (f"no room for the plot of the {what} error", "dim"))
        return
    numbered = room - MARGIN >= NARROWEST
    canvas = Canvas(room - MARGIN if numbered else room, ROWS)
    ends: list[list[tuple[float, Curve]]] = [[] for _ in range(ROWS)]
    # The chosen line last: where lines meet, it is the one on top.
    for curve, band in sorted(lines, key=lambda line: line[0].chosen):
        if curve.chosen and curve.seeds > 1:
            for edge in (band.least, band.greatest):
                _draw(canvas, _points(edge, epochs, ceiling, canvas), _style(curve), gap=4)
        points = _points(band.mean, epochs, ceiling, canvas)
        _draw(canvas, points, _style(curve), gap=1 if curve.chosen else 3)
        if points:
            ends[points[-1][1] // 4].append((_last(band.mean), curve))
    layout.line(console, (f"{what} error (cross-entropy)" + (", cut at the top" if cut else ""), "dim"))
    for number in range(ROWS):
        value = ceiling * (1 - number / (ROWS - 1))
        label = f"{value:>5.2f} ┤" if number % 3 == 0 else f"{'':>5} │"
        margin = _margin(ends[number]) if numbered else Text()
        console.print(Text(label, style="dim") + canvas.row(number) + margin, highlight=False)
    left = "1"
    right = f"{epochs} epochs" if epochs > 1 else "epoch"
    right = right if len(right) < canvas.columns - 1 else str(epochs)
    axis = f"{'':>5} └" + "─" * canvas.columns
    console.print(Text(axis, style="dim"), highlight=False)
    console.print(Text(f"{'':>7}{left}{right:>{canvas.columns - 1}}", style="dim"), highlight=False)


def _ceiling(lines: Sequence[_Line], values: Sequence[float]) -> tuple[float, bool]:
    """Top of the plot. A set that blows up must not flatten the others: cut at twice the median first error."""
    first = sorted(band.mean[0] for _, band in lines if band.mean and band.mean[0] is not None)
    limit = 2 * first[len(first) // 2] if first else math.inf
    top = max(values)
    return (limit, True) if 0 < limit < top else (top or 1.0, False)


def _points(
    errors: Sequence[float | None], epochs: int, ceiling: float, canvas: Canvas
) -> list[tuple[int, int]]:
    across, down = 2 * canvas.columns - 1, 4 * canvas.rows - 1
    return [
        (round(across * place / max(epochs - 1, 1)), round(down * (1 - max(min(error / ceiling, 1.0), 0.0))))
        for place, error in enumerate(errors)
        if error is not None
    ]


def _draw(canvas: Canvas, points: list[tuple[int, int]], style: str, *, gap: int) -> None:
    for start, end in zip(points, points[1:] or points, strict=False):
        canvas.line(start, end, style, gap=gap)


def _margin(ends: list[tuple[float, Curve]]) -> Text:
    """Numbers of the candidates whose lines end in this row, the chosen one first, then by error."""
    text = Text(" ")
    ordered = sorted(ends, key=lambda end: (not end[1].chosen, end[0]))
    for shown, (_, curve) in enumerate(ordered):
        name = f"●{curve.candidate}" if curve.chosen else str(curve.candidate)
        left = len(ordered) - shown
        if len(text) + len(name) + (4 if left > 1 else 0) > MARGIN:
            text.append(f"+{left}", style="dim")
            break
        text.append(name, style=_style(curve)).append(" ")
    text.rstrip()
    return text


def _style(curve: Curve) -> str:
    return CHOSEN if curve.chosen else COLOURS[curve.candidate % len(COLOURS)]


def _last(errors: Sequence[float | None]) -> float:
    return next((error for error in reversed(errors) if error is not None), math.inf)


def _legend(data: Curves, console: Console) -> None:
    validated = any(curve.validation for curve in data.curves)
    columns = (
        ("set", ">"),
        ("last error", ">"),
        *([("validation", ">")] if validated else []),
        ("epochs", ">"),
    )
    rows = []
    for curve in sorted(data.curves, key=lambda curve: (_last(curve.errors), curve.candidate)):
        text = Text(formats.settings(curve.hyperparameters) or "the only set")
        if curve.chosen:
            text.append(" · chosen on validation", style=CHOSEN)
        if curve.diverged:
            text.append(
                f" · diverged {curve.diverged} of {formats.plural(curve.seeds, 'seed')}", style="yellow"
            )
        bands = [_band(curve, False), *([curve.validation] if validated else [])]
        cells = [
            Text(("●" if curve.chosen else "") + str(curve.candidate), style=_style(curve)),
            *(Text(_ended(band, over_seeds=console.width >= WIDE)) for band in bands),
            Text(str(len(curve.errors))),
        ]
        rows.append((cells, text))
    if layout.fits(console, (*columns, ("x" * SETTINGS, "")), [(*cells, Text()) for cells, _ in rows]):
        grid = layout.table((*columns, ("hyperparameters", "wrap")))
        for cells, text in rows:
            grid.add_row(*cells, text)
        console.print(grid, highlight=False)
    else:
        layout.print_two_line_rows(console, columns, rows, spare=("validation",))


def _ended(band: Band | None, *, over_seeds: bool) -> str:
    """ "0.123 (0.101-0.150)": the last errors, over seeds where they differ."""
    last = _last(band.mean) if band else math.inf
    if not band or not math.isfinite(last):
        return "–"
    low, high = (f"{_last(errors):.3f}" for errors in (band.least, band.greatest))
    return f"{last:.3f}" + (f" ({low}-{high})" if over_seeds and low != high else "")
