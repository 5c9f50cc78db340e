"""A spec as its TOML file would read, with the defaults that `sweep.json` has."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from seqsweep.results.shown import shown


def dump(table: Mapping[str, Any]) -> str:
    """TOML of a table of plain values, tables and lists. What is None, which TOML has no word for, is a comment."""
    plain = [_line(key, value) for key, value in table.items() if not isinstance(value, Mapping)]
    sections = [
        "\n".join([f"[{_key(name)}]", *(_line(key, value) for key, value in section.items())])
        for name, section in table.items()
        if isinstance(section, Mapping)
    ]
    return "\n\n".join(["\n".join(plain), *sections])


def _line(key: str, value: Any) -> str:
    if value is None:
        return f"# {_key(key)} is not set"
    if isinstance(value, list | tuple) and any(isinstance(each, Mapping) for each in value):
        return f"{_key(key)} = [\n" + "".join(f"  {value_text(each)},\n" for each in value) + "]"
    return f"{_key(key)} = {value_text(value)}"


def value_text(value: Any) -> str:
    """Write one value; a table in one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)} = {value_text(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(value_text, value)) + "]"
    if isinstance(value, str):
        return _text(value)
    return repr(value).lower() if isinstance(value, bool) else repr(value)


def _key(name: str) -> str:
    plain = name.isascii() and name.replace("-", "_").isidentifier()
    return name if plain else _text(name)


def _text(value: str) -> str:
    # JSON's strings are TOML's, but for DEL and what lies beyond 16 bits
    return shown(json.dumps(value, ensure_ascii=False), _escaped)


def _escaped(char: str) -> str:
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"
