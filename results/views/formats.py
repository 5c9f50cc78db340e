"""How figures read in a terminal: percent with one decimal, `92k`, `1 min 02 s`."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from seqsweep.results.statistics.interval import Interval
from seqsweep.results.statistics.proportion import Proportion

SHADES = "░▒▓█"
UNITS = ("B", "kB", "MB", "GB", "TB")


def percent(fraction: float | None, decimals: int = 1) -> str:
    """0.978 -> "97.8"; None -> "–"."""
    return "–" if fraction is None else f"{100 * fraction:.{decimals}f}"


def interval(figure: Interval) -> str:
    """ "97.8 ±0.4"; without the ± for a single seed; "–" for none; "±>100" where the interval says nothing."""
    return f"{percent(figure.mean)} {margin(figure)}".rstrip()


def difference(figure: Interval) -> str:
    """A difference of two shares in points, with its interval: "+1.2 ±0.4"."""
    return f"{points(figure.mean)} {margin(figure)}".rstrip()


def margin(figure: Interval) -> str:
    """ "±0.4"; "±>100" where the interval says nothing; "" for a single seed."""
    if figure.half_width is None:
        return ""
    return "±>100" if figure.half_width > 1 else f"±{percent(figure.half_width)}"


def proportion(figure: Proportion) -> str:
    """ "6.0 (3.1-10.2)"."""
    return f"{percent(figure.share)} ({percent(figure.low)}-{percent(figure.high)})"


def number(figure: Interval) -> str:
    """A figure that is no share, with its interval: "0.130 ±0.100"; "–" for none."""
    if figure.mean is None:
        return "–"
    return f"{figure.mean:.3f}" + ("" if figure.half_width is None else f" ±{figure.half_width:.3f}")


def p_value(value: float | None) -> str:
    """ "0.040", "0.32", "<0.001"; "–" for none."""
    if value is None:
        return "–"
    return "<0.001" if value < 0.001 else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def points(fraction: float | None) -> str:
    """A difference of two shares in percentage points: "+1.2", "-0.3", "0.0"; "–" for None."""
    if fraction is None:
        return "–"
    return f"{rounded:+.1f}" if (rounded := round(100 * fraction, 1)) else "0.0"


def shade(share: float) -> str:
    """One block character for a share above 0: the fuller the darker."""
    return SHADES[min(int(share * len(SHADES)), len(SHADES) - 1)]


def compact(count: int) -> str:
    """950, "9.9k", "92k", "1.2M"."""
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        # 999 500 would round to 1000k.
        if count >= size * (0.9995 if letter == "M" else 1):
            value = count / size
            return f"{value:.0f}{letter}" if value >= 9.95 else f"{value:.1f}{letter}"
    return str(count)


def size(count: int) -> str:
    """950 B, 9.9 kB, 92 MB; powers of ten."""
    value, unit = float(count), 0
    while value >= 999.5 and unit < len(UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.1f} {UNITS[unit]}" if unit and value < 9.95 else f"{value:.0f} {UNITS[unit]}"


def duration(seconds: float | None) -> str:
    """ "0.4 s", "41 s", "1 min 02 s", "2 h 05 min"; "–" for None."""
    if seconds is None:
        return "–"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def short_duration(seconds: float) -> str:
    """`duration` for a narrow column: "41 s", "1m02s", "2h05m"."""
    whole = round(seconds)
    if whole < 60:
        return duration(seconds)
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


def setting(value: Any) -> str:
    """A hyperparameter's value: "0.00417", "adam", "off" for None, "on"/"off" for a switch."""
    if value is None or value is False:
        return "off"
    if value is True:
        return "on"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def settings(values: dict[str, Any]) -> str:
    """ "lr 0.00417, clip_norm off"."""
    return ", ".join(f"{name} {setting(value)}" for name, value in values.items())


def spec_value(value: Any) -> str:
    """A value of a spec as it is written there: "40", "log_uniform 0.001, 0.01"; "–" where it is absent."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {spec_value(each)}" for name, each in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(spec_value, value))
    if isinstance(value, bool):
        return "true" if value else "false"
    return "–" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def dataset(name: str, synthetic: bool) -> str:
    """A data set's name, never without saying that it is synthetic."""
    return f"{name} (synthetic)" if synthetic else name


def places(low: int, high: int) -> str:
    """A range of ranks: "1-3", or "4"."""
    return str(low) if low == high else f"{low}-{high}"


def runs(numbers: Sequence[int]) -> str:
    """Ascending numbers, neighbours joined: "1-3, 5 and 7-9"."""
    parts: list[tuple[int, int]] = []
    for number in numbers:
        if parts and parts[-1][1] == number - 1:
            parts[-1] = parts[-1][0], number
        else:
            parts.append((number, number))
    texts = [places(*part) for part in parts]
    return " and ".join(([", ".join(texts[:-1])] if texts[1:] else []) + texts[-1:])


def plural(count: int, word: str) -> str:
    """ "1 seed", "3 seeds"."""
    return f"{count} {word}" + ("" if count == 1 else "s")


def moment(created: str) -> str:
    """An ISO time to the minute, UTC; text that is none stays as it is."""
    try:
        return f"{datetime.fromisoformat(created).astimezone(UTC):%Y-%m-%d %H:%M}"
    except ValueError:
        return created
