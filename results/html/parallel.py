"""Parallel coordinates: a line for every hyperparameter set through its settings to its validation accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from seqsweep.results.analysis.candidates import Candidate, Candidates
from seqsweep.results.html import svg
from seqsweep.results.html.axis import Axis, label, ticks
from seqsweep.results.views import formats

HEIGHT = 270
_BETWEEN, _MARGIN, _TOP, _BOTTOM = 130, 60, 30, 14
GROUPS = 5
MOST_NAMES = 12  # values of an axis of names that are written beside it
_LOGARITHMIC = ("lr", "weight_decay", "eps")


@dataclass(frozen=True)
class Scale:
    """An axis of the figure: numbers on an `axis`, or names at their `places`."""

    name: str
    axis: Axis | None
    places: dict[str, float]

    def at(self, value: Any) -> float:
        """Height of a value."""
        if self.axis is not None:
            return self.axis.at(float(value))
        return self.places[formats.setting(value)]

    def labels(self) -> list[tuple[float, str]]:
        """Height and text of what is written beside it."""
        if self.axis is not None:
            return [(self.axis.at(tick), label(tick)) for tick in self.axis.ticks(6)]
        step = -(-len(self.places) // MOST_NAMES)
        return [(place, name) for name, place in list(self.places.items())[::step]]


def draw(data: Candidates) -> Markup:
    """Lines are stronger and lie on top the better validation found them: five groups of equal number."""
    shown = data.best[::-1]
    scales = [_scale(name, [each.settings[name] for each in shown]) for name in data.axes]
    scales.append(_accuracy([100 * (each.validation.mean or 0.0) for each in shown]))
    width = 2 * _MARGIN + _BETWEEN * (len(scales) - 1)
    lines = []
    for place, each in enumerate(shown):
        group = place * GROUPS // len(shown)
        lines.append(_line(each, scales, data.axes, group))
    axes = [part for place, scale in enumerate(scales) for part in _axis(scale, place)]
    return svg.picture(width, HEIGHT, describe(data), *lines, *axes, class_="parallel")


def describe(data: Candidates) -> str:
    """The figure in words."""
    best = data.best[0]
    return (
        f"{len(data.best)} hyperparameter sets on {data.dataset}, a line each, from {', '.join(data.axes)} to validation "
        f"accuracy. The highest, {formats.percent(best.validation.mean)} %, has {formats.settings(best.settings)}."
    )


def _line(each: Candidate, scales: Sequence[Scale], names: Sequence[str], group: int) -> Markup:
    values = [*(each.settings[name] for name in names), 100 * (each.validation.mean or 0.0)]
    points = [
        (_MARGIN + _BETWEEN * place, scale.at(value))
        for place, (scale, value) in enumerate(zip(scales, values, strict=True))
    ]
    return svg.element("path", d=svg.path(points), class_=f"way g{group}")


def _axis(scale: Scale, place: int) -> list[Markup]:
    x = _MARGIN + _BETWEEN * place
    parts = [
        svg.element("path", d=f"M{x} {_TOP}V{HEIGHT - _BOTTOM}", class_="axis"),
        svg.element("text", scale.name, x=x, y=14, text_anchor="middle", class_="name"),
    ]
    for y, text in scale.labels():
        parts.append(svg.element("path", d=f"M{x - 3} {svg.number(y)}h6", class_="axis"))
        parts.append(svg.element("text", _short(text), x=x + 6, y=y + 4, class_="halo"))
    return parts


def _short(text: str) -> str:
    return text if len(text) <= 14 else text[:13] + "…"


def _scale(name: str, values: Sequence[Any]) -> Scale:
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        numbers = sorted({float(value) for value in values})
        log = numbers[0] > 0 and (name in _LOGARITHMIC or numbers[-1] / numbers[0] > 50)
        if len(numbers) > 6:
            return Scale(name, Axis(numbers[0], numbers[-1], HEIGHT - _BOTTOM, _TOP, log), {})
        ordered = numbers
    else:
        # `off` before numbers, then names
        ordered = sorted(
            set(values),
            key=lambda each: (
                isinstance(each, str),
                each or 0 if not isinstance(each, str) else 0,
                str(each),
            ),
        )
    return _named(name, [formats.setting(each) for each in ordered])


def _named(name: str, names: Sequence[str]) -> Scale:
    distinct = list(dict.fromkeys(names))
    axis = Axis(0, len(distinct) - 1 or 1, HEIGHT - _BOTTOM - 10, _TOP + 10)
    return Scale(name, None, {each: axis.at(place) for place, each in enumerate(distinct)})


def _accuracy(values: Sequence[float]) -> Scale:
    low, high = min(values), max(values)
    if high - low < 1:
        low, high = max(low - 0.5, 0.0), min(high + 0.5, 100.0)
    steps = ticks(low, high, 6)
    return Scale("validation %", Axis(min(low, steps[0]), max(high, steps[-1]), HEIGHT - _BOTTOM, _TOP), {})
