"""From the name or the table that a spec gives to a data set."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any

from seqsweep.seqmodels.data.dataset import SequenceDataset
from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.names import is_text, on_disk, seen
from seqsweep.seqmodels.data.registry import FORMATS, find_format, format_named, format_names

EMBEDDED = ("handwriting", "syllables")
_LIKE = {"handwriting": "strokes", "syllables": "mfcc"}
COMMON = ("path", "format", "name", "classes")
MOST_PATHS = 1000
PART = re.compile(r"[-_. ]*(train|training|test|dev)$", re.IGNORECASE)
ENDING = re.compile(r"(_train)?(\.tar|\.ts)?(\.gz|\.xz|\.bz2|\.tgz|\.txz|\.tbz2?|\.zip)?$", re.IGNORECASE)


def load(source: str | Mapping[str, Any], *, base: Path = Path()) -> SequenceDataset:
    """Make an embedded data set, or read one from files; relative paths start from `base`.

    `source` is a name of EMBEDDED or a table: `path`, `format` (a name of `registry.FORMATS`), optionally `name` (else it
    comes from the path), `classes` (which, and in which order) and what the format's own `options` are. `path` may be a
    list of folders and archives that make one tree, for ts also a table {train, test}. Raises DataError with every problem found.
    """
    faults = check_source(source)
    if faults:
        raise DataError(Problem("data set", fault) for fault in faults)
    if isinstance(source, str):
        made: SequenceDataset = import_module(f"seqsweep.seqmodels.data.generators.{source}").generate()
        return made
    if not is_text(name := source_name(source)):
        shown = name.encode("utf-8", "backslashreplace").decode()
        rule = f"its name, `{shown}`, comes from its path and is not UTF-8: give it another by `name`"
        raise DataError([Problem("data set", rule)])
    path = source["path"]
    located: Any
    if isinstance(path, Mapping):
        located = {part: on_disk(base / path[part]) for part in path}
    else:
        located = on_disk(base / path) if isinstance(path, str) else [on_disk(base / each) for each in path]
    options = {key: source[key] for key in source if key not in ("path", "format", "name")}
    return format_named(source["format"]).read(located, name=name, **options)


def source_name(source: str | Mapping[str, Any]) -> str:
    """What a data set is called in tables: its `name`, or the last part of its path without endings."""
    if isinstance(source, str):
        return source
    if "name" in source:
        return str(source["name"])
    path = source["path"]
    if isinstance(path, Mapping | str):
        return _stem(path["train"] if isinstance(path, Mapping) else path) or "data"
    return PART.sub("", _stem(path[0])) or "data"


def _stem(path: str) -> str:
    return ENDING.sub("", Path(path).name).strip(".")


def source_format(source: str | Mapping[str, Any]) -> str:
    """The name of its format; of an embedded data set that of the files it imitates."""
    return _LIKE[source] if isinstance(source, str) else str(source["format"])


def check_source(source: object) -> list[str]:
    """What is wrong with a name or table as such, before any file is read; empty when nothing is."""
    if isinstance(source, str):
        if source in EMBEDDED:
            return []
        return [
            f"`{source}` is no embedded data set{_near(source, EMBEDDED)}; there are {_list(EMBEDDED)}, or "
            "give a table with `path` and `format`"
        ]
    if not isinstance(source, Mapping):
        return [f"a data set is `{source}`, but must be a name or a table with `path` and `format`"]
    options = known_keys()
    faults = [f"unknown key `{key}`{_near(str(key), options)}" for key in source if key not in options]
    faults += [f"`{key}` is missing" for key in ("path", "format") if key not in source]
    faults += [rule for key in options if key in source and (rule := _rule(key, source[key], source))]
    return faults


def known_keys() -> tuple[str, ...]:
    """List the keys that a table may have, those of single formats last."""
    return (*COMMON, *dict.fromkeys(key for each in FORMATS for key in each.options))


def _rule(key: str, value: object, source: Mapping[str, Any]) -> str | None:
    if key == "path":
        return _path_rule(value, source)
    if key == "format":
        return _format_rule(value)
    if key == "name" and not (isinstance(value, str) and value.strip()):
        return f"`name` is {value!r}, but must be a text that is not empty"
    if key == "classes":
        return _classes_rule(value)
    if key in COMMON:
        return None
    form = find_format(source.get("format"))
    if form is None or key not in form.options:
        having = [each.name for each in FORMATS if key in each.options]
        return f"`{key}` is only known for the format {' or '.join(having)}"
    return form.options[key](value)


def _format_rule(value: object) -> str | None:
    names = format_names()
    if value in names:
        return None
    return f"`format` is {value!r}, but must be one of {_list(names)}{_near(str(value), names)}"


def _path_rule(value: object, source: Mapping[str, Any]) -> str | None:
    if isinstance(value, str) and value:
        return None
    if isinstance(value, list | tuple):
        good = value and len(value) <= MOST_PATHS and all(isinstance(each, str) and each for each in value)
        if not good or len(set(value)) < len(value):
            return f"`path` is {repr(value)[:70]}, but as a list must have 1 to {MOST_PATHS} different texts that are not empty"
        return None
    form = find_format(source.get("format"))
    if form is None or not form.takes_pair:
        return f"`path` is {value!r}, but must be a text that is not empty, or a list of them"
    pair = isinstance(value, Mapping) and set(value) == {"train", "test"}
    if not pair or not all(isinstance(each, str) and each for each in dict(value).values()):  # type: ignore[call-overload]
        return f"`path` is {value!r}, but must be a text or a table of `train` and `test`"
    return None


def _classes_rule(value: object) -> str | None:
    if not isinstance(value, list | tuple) or not all(isinstance(each, str) and each for each in value):
        return f"`classes` is {repr(value)[:70]}, but must be a list of texts"
    twice = sorted(each for each, count in Counter(map(seen, value)).items() if count > 1)[:10]
    if twice:
        return f"`classes` names {_list(twice)} twice"
    if len(value) < 2:
        return f"`classes` has {len(value)} class(es), but must have at least 2"
    return None


def _near(word: str, known: tuple[str, ...]) -> str:
    near = get_close_matches(word, known, 1)
    return f" (did you mean `{near[0]}`?)" if near else ""


def _list(words: tuple[str, ...] | list[str]) -> str:
    return ", ".join(words)
