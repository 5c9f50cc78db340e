"""A mean with its interval as a dot and a whisker, small enough for a table's cell."""

from __future__ import annotations

import math
from collections.abc import Iterable

from markupsafe import Markup

from seqsweep.results.html import svg
from seqsweep.results.html.axis import Axis, label, step_for, ticks
from seqsweep.results.statistics.interval import Interval

WIDTH, HEIGHT = 148, 20
_MARGIN = 12
_LEAST = 0.02  # span of the axis


def scale(figures: Iterable[Interval]) -> Axis:
    """An axis of accuracies that holds all of `figures`, from and to round numbers."""
    known = [(figure.mean, figure.half_width or 0.0) for figure in figures if figure.mean is not None]
    low = min((max(mean - half, 0.0) for mean, half in known), default=0.0)
    high = max((min(mean + half, 1.0) for mean, half in known), default=1.0)
    if high - low < _LEAST:
        low, high = max(low - _LEAST, 0.0), min(high + _LEAST, 1.0)
    step = step_for(high - low, 4)
    low = step * math.floor(low / step + 1e-9)
    high = step * math.ceil(high / step - 1e-9)
    return Axis(max(low, 0.0), min(high, 1.0), _MARGIN, WIDTH - _MARGIN)


def draw(figure: Interval, axis: Axis, *, best: bool) -> Markup:
    """The figure on `axis`, over the axis's grid."""
    parts = [
        svg.element("path", d=f"M{svg.number(axis.at(tick))} 0V{HEIGHT}", class_="grid")
        for tick in ticks(axis.low, axis.high, 4)
    ]
    if figure.mean is not None:
        half, middle = figure.half_width or 0.0, HEIGHT / 2
        left, right = axis.at(figure.mean - half), axis.at(figure.mean + half)
        parts.append(svg.element("path", d=f"M{svg.number(left)} {svg.number(middle)}H{svg.number(right)}"))
        parts.append(svg.element("circle", cx=axis.at(figure.mean), cy=middle, r=4))
    return svg.ornament(WIDTH, HEIGHT, *parts, class_="glyph best" if best else "glyph")


def head(axis: Axis) -> Markup:
    """The numbers above the grid, in percent."""
    parts = [
        svg.element("text", label(100 * tick), x=axis.at(tick), y=12, text_anchor="middle")
        for tick in ticks(axis.low, axis.high, 4)
    ]
    return svg.ornament(WIDTH, 16, *parts, class_="glyph")
