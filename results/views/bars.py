"""Bars and sparklines of block characters."""

from collections.abc import Iterable

_ACROSS = " ▏▎▍▌▋▊▉█"
_UP = "▁▂▃▄▅▆▇█"


def bar(share: float, columns: int) -> str:
    """A bar that fills `share` (0..1) of `columns` characters, to an eighth of one; what is not 0 is seen."""
    eighths = round(min(max(share, 0.0), 1.0) * 8 * columns)
    eighths = max(eighths, 1 if share > 0 else 0)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (_ACROSS[rest] if rest else "")).ljust(columns)


def sparkline(values: Iterable[float | None]) -> str:
    """A character for each value, 0 the lowest and 1 the highest; a space for None."""
    return "".join(
        " " if value is None else _UP[min(int(min(max(value, 0.0), 1.0) * len(_UP)), len(_UP) - 1)]
        for value in values
    )
