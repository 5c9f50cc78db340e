"""Mean training error against epochs: a line for every hyperparameter set of one architecture."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

from seqsweep.results.analysis.curves import Curve, Curves
from seqsweep.results.html import svg
from seqsweep.results.html.axis import Axis, label, ticks
from seqsweep.results.views import formats

WIDTH, HEIGHT = 330, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 36, 26, 8, 34
_LEAST = 1e-9  # error that is drawn as more than none
MOST_POINTS = 80  # of a line: more would be drawn on the same pixels
MOST_LINES = 40  # of an architecture: the chosen one, and those with the least errors
MOST_NUMBERS = 9  # lines that are numbered at their ends


def draw(data: Curves) -> Markup:
    """The chosen set in colour and on top, its validation error dashed, the others grey; each line ends in its number.

    Areas reach from the least to the greatest error of the seeds.
    """
    epochs = max((len(curve.errors) for curve in data.curves), default=0)
    values = [
        error for curve in data.curves for error in (*curve.errors, *curve.greatest) if error is not None
    ]
    top = _ceiling(data.curves, values)
    across = Axis(1, max(epochs, 2), _LEFT, WIDTH - _RIGHT)
    up = Axis(0, top, HEIGHT - _BOTTOM, _TOP)
    shown = best(data, MOST_LINES)
    ordered = sorted(shown, key=lambda curve: curve.chosen)
    few = len(ordered) <= MOST_NUMBERS
    parts = [_area(curve, across, up) for curve in ordered if curve.seeds > 1 and (few or curve.chosen)]
    parts += [_line(curve, across, up) for curve in ordered]
    parts += [_validation(curve, across, up) for curve in ordered if curve.chosen and curve.validation]
    return svg.picture(
        WIDTH, HEIGHT, describe(data), *_frame(across, up), *parts, *_numbers(shown, up), class_="plot"
    )


def best(data: Curves, most: int) -> list[Curve]:
    """The chosen set and those that end with the least errors, `most` in all, by number."""

    def key(curve: Curve) -> tuple[bool, float, int]:
        error = last(curve)
        return not curve.chosen, math.inf if error is None else error, curve.candidate

    return sorted(sorted(data.curves, key=key)[:most], key=lambda curve: curve.candidate)


def describe(data: Curves) -> str:
    """The figure in words."""
    chosen = next((curve for curve in data.curves if curve.chosen), None)
    sets = formats.plural(len(data.curves), "hyperparameter set")
    text = f"Mean training error of {data.architecture} on {data.dataset} against epochs, {sets}."
    if chosen and (error := last(chosen)) is not None:
        text += f" The chosen set, number {chosen.candidate}, ends at {error:.3g}."
    return text


def last(curve: Curve) -> float | None:
    """The last finite error."""
    return next((error for error in reversed(curve.errors) if error is not None), None)


def _ceiling(curves: Sequence[Curve], values: Sequence[float]) -> float:
    """Top of the plot: a set that blows up may not flatten the others, so at most twice the median first error."""
    first = sorted(curve.errors[0] for curve in curves if curve.errors and curve.errors[0] is not None)
    top = max(values, default=0.0)
    if first and first[len(first) // 2] > 0:
        top = min(top, 2 * first[len(first) // 2])
    return top if top > _LEAST else 1.0


def _frame(across: Axis, up: Axis) -> list[Markup]:
    parts = []
    for tick in ticks(up.low, up.high, 4):
        y = up.at(tick)
        parts.append(
            svg.element("path", d=f"M{_LEFT} {svg.number(y)}H{svg.number(across.end)}", class_="grid")
        )
        parts.append(svg.element("text", label(tick), x=_LEFT - 6, y=y + 4, text_anchor="end"))
    for tick in ticks(across.low, across.high, 5):
        if tick == round(tick):
            parts.append(
                svg.element("text", label(tick), x=across.at(tick), y=HEIGHT - 18, text_anchor="middle")
            )
    middle = (across.begin + across.end) / 2
    parts.append(svg.element("text", "epoch", x=middle, y=HEIGHT - 3, text_anchor="middle"))
    return parts


def _line(curve: Curve, across: Axis, up: Axis) -> Markup:
    tip = f"set {curve.candidate}: {formats.settings(curve.hyperparameters) or 'the only set'}"
    return svg.element(
        "path",
        svg.element("title", tip),
        d=svg.path(_points(curve.errors, across, up)),
        class_="line chosen" if curve.chosen else "line",
    )


def _validation(curve: Curve, across: Axis, up: Axis) -> Markup:
    assert curve.validation is not None
    title = svg.element("title", f"set {curve.candidate}, validation")
    return svg.element(
        "path", title, d=svg.path(_points(curve.validation.mean, across, up)), class_="validation"
    )


def _area(curve: Curve, across: Axis, up: Axis) -> Markup:
    edges = zip(_points(curve.greatest, across, up), _points(curve.least, across, up), strict=True)
    both = [(upper, lower) for upper, lower in edges if upper and lower]
    return svg.element(
        "path",
        d=svg.closed([upper for upper, _ in both], [lower for _, lower in both]),
        class_="area chosen" if curve.chosen else "area",
    )


def _points(errors: Sequence[float | None], across: Axis, up: Axis) -> list[tuple[float, float] | None]:
    """Places of at most about `MOST_POINTS` of the errors, evenly taken, the last among them."""
    step = max(math.ceil(len(errors) / MOST_POINTS), 1)
    kept = sorted({*range(0, len(errors), step), len(errors) - 1} - {-1})
    return [
        None if (error := errors[place]) is None else (across.at(place + 1), up.at(error)) for place in kept
    ]


def _numbers(curves: Sequence[Curve], up: Axis) -> list[Markup]:
    """Numbers of the sets beside the ends of their lines, moved apart where they would overlap."""
    shown = [curve for curve in curves if curve.chosen or len(curves) <= MOST_NUMBERS]
    ends = sorted(
        (up.at(error), not curve.chosen, curve.candidate)
        for curve in shown
        if (error := last(curve)) is not None
    )
    places = [end[0] for end in ends]
    for index in range(1, len(places)):
        places[index] = max(places[index], places[index - 1] + 11)
    limit = HEIGHT - _BOTTOM + 4.0
    for index in reversed(range(len(places))):
        places[index] = min(places[index], limit)
        limit = places[index] - 11
    return [
        svg.element(
            "text",
            str(candidate),
            x=WIDTH - _RIGHT + 5,
            y=y + 4,
            class_="number" if other else "number chosen",
        )
        for y, (_, other, candidate) in zip(places, ends, strict=True)
    ]
