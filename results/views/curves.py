"""Mean training error against epochs, a line for every hyperparameter set, drawn in the terminal."""

import math
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from results.analysis import Curve, Curves
from results.views import formats, layout
from results.views.canvas import Canvas

ROWS = 13  # every third is labelled, the last with 0
WIDEST = 120
AXIS = 7  # columns of the numbers left of the plot, with the axis
MARGIN = 13  # columns right of it, for the candidates' numbers
COLOURS = ("cyan", "yellow", "magenta", "blue", "red", "bright_cyan", "bright_magenta", "bright_yellow")
CHOSEN = "bold green"


def render(data: Curves, console: Console) -> None:
    """Print the plot and its legend. The chosen set is drawn solid, the others dotted; numbers name the lines."""
    layout.facts(
        console,
        (data.architecture, "bold"),
        formats.dataset(data.dataset, data.synthetic),
        f"mean training error of {formats.plural(len(data.curves), 'hyperparameter set')}",
        _seeds(data),
    )
    values = [error for curve in data.curves for error in curve.errors if error is not None]
    if values:
        _plot(data, values, console)
    else:
        layout.line(console, "no finite training error to draw")
    console.print()
    _legend(data, console)


def _seeds(data: Curves) -> str:
    most = max((curve.seeds for curve in data.curves), default=0)
    return f"mean over {most} seeds" if most > 1 else "one seed"


def _plot(data: Curves, values: Sequence[float], console: Console) -> None:
    ceiling, cut = _ceiling(data, values)
    epochs = max(len(curve.errors) for curve in data.curves)
    canvas = Canvas(min(console.width, WIDEST) - AXIS - MARGIN, ROWS)
    ends: list[list[tuple[float, Curve]]] = [[] for _ in range(ROWS)]
    # The chosen line last: where lines meet, it is the one on top.
    for curve in sorted(data.curves, key=lambda curve: curve.chosen):
        points = _points(curve, epochs, ceiling, canvas)
        for start, end in zip(points, points[1:] or points, strict=False):
            canvas.line(start, end, _style(curve), gap=1 if curve.chosen else 3)
        if points:
            last = next(error for error in reversed(curve.errors) if error is not None)
            ends[points[-1][1] // 4].append((last, curve))
    layout.line(console, ("training error (cross-entropy)" + (", cut at the top" if cut else ""), "dim"))
    for number in range(ROWS):
        value = ceiling * (1 - number / (ROWS - 1))
        label = f"{value:>5.2f} ┤" if number % 3 == 0 else f"{'':>5} │"
        console.print(Text(label, style="dim") + canvas.row(number) + _margin(ends[number]), highlight=False)
    left = "1"
    right = f"{epochs} epochs" if epochs > 1 else "epoch"
    axis = f"{'':>5} └" + "─" * canvas.columns
    console.print(Text(axis, style="dim"), highlight=False)
    console.print(Text(f"{'':>7}{left}{right:>{canvas.columns - 1}}", style="dim"), highlight=False)


def _ceiling(data: Curves, values: Sequence[float]) -> tuple[float, bool]:
    """Top of the plot. A set that blows up must not flatten the others: cut at twice the median first error."""
    first = sorted(curve.errors[0] for curve in data.curves if curve.errors and curve.errors[0] is not None)
    limit = 2 * first[len(first) // 2] if first else math.inf
    top = max(values)
    return (limit, True) if 0 < limit < top else (top or 1.0, False)


def _points(curve: Curve, epochs: int, ceiling: float, canvas: Canvas) -> list[tuple[int, int]]:
    across, down = 2 * canvas.columns - 1, 4 * canvas.rows - 1
    return [
        (round(across * place / max(epochs - 1, 1)), round(down * (1 - max(min(error / ceiling, 1.0), 0.0))))
        for place, error in enumerate(curve.errors)
        if error is not None
    ]


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


def _legend(data: Curves, console: Console) -> None:
    grid = layout.table((("set", ">"), ("last error", ">"), ("epochs", ">"), ("hyperparameters", "wrap")))

    def last(curve: Curve) -> float:
        return next((error for error in reversed(curve.errors) if error is not None), math.inf)

    for curve in sorted(data.curves, key=lambda curve: (last(curve), curve.candidate)):
        text = Text(formats.settings(curve.hyperparameters) or "the only set")
        if curve.chosen:
            text.append(" · chosen on validation", style=CHOSEN)
        if curve.diverged:
            text.append(
                f" · diverged {curve.diverged} of {formats.plural(curve.seeds, 'seed')}", style="yellow"
            )
        error = last(curve)
        grid.add_row(
            Text(("●" if curve.chosen else "") + str(curve.candidate), style=_style(curve)),
            f"{error:.4f}" if math.isfinite(error) else "–",
            str(len(curve.errors)),
            text,
        )
    console.print(grid, highlight=False)
