"""A line for each sequence: what it is, how probable that is, and what else it may be."""

from collections.abc import Sequence

from rich.console import Console

from seqsweep.results.analysis.prediction import Prediction
from seqsweep.results.views import formats, json_view, layout
from seqsweep.results.views.terminal import text_width


def render(data: Sequence[Prediction], console: Console) -> None:
    """Print some predictions, their columns aligned."""
    names, classes = [each.id for each in data], [each.top[0].name for each in data]
    widths = [max(map(text_width, texts)) for texts in (names, classes)]
    for name, likeliest, each in zip(names, classes, data, strict=True):
        others = ", ".join(f"{also.name} {formats.percent(also.probability)}" for also in each.top[1:])
        cells = _padded(name, widths[0]), _padded(likeliest, widths[1])
        percent = formats.percent(each.top[0].probability)
        layout.plain(console, f"{cells[0]}  {cells[1]}  {percent:>5} %  then {others}")


def render_json(data: Sequence[Prediction], console: Console) -> None:
    """Print a JSON object a line: `id`, `class`, `probability`, `top`."""
    for each in data:
        top = [{"class": one.name, "probability": one.probability} for one in each.top]
        json_view.write({"id": each.id, **top[0], "top": top}, console.file, indent=None)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - text_width(text))
