"""What a query answers: a table for the terminal, or CSV."""

from typing import IO, Any

from rich.console import Console

from seqsweep.results.query.sql import Answer
from seqsweep.results.shown import shown
from seqsweep.results.views import csv_rows, formats, json_view, layout
from seqsweep.results.views.rows import table

LONGEST = 40  # characters of a cell


def render(data: Answer, console: Console) -> None:
    """Print the rows; numbers with six digits, long texts cut."""
    if data.rows:
        texts = [[_text(value) for value in row] for row in data.rows]
        right = [
            all(
                value is None or (isinstance(value, int | float) and not isinstance(value, bool))
                for value in column
            )
            for column in zip(*data.rows, strict=True)
        ]
        table([_cut(shown(name)) for name in data.columns], texts, right, console)
    layout.line(console, (formats.plural(len(data.rows), "row"), "dim"))


def write_csv(data: Answer, file: IO[str]) -> None:
    """Write them as `csv_rows` does."""
    csv_rows.write(file, data.columns, data.rows)


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return _cut(f"[{', '.join(map(_text, value))}]")
    return _cut(shown(str(_plain(value))))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return json_view.dump(value, indent=None) if isinstance(value, list | dict) else value
