"""From the name or the table that a spec gives to a data set."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from seqsweep.seqmodels.data.asking import asked_transforms, transforms_fault
from seqsweep.seqmodels.data.collection import PARTS, Collection
from seqsweep.seqmodels.data.dataset import SequenceDataset
from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.files import Files, list_files
from seqsweep.seqmodels.data.formats.base import Format, Located, Options
from seqsweep.seqmodels.data.names import is_text, on_disk, seen
from seqsweep.seqmodels.data.preparing import marked, prepare
from seqsweep.seqmodels.data.registry import FORMATS, find_format, format_named, format_names, recognise
from seqsweep.seqmodels.data.splits import Labelled, SplitRule, share_out

EMBEDDED = ("handwriting", "syllables")
_LIKE = {"handwriting": "strokes", "syllables": "mfcc"}
COMMON = ("path", "format", "name", "classes", "transforms")
MOST_PATHS = 1000
URI = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://|(s3|gs):", re.IGNORECASE)
STORES = ("s3", "gs")
LEADING_PART = re.compile(r"[-_. ]*(train|training|test|dev)$", re.IGNORECASE)
ENDING = re.compile(r"(_train)?(\.tar|\.ts)?(\.gz|\.xz|\.bz2|\.tgz|\.txz|\.tbz2?|\.zip)?$", re.IGNORECASE)


def load(
    source: str | Mapping[str, Any], *, base: Path = Path(), rule: SplitRule | None = None
) -> SequenceDataset:
    """Make an embedded data set, or read one from files; relative paths start from `base`.

    It is shared out by `rule`; without one it has its own test part, and validation is not decided. `source` is a name of
    EMBEDDED or a table: `path`, optionally `format` (a name of `registry.FORMATS`; else it is found by looking), `name` (else
    it comes from the path), `classes` (which, and in which order), `transforms` (see `asking`) and the keys of the format's
    own options. `path` may be a list of folders, archives and files that make one tree, or a table with a path for each part.
    Raises DataError with every problem found.
    """
    faults = check_source(source)
    if faults:
        raise DataError(Problem("data set", fault) for fault in faults)
    if isinstance(source, str):
        return _generated(source, rule)
    if not is_text(name := source_name(source)):
        shown = name.encode("utf-8", "backslashreplace").decode()
        broken = f"its name, `{shown}`, comes from its path and is not UTF-8: give it another by `name`"
        raise DataError([Problem("data set", broken)])
    found, form, options = collect(source, base=base)
    reading = {"format": form.name, **options.model_dump(exclude_none=True)}
    transforms = asked_transforms(source["transforms"]) if "transforms" in source else form.transforms
    return prepare(found, name, transforms, classes=source.get("classes"), rule=rule, reading=reading)


def collect(source: Mapping[str, Any], *, base: Path = Path()) -> tuple[Collection, Format, Options]:
    """Read what a data set's table names, raw, with the format and the options by which it was read. Raises DataError.

    Where no format is given, a note says which it is and why.
    """
    read = read_source(source, base=base)
    found = read.collection
    if read.recognised is not None:
        guessed = f"no `format` is given: it is {read.format.name}, {read.recognised}"
        found = replace(found, notes=(guessed, *found.notes))
    return found, read.format, read.options


class ReadSource(NamedTuple):
    """What a data set's table names, as it was read; `recognised` says how the format was found, where none was given."""

    collection: Collection
    format: Format
    options: Options
    recognised: str | None


def read_source(source: Mapping[str, Any], *, base: Path = Path()) -> ReadSource:
    """Read as `collect` does."""
    path = located(source["path"], base)
    recognised = None
    if "format" in source:
        form = format_named(source["format"])
    else:
        form, recognised = recognise(_looked_at(path))
        for key in source.keys() - {*COMMON, *form.options_type.model_fields}:
            raise DataError(
                [Problem("data set", f"`{key}` is not known for the format {form.name}, as which it is read")]
            )
    given = {key: value for key, value in source.items() if key not in COMMON}
    try:
        options = form.options_type.model_validate(given)
    except ValidationError as error:  # of a format that was not named, so that nobody has looked yet
        faults = [_option_fault(key, value, error) for key, value in given.items()]
        told = [fault for fault in faults if fault] or [str(error)]
        raise DataError(Problem("data set", fault) for fault in told) from None
    found, options = form.collect(path, options, source.get("classes"))
    return ReadSource(found, form, options, recognised)


def located(path: Any, base: Path = Path()) -> Located:
    """Find the path, the list or the table of paths of a data set on disk. Raises DataError for what is none."""
    for each in path.values() if isinstance(path, Mapping) else [path] if isinstance(path, str) else path:
        if is_uri(each):
            raise DataError(
                [Problem("data set", "a URI is not read here: it is fetched by `seqsweep.sweeps`")]
            )
    if isinstance(path, Mapping):
        return {part: on_disk(base / path[part]) for part in path}
    return on_disk(base / path) if isinstance(path, str) else [on_disk(base / each) for each in path]


def _looked_at(path: Located) -> Files:
    """List what a format is recognised by: of a table of parts the first."""
    return list_files(next(iter(path.values())) if isinstance(path, Mapping) else path)


def _generated(name: str, rule: SplitRule | None) -> SequenceDataset:
    """Make an embedded data set; it comes with its test part, at its scale."""
    made: SequenceDataset = import_module(f"seqsweep.seqmodels.data.generators.{name}").generate()
    made = replace(made, reading={"format": _LIKE[name]})
    if rule is None:
        return made
    parts = share_out(Labelled.of(made), rule)
    count = made.sequence_count
    return replace(made, is_test=marked(parts.test, count), is_validation=marked(parts.validation, count))


def source_name(source: str | Mapping[str, Any]) -> str:
    """What a data set is called in tables: its `name`, or the last part of its path without endings."""
    if isinstance(source, str):
        return source
    if "name" in source:
        return str(source["name"])
    path = source["path"]
    if isinstance(path, Mapping | str):
        return _stem(next(iter(path.values())) if isinstance(path, Mapping) else path) or "data"
    return LEADING_PART.sub("", _stem(path[0])) or "data"


def _stem(path: str) -> str:
    stem = ENDING.sub("", Path(path).name)
    known = {ending for each in FORMATS for ending in each.endings}
    shorter, dot, ending = stem.rpartition(".")
    return (shorter if shorter and dot + ending.lower() in known else stem).strip(".")


def is_uri(path: str) -> bool:
    """Tell whether a path leads to an object store rather than to a disk."""
    return URI.match(path) is not None


def uri_fault(path: str) -> str | None:
    """Say what is wrong with a path that is a URI of another kind than those that are read."""
    found = URI.match(path)
    if found is None or found["scheme"] is None or found["scheme"].lower() in STORES:
        return None
    # the rest may hold a password
    rule = "of URIs only s3:// and gs:// are read: copy the data, and name the copy"
    return f"is a URI, {found['scheme']}://..., but {rule}"


def has_uri(source: str | Mapping[str, Any]) -> bool:
    """Tell whether some of a data set lies in an object store; its table has been checked."""
    return any(map(is_uri, paths_of(source)))


def paths_of(source: str | Mapping[str, Any]) -> list[str]:
    """List the paths that a data set's table names, which has been checked; an embedded one has none."""
    if isinstance(source, str):
        return []
    path = source["path"]
    return (
        list(path.values()) if isinstance(path, Mapping) else [path] if isinstance(path, str) else list(path)
    )


def check_source(source: object) -> list[str]:
    """What is wrong with a name or table as such, before any file is read; empty when nothing is."""
    if isinstance(source, str):
        if source in EMBEDDED:
            return []
        return [
            f"`{source}` is no embedded data set{_near(source, EMBEDDED)}; there are {_list(EMBEDDED)}, or "
            "give a table with `path`"
        ]
    if not isinstance(source, Mapping):
        return [f"a data set is `{source}`, but must be a name or a table with `path`"]
    options = known_keys()
    faults = [f"unknown key `{key}`{_near(str(key), options)}" for key in source if key not in options]
    faults += ["`path` is missing"] * ("path" not in source)
    faults += [rule for key in options if key in source and (rule := _rule(key, source[key], source))]
    return faults


def known_keys() -> tuple[str, ...]:
    """List the keys that a table may have, those of single formats last."""
    return (*COMMON, *dict.fromkeys(key for each in FORMATS for key in each.options_type.model_fields))


def _rule(key: str, value: object, source: Mapping[str, Any]) -> str | None:
    if key == "path":
        return _path_rule(value)
    if key == "format":
        return _format_rule(value)
    if key == "name" and not (isinstance(value, str) and value.strip()):
        return f"`name` is {value!r}, but must be a text that is not empty"
    if key == "classes":
        return _classes_rule(value)
    if key == "transforms":
        return transforms_fault(value)
    if key in COMMON:
        return None
    form = find_format(source.get("format"))
    if form is None:  # found by looking, or said to be wrong elsewhere
        return None
    if key not in form.options_type.model_fields:
        having = [each.name for each in FORMATS if key in each.options_type.model_fields]
        return f"`{key}` is only known for the format {' or '.join(having)}"
    try:
        form.options_type.model_validate({key: value})
    except ValidationError as error:
        return _option_fault(key, value, error)
    return None


def _option_fault(key: str, value: object, error: ValidationError) -> str | None:
    """Say in our words what pydantic found wrong with an option; None where it is another option that is missing."""
    faults = [each for each in error.errors() if each["loc"][:1] == (key,)]
    if not faults:
        return None
    inner = "".join(f" at `{part}`" for part in faults[0]["loc"][1:] if isinstance(part, str | int))
    words = faults[0]["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    return f"`{key}` is {repr(value)[:70]}{inner}, but {words}"


def _format_rule(value: object) -> str | None:
    names = format_names()
    if value in names:
        return None
    return f"`format` is {value!r}, but must be one of {_list(names)}{_near(str(value), names)}"


def _path_rule(value: object) -> str | None:
    texts = [value] if isinstance(value, str) else value if isinstance(value, list | tuple) else ()
    texts = list(value.values()) if isinstance(value, Mapping) else texts
    if fault := next(filter(None, (uri_fault(each) for each in texts if isinstance(each, str))), None):
        return f"`path` {fault}"
    if isinstance(value, str) and value:
        return None
    if isinstance(value, list | tuple):
        good = value and len(value) <= MOST_PATHS and all(isinstance(each, str) and each for each in value)
        if not good or len(set(value)) < len(value):
            return f"`path` is {repr(value)[:70]}, but as a list must have 1 to {MOST_PATHS} different texts that are not empty"
        return None
    parts = isinstance(value, Mapping) and value and set(value) <= set(PARTS)
    if not parts or not all(isinstance(each, str) and each for each in dict(value).values()):  # type: ignore[call-overload]
        return f"`path` is {value!r}, but must be a text that is not empty, a list of them, or a table of {_list(PARTS)}"
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
