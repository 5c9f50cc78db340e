"""SVG by functions: every text and attribute is escaped, every number short."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from markupsafe import Markup, escape

from seqsweep.results.shown import shown

Attribute = str | float | None


def element(tag: str, *children: str, **attributes: Attribute) -> Markup:
    """`<tag ...>children</tag>`: plain text is escaped, what nobody sees in it is shown, `Markup` stays.

    In an attribute's name `_` reads `-`; None is left out. A trailing `_` is dropped (`class_`).
    """
    parts = [
        Markup(' {}="{}"').format(name.rstrip("_").replace("_", "-"), _text(value))
        for name, value in attributes.items()
        if value is not None
    ]
    inside = Markup("").join(escape(_text(child)) for child in children)
    # tags are ours, never data
    return Markup(f"<{tag}") + Markup("").join(parts) + Markup(">") + inside + Markup(f"</{tag}>")


def picture(width: float, height: float, label: str, *children: str, class_: str = "") -> Markup:
    """A drawing with an accessible name, as wide as its place but no wider than `width` pixels."""
    return element(
        "svg",
        *children,
        viewBox=f"0 0 {number(width)} {number(height)}",
        width=width,
        height=height,
        role="img",
        aria_label=label,
        class_=f"picture {class_}".rstrip(),
    )


def ornament(width: float, height: float, *children: str, class_: str = "") -> Markup:
    """A drawing of what stands beside it in words, silent to screen readers."""
    return element(
        "svg",
        *children,
        viewBox=f"0 0 {number(width)} {number(height)}",
        width=width,
        height=height,
        aria_hidden="true",
        focusable="false",
        class_=class_ or None,
    )


def number(value: float) -> str:
    """Write at most one decimal: 12.34 -> "12.3", 12.0 -> "12"."""
    text = f"{value:.1f}"
    return "0" if text in ("-0.0", "0.0") else text.removesuffix(".0")


def path(points: Iterable[tuple[float, float] | None]) -> str:
    """Path data through the points; None lifts the pen."""
    parts: list[str] = []
    down = False
    for point in points:
        if point is None or not all(map(math.isfinite, point)):
            down = False
            continue
        x, y = map(number, point)
        parts.append(f"{'' if down else 'M'}{x} {y}")  # numbers that follow a move are lines
        down = True
    return " ".join(parts)


def closed(upper: Sequence[tuple[float, float]], lower: Sequence[tuple[float, float]]) -> str:
    """Path data of the area between two lines."""
    return path([*upper, *reversed(lower)]) + "Z" if upper else ""


def _text(value: str | float) -> str:
    if isinstance(value, Markup):
        return value
    return shown(value) if isinstance(value, str) else number(value)
