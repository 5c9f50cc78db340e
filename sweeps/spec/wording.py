"""How a problem of a spec is said: the field as the file has it, its value, and the rule."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from seqsweep.sweeps.errors import did_you_mean, nearest, shown
from seqsweep.sweeps.spec.complaints import UNKNOWN


def sentence(error: Any, table: Mapping[str, Any], keys: Mapping[str, Sequence[str]]) -> str:
    """One of pydantic's findings in our words: the field as the file has it, the value, the rule.

    Args:
        error: an entry of `ValidationError.errors()`.
        table: the spec's table as the user wrote it.
        keys: the known keys of each section; those of the top level under "".
    """
    said = _said(error, table, keys)
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in said)


def _said(error: Any, table: Mapping[str, Any], keys: Mapping[str, Sequence[str]]) -> str:
    field, kind, value, context = (
        _field(error["loc"], table),
        error["type"],
        error["input"],
        error.get("ctx", {}),
    )
    if kind == UNKNOWN:
        return f"`{field}` is unknown; {_where_known(error['loc'], keys)}"
    if kind == "missing":
        return f"`{field}` is missing, but must be given"
    if kind == "too_short":
        return f"`{field}` is empty, but must have at least one value"
    if kind == "says":
        return f"`{field}`{'' if context['words'].startswith(':') else ' '}{context['words']}"
    return f"`{field}` is {shown(value)}, but must be {_rule(kind, value, context)}"


def _rule(kind: str, value: object, context: Mapping[str, Any]) -> str:
    if kind == "must":
        return str(context["words"])
    if kind == "literal_error":
        known = str(context["expected"]).replace("'", "").replace(" or ", ", ").split(", ")
        return f"one of {', '.join(known)}{did_you_mean(value, known)}"
    comparisons = {"greater_than": ("greater than", "gt"), "greater_than_equal": ("at least", "ge")}
    comparisons |= {"less_than": ("less than", "lt"), "less_than_equal": ("at most", "le")}
    if kind in comparisons:
        words, key = comparisons[kind]
        return f"{words} {context[key]:.15g}"
    kinds = {"int_type": "a whole number", "int_parsing_size": "a whole number of usual size"}
    kinds |= {"float_type": "a number", "finite_number": "a finite number", "bool_type": "true or false"}
    kinds |= {"string_type": "text", "model_type": "a table", "model_attributes_type": "a table"}
    kinds |= {"list_type": "a list", "dict_type": "a table", "string_too_short": "at least 1 character long"}
    kinds |= {
        "string_pattern_mismatch": "1 to 64 letters, digits, dots, dashes or underscores, a letter or digit first"
    }
    return kinds[kind]


def _field(loc: tuple[int | str, ...], table: Any) -> str:
    """`architecture.layers[1]`: the part of a finding's place that the file has (one value that may be a list has no index)."""
    path = ""
    for part in loc:
        if isinstance(part, int):
            if not isinstance(table, list | tuple):
                continue  # the one value of what may be a list
            path += f"[{part}]"
            table = table[part]
        else:
            key = part if re.fullmatch(r"[\w-]+", part) else repr(part)  # quoted, as TOML would have it
            path += f".{key}" if path else key
            table = table.get(part) if isinstance(table, dict) else None
    return path


def _where_known(loc: tuple[int | str, ...], keys: Mapping[str, Sequence[str]]) -> str:
    """Say of an unknown key where it belongs, the nearest name, or the names there are."""
    key, section = str(loc[-1]), ".".join(part for part in loc[:-1] if isinstance(part, str))
    very_near = nearest(key, keys[section], cutoff=0.85)
    home = next((name for name, known in keys.items() if key in known), None)
    if home and not very_near:
        return f"`{key}` belongs in [{home}]"
    if home == "":
        return f"`{key}` belongs at the top of the file, before the first [section]"
    near = nearest(key, keys[section])
    return f"did you mean `{near}`?" if near else f"known: {', '.join(keys[section])}"
