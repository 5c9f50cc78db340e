"""A line for each sequence: what it is, how probable that is, and what else it may be."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console

from results.analysis import Prediction
from results.views import formats, json_view


def render(data: Sequence[Prediction], console: Console) -> None:
    """Print some predictions, their columns aligned; the text is plain, whatever the ids and classes hold."""
    names, classes = [_plain(each.id) for each in data], [_plain(each.top[0].name) for each in data]
    widths = [max(map(cell_len, texts)) for texts in (names, classes)]
    for name, likeliest, each in zip(names, classes, data, strict=True):
        others = ", ".join(
            f"{_plain(also.name)} {formats.percent(also.probability)}" for also in each.top[1:]
        )
        cells = _padded(name, widths[0]), _padded(likeliest, widths[1])
        percent = formats.percent(each.top[0].probability)
        print(f"{cells[0]}  {cells[1]}  {percent:>5} %  then {others}", file=console.file)


def render_json(data: Sequence[Prediction], console: Console) -> None:
    """Print a JSON object a line: `id`, `class`, `probability`, `top`."""
    for each in data:
        top = [{"class": one.name, "probability": one.probability} for one in each.top]
        json_view.write({"id": each.id, **top[0], "top": top}, console.file, indent=None)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - cell_len(text))


def _plain(text: str) -> str:
    """Without what would move a terminal's cursor or change its colours."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text
    )
