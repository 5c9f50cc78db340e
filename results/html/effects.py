"""What matters: how much each parameter explains, the accuracy at each of its values, and at each learning rate."""

from __future__ import annotations

import math

from markupsafe import Markup

from seqsweep.results.analysis.importance import Importance, Parameter, Share
from seqsweep.results.analysis.parameter_levels import Level, RateRange
from seqsweep.results.html import svg
from seqsweep.results.html.axis import Axis, label, ticks
from seqsweep.results.views import formats

BAR_WIDTH, BAR_HEIGHT = 240, 18
WIDTH, HEIGHT = 270, 180
SPARK_WIDTH, SPARK_HEIGHT = 150, 34
_LEFT, _RIGHT, _TOP, _BOTTOM = 34, 10, 8, 34
_MOST_LETTERS = 9
_BAR = 4  # half the width of a whisker's end
_ROOM = 42  # pixels that the name of a value takes


def bar(share: Share) -> Markup:
    """A share of the variance as a bar of 0 to 100 %, its interval as a whisker."""
    axis = Axis(0, 1, 1, BAR_WIDTH - 1)
    middle = BAR_HEIGHT / 2
    return svg.ornament(
        BAR_WIDTH,
        BAR_HEIGHT,
        svg.element("rect", x=1, y=3, width=BAR_WIDTH - 2, height=BAR_HEIGHT - 6, class_="track"),
        svg.element("rect", x=1, y=3, width=axis.at(share.mean) - 1, height=BAR_HEIGHT - 6, class_="bar"),
        svg.element(
            "path",
            d=f"M{svg.number(axis.at(share.low))} {svg.number(middle)}H{svg.number(axis.at(share.high))}",
            class_="whisker",
        ),
    )


def marginal(data: Importance, parameter: Parameter) -> Markup:
    """Validation accuracy against the values of a parameter: a dot and whisker for the mean, a ring for the best."""
    up = _accuracies(data)
    count = len(parameter.levels)
    step = (WIDTH - _LEFT - _RIGHT) / count
    parts = []
    for tick in ticks(up.low, up.high, 4):
        y = up.at(tick)
        parts.append(svg.element("path", d=f"M{_LEFT} {svg.number(y)}H{WIDTH - _RIGHT}", class_="grid"))
        parts.append(svg.element("text", label(tick), x=_LEFT - 6, y=y + 4, text_anchor="end"))
    named = math.ceil(_ROOM / step)
    for place, level in enumerate(parameter.levels):
        x = _LEFT + (place + 0.5) * step
        parts += _level(level, x, up)
        if place % named == 0:
            parts.append(svg.element("text", _short(level), x=x, y=HEIGHT - 16, text_anchor="middle"))
    words = f"Validation accuracy against {parameter.name}: " + "; ".join(
        f"{values(level)} {formats.interval(level.accuracy)} %" for level in parameter.levels
    )
    return svg.picture(WIDTH, HEIGHT, words, *parts, class_="marginal")


def values(level: Level) -> str:
    """A level's value, or its range."""
    low, high = formats.setting(level.low), formats.setting(level.high)
    return low if low == high else f"{low}–{high}"


def span(data: Importance) -> Axis:
    """An axis of accuracies (0..1) for the learning rates of all architectures."""
    found = [
        rate.accuracy.mean for each in data.rates for rate in each.rates if rate.accuracy.mean is not None
    ]
    low, high = min(found, default=0.0), max(found, default=1.0)
    return Axis(low, high if high > low else low + 1, SPARK_HEIGHT - 5, 5)


def _short(level: Level) -> str:
    """A value in the room that there is; of a range its beginning."""
    if level.low != level.high and isinstance(level.low, float):
        return f"{level.low:.2g}…"
    text = formats.setting(level.low)
    return text if len(text) <= _MOST_LETTERS else text[: _MOST_LETTERS - 1] + "…"


def spark(data: RateRange, up: Axis) -> Markup:
    """Validation accuracy against the learning rate, logarithmic; good rates are larger dots."""
    known = [(rate.lr, rate.accuracy.mean) for rate in data.rates if rate.accuracy.mean is not None]
    if not known:
        return svg.ornament(SPARK_WIDTH, SPARK_HEIGHT)
    lows = [lr for lr, _ in known]
    across = Axis(min(lows), max(lows), 5, SPARK_WIDTH - 5, log=min(lows) > 0)
    points = [(across.at(lr), up.at(accuracy)) for lr, accuracy in known]
    parts = [svg.element("path", d=svg.path(points))]
    for (lr, _), (x, y) in zip(known, points, strict=True):
        good = data.low is not None and data.high is not None and data.low <= lr <= data.high
        parts.append(svg.element("circle", cx=x, cy=y, r=3 if good else 2, class_="good" if good else None))
    return svg.ornament(SPARK_WIDTH, SPARK_HEIGHT, *parts, class_="spark")


def rates(data: RateRange) -> str:
    """ "0.002–0.01, 3 of 8": the good ones."""
    if data.low is None or data.high is None:
        return "–"
    ends = dict.fromkeys((formats.setting(data.low), formats.setting(data.high)))
    return f"{'–'.join(ends)}, {data.good} of {len(data.rates)}"


def _level(level: Level, x: float, up: Axis) -> list[Markup]:
    parts = []
    if level.accuracy.mean is not None:
        mean = 100 * level.accuracy.mean
        if half := 100 * (level.accuracy.half_width or 0.0):
            parts.append(svg.element("path", d=_whisker(x, mean - half, mean + half, up), class_="whisker"))
        parts.append(svg.element("circle", cx=x, cy=up.at(mean), r=4, class_="mean"))
    if level.best is not None:
        parts.append(svg.element("circle", cx=x, cy=up.at(100 * level.best), r=4, class_="ring"))
    return parts


def _whisker(x: float, low: float, high: float, up: Axis) -> str:
    """Draw a line from `low` to `high`; an end on the axis has a bar, one beyond it has none."""
    drawn = f"M{svg.number(x)} {svg.number(up.at(high))}V{svg.number(up.at(low))}"
    bars = [end for end in (low, high) if up.low <= end <= up.high]
    return drawn + "".join(f"M{svg.number(x - _BAR)} {svg.number(up.at(end))}h{2 * _BAR}" for end in bars)


def _accuracies(data: Importance) -> Axis:
    """One axis for all parameters of a data set, in percent."""
    found = [
        100 * figure
        for parameter in data.parameters
        for level in parameter.levels
        for figure in (level.accuracy.mean, level.best)
        if figure is not None
    ]
    low, high = min(found, default=0.0), max(found, default=100.0)
    margin = max((high - low) / 4, 2.0)
    return Axis(max(low - margin, 0.0), min(high + margin, 100.0), HEIGHT - _BOTTOM, _TOP)
