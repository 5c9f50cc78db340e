"""The header of a `.ts` file: lines `@key value` up to `@data`, as lenient as aeon's and sktime's readers are.

Both pass over free text, comments and keys they do not know, whatever the order; neither holds the data to `@univariate`,
`@dimensions`, `@equalLength`, `@seriesLength` or `@missing`. What is passed over here is noted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from difflib import get_close_matches

from seqsweep.seqmodels.data.errors import Problem
from seqsweep.seqmodels.data.numbers import quoted, whole_number

SWITCHES = ("timestamps", "missing", "univariate", "equallength", "targetlabel")
COUNTS = ("dimensions", "dimension", "serieslength")
KEYS = (*SWITCHES, *COUNTS, "problemname", "classlabel", "data")
COMMENT = ("#", "%")
REGRESSION = (
    "is a regression problem (`@targetLabel true`), with numbers for classes: seqsweep learns classes only"
)


@dataclass
class Header:
    """What a header says. `classes` None: labels are there, but not listed; empty: there are none."""

    values: dict[str, str] = field(default_factory=dict)  # by lower-case key
    classes: tuple[str, ...] | None = None
    body: int = 0  # how many lines lie before the data
    notes: list[str] = field(default_factory=list)

    def is_true(self, key: str) -> bool:
        """Whether a switch is on."""
        return self.values.get(key, "").lower() == "true"

    def count(self, key: str) -> int:
        """A number that the header gives, 0 where it gives none."""
        return whole_number(self.values.get(key, ""))


def read_header(lines: list[str], where: str, problems: list[Problem], *, labelled: bool) -> Header:
    """Read the lines before the data. Faults go to `problems`; without `labelled` there may be no classes."""
    header = Header()
    passed: list[int] = []
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith(COMMENT):
            continue
        if not text.startswith("@"):
            passed.append(number)
            continue
        key, value = _split(text)
        if key == "data":
            header.body = number
            if value:
                problems.append(
                    Problem(
                        f"{where}:{number}", f"`@data` is followed by {quoted(value)}, but must stand alone"
                    )
                )
            break
        _take(header, key, value, f"{where}:{number}", number, problems)
    else:
        problems.append(Problem(where, "has no line `@data`, after which the sequences stand"))
    if passed:
        lines_passed = (
            f"line {passed[0]} is"
            if len(passed) == 1
            else f"{len(passed)} lines from {passed[0]} to {passed[-1]} are"
        )
        header.notes.append(f"{lines_passed} free text before `@data`, and passed over")
    if not problems:
        _classes(header, where, problems, labelled)
    return header


def _split(text: str) -> tuple[str, str]:
    key, *rest = re.split(r"\s+", text[1:].strip(), maxsplit=1)
    return key.lower(), rest[0].strip() if rest else ""


def _take(header: Header, key: str, value: str, place: str, number: int, problems: list[Problem]) -> None:
    first, *others = value.lower().split() or [""]
    if key not in KEYS:
        near = get_close_matches(key, KEYS, 1)
        hint = f" (did you mean `@{near[0]}`?)" if near else ""
        header.notes.append(f"line {number}: {quoted('@' + key)} is unknown{hint}, and passed over")
        return
    if key in SWITCHES and (first not in ("true", "false") or others):
        header.notes.append(
            f"line {number}: `@{key}` is {quoted(value)}, neither true nor false, and passed over"
        )
        return
    if key in COUNTS and not whole_number(value):
        header.notes.append(f"line {number}: `@{key}` is {quoted(value)}, no whole number, and passed over")
        return
    if key == "classlabel" and first not in ("true", "false"):
        rule = "but must be `true` and the classes, or `false`"
        problems.append(Problem(place, f"`@classLabel` is {quoted(value)}, {rule}"))
    before = header.values.get(key)
    if before not in (None, value) and key != "problemname":
        header.notes.append(f"line {number}: `@{key}` is given again, and the last one counts")
    header.values[key] = value


def _classes(header: Header, where: str, problems: list[Problem], labelled: bool) -> None:
    given = header.values.get("classlabel")
    if given is not None and given.lower().split()[0] == "true":
        listed = listed_classes(given)
        header.classes = tuple(dict.fromkeys(listed)) or None
        if len(set(listed)) < len(listed):
            header.notes.append("`@classLabel` names a class twice")
        if not listed:
            header.notes.append("`@classLabel` lists no classes: they are taken from the sequences")
        if header.is_true("targetlabel"):
            header.notes.append(
                "`@targetLabel` is true too, and passed over, since `@classLabel` lists classes"
            )
    elif header.is_true("targetlabel"):
        problems.append(Problem(where, REGRESSION))
    elif not labelled:
        header.classes = ()
    elif given is None:
        header.notes.append(
            "the header has no `@classLabel`: what follows the last `:` is taken for the class"
        )
    else:
        problems.append(
            Problem(where, "has no classes (`@classLabel false`), so nothing can be learnt from it")
        )


def listed_classes(value: str) -> list[str]:
    """The classes after `true`, separated by blanks; one in quotes may hold some."""
    words = re.findall(r"""(?:"[^"]*"|'[^']*'|\S)+""", value)[1:]
    return [unquoted(word) for word in words]


def unquoted(label: str) -> str:
    """A class without the quotes around it."""
    label = label.strip()
    bare = label[1:-1].strip()
    return bare if len(label) > 2 and label[0] == label[-1] and label[0] in "\"'" and bare else label
