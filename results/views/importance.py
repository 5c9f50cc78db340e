"""Which parameters matter: shares of the variance, the accuracy at each value, and the range of good learning rates."""

import math
from collections.abc import Sequence
from typing import Any

from rich.console import Console

from seqsweep.results.analysis.importance import Importance, Parameter, Share
from seqsweep.results.analysis.parameter_levels import Level, RateRange
from seqsweep.results.views import formats, layout
from seqsweep.results.views.bars import bar, sparkline
from seqsweep.results.views.terminal import Text

BAR = 20
SPARKS = 24
WIDE = 100


def render(data: Importance, console: Console) -> None:
    """Print the shares, then the marginals and the learning rates of each architecture."""
    layout.facts(
        console,
        ("importance for validation accuracy", "bold"),
        formats.dataset(data.dataset, data.synthetic),
        formats.plural(data.architectures, "architecture"),
        formats.plural(data.candidates, "candidate"),
        formats.plural(data.seeds, "seed"),
    )
    _shares(data, console)
    for caution in data.cautions:
        layout.line(console, (f"beware: {caution}", "yellow"))
    console.print()
    _marginals(data, console)
    if data.rates:
        console.print()
        _rates(data.rates, console)


def _shares(data: Importance, console: Console) -> None:
    over = f"mean and 95 % over {data.repeats} forests" if data.repeats else "nothing varies"
    layout.line(console, (f"% of the variance that a parameter explains alone: {over}", "dim"))
    rows = [
        [Text(each.name), *_share(each.alone, "cyan" if each.searched else "green")]
        for each in data.parameters
    ]
    if data.together:
        rows.append([Text("together only", style="dim"), *_share(data.together, "dim")])
    layout.print_table(console, (("parameter", "<"), ("", "<"), ("%", "<")), rows, spare=("",))
    if data.learnt is not None:
        layout.line(console, (f"R² on candidates that a forest has not seen: {data.learnt:.2f}", "dim"))


def _share(share: Share | None, style: str) -> tuple[Text, Text]:
    if share is None:
        return Text(""), Text("–")
    ends = f"{formats.percent(share.low)}-{formats.percent(share.high)}"
    return Text(bar(share.mean, BAR), style=style), Text(f"{formats.percent(share.mean):>5} ({ends})")


def _marginals(data: Importance, console: Console) -> None:
    columns = (
        ("parameter", "<"),
        ("value", "<"),
        ("", "<"),
        ("validation", "<"),
        ("best", ">"),
        ("div %", ">"),
    )
    rows = [
        [Text("" if place else parameter.name), Text(_values(level)), *_level(level, parameter)]
        for parameter in data.parameters
        for place, level in enumerate(parameter.levels)
    ]
    layout.line(
        console,
        ("validation accuracy at each value: mean over candidates, their best, models diverged", "dim"),
    )
    layout.print_table(console, columns, rows, spare=("", "div %", "best"))


def _values(level: Level) -> str:
    low, high = formats.setting(level.low), formats.setting(level.high)
    return low if low == high else f"{low} - {high}"


def _level(level: Level, parameter: Parameter) -> tuple[Text, Text, Text, Text]:
    style = "cyan" if parameter.searched else "green"
    return (
        Text(bar(level.accuracy.mean or 0.0, BAR), style=style),
        Text(formats.interval(level.accuracy)),
        Text(formats.percent(level.best)),
        Text(_diverged(level.diverged, level.lanes)),
    )


def _diverged(diverged: int, lanes: int) -> str:
    return formats.percent(diverged / lanes) if diverged else "·"


def _rates(rates: Sequence[RateRange], console: Console) -> None:
    layout.line(
        console,
        (
            "learning rates within 1 point of the best; accuracy by rate",
            "dim",
        ),
    )
    wide = console.width >= WIDE
    columns = [("architecture", "<"), ("val", ">"), ("at lr", ">"), ("good", "<")]
    columns += [*([("width", ">")] if wide else []), ("div %", ">"), ("by rate", "<")]
    rows = [
        [
            Text(each.architecture),
            Text(formats.percent(each.accuracy)),
            Text(_setting(each.best)),
            Text(_range(each)),
            *([Text(_width(each))] if wide else []),
            Text(_diverged(each.diverged, each.lanes)),
            Text(sparkline(_accuracies(each, SPARKS if wide else SPARKS // 4)), style="cyan"),
        ]
        for each in rates
    ]
    layout.print_table(console, columns, rows, spare=("by rate", "div %", "at lr", "good"))


def _setting(value: Any) -> str:
    return "–" if value is None else formats.setting(value)


def _range(each: RateRange) -> str:
    if not each.good:
        return "–"
    ends = dict.fromkeys((_setting(each.low), _setting(each.high)))
    return f"{'-'.join(ends)}, {each.good} of {formats.plural(len(each.rates), 'candidate')}"


def _width(each: RateRange) -> str:
    return "–" if each.low is None or each.high is None or not each.low else f"{each.high / each.low:.3g}x"


def _accuracies(each: RateRange, most: int) -> list[float | None]:
    """One a candidate, by rate; of more than `most` the means of neighbouring ones."""
    step = math.ceil(len(each.rates) / most)
    means = []
    for start in range(0, len(each.rates), step):
        known = [
            rate.accuracy.mean for rate in each.rates[start : start + step] if rate.accuracy.mean is not None
        ]
        means.append(math.fsum(known) / len(known) if known else None)
    return means
