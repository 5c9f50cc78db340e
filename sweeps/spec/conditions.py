"""Reads `when = {optimizer = "sgd"}`: where a hyperparameter is drawn at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqsweep.seqmodels.hyperparameters import HYPERPARAMETER_RULES, Hyperparameters
from seqsweep.sweeps.errors import did_you_mean, shown
from seqsweep.sweeps.spec.complaints import Complaint
from seqsweep.sweeps.spec.dimension import OFF, Dimension
from seqsweep.sweeps.spec.values import read_value

Axes = Mapping[str, tuple[Any, ...]]
"""The values that each axis of the architecture has, several readouts joined."""
When = tuple[tuple[str, tuple[Any, ...]], ...]


def read_conditions(
    name: str, raw: Any, table: Mapping[str, Any], space: Mapping[str, Dimension], axes: Axes | None
) -> tuple[list[Complaint], When]:
    """Read the conditions of the hyperparameter `name`.

    Args:
        name: whose they are.
        raw: the table under `when`.
        table: `[hyperparameters]` as the spec has it.
        space: the same, read.
        axes: of the architecture; None where it has problems of its own: then nothing is said of them.
    """
    if not isinstance(raw, dict) or not raw:
        words = f'is {shown(raw)}, but must be a table such as {{optimizer = "sgd"}}'
        return [((name, "when"), raw, words)], ()
    complaints: list[Complaint] = []
    found = []
    for key, wanted in raw.items():
        where, words, possible = (name, "when", key), "", None
        if key in HYPERPARAMETER_RULES:
            possible, words = _possible(name, key, table, space)
        elif axes is None:
            continue
        elif key in axes:
            possible = axes[key]
        else:
            known = [each for each in (*HYPERPARAMETER_RULES, *axes) if each != name]
            words = f"is unknown, but must be a hyperparameter or an axis of [architecture]{did_you_mean(key, known)}"
        if words:
            complaints.append((where, wanted, words))
            continue
        assert possible is not None
        many = wanted if isinstance(wanted, list) else [wanted]
        values = [_read(key, each, possible) for each in many]
        wrong: list[Complaint] = [
            ((*where, index), raw_value, f"is {shown(raw_value)}, {_never(key, possible, raw_value)}")
            for index, (raw_value, value) in enumerate(zip(many, values, strict=True))
            if not any(_alike(value, each) for each in possible)
        ]
        if not many:
            wrong = [(where, wanted, "is empty, but must have at least one value")]
        complaints += wrong
        if not wrong:
            found.append((key, tuple(dict.fromkeys(values))))
    return complaints, tuple(found)


def _possible(
    name: str, key: str, table: Mapping[str, Any], space: Mapping[str, Dimension]
) -> tuple[tuple[Any, ...], str]:
    """The values of the hyperparameter `key`, and why nothing can depend on it (nothing: the empty string)."""
    if key == name:
        return (), "is the hyperparameter itself, but must be another"
    if key not in space:
        return (getattr(Hyperparameters, key),), ""
    if isinstance(table[key], dict) and "when" in table[key]:
        return (), f"has a `when` of its own: let `{name}` depend on what `{key}` depends on"
    if space[key].kind not in ("constant", "choice"):
        return (), "is a range, but must be a {choice = [...]}, or an axis of [architecture]"
    return space[key].values, ""


def _read(key: str, raw: Any, possible: tuple[Any, ...]) -> Any:
    if key in HYPERPARAMETER_RULES:
        value, words = read_value(key, raw)
        return raw if words else value
    if isinstance(raw, str):  # names that are joined stand in any order
        parts = set(raw.replace(" ", "").split("+"))
        return next((each for each in possible if parts == set(str(each).split("+"))), raw)
    return raw


def _alike(one: object, other: object) -> bool:
    """Whether they are equal; true is not 1 here."""
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def _never(key: str, possible: tuple[Any, ...], raw: Any) -> str:
    shown_values = [OFF if each is None else each for each in possible]
    texts = [str(each) for each in shown_values]
    some = ", ".join(shown(each) for each in shown_values[:10]) + (", ..." if len(texts) > 10 else "")
    return f"but `{key}` is never that in this spec: it is {some}{did_you_mean(raw, texts)}"
