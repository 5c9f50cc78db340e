"""One ARFF file: attributes, and rows of values, of quoted words, or of whole relations in quotes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.files import Files
from seqsweep.seqmodels.data.numbers import NumberError, quoted, read_text_lines

NUMERIC = ("numeric", "real", "integer")
NOMINAL, RELATIONAL = "nominal", "relational"
NAME = re.compile(r"""\s*('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\s'"{},%]+)\s*""")
# possessive: hostile blanks cost no time
WORD = re.compile(r"""[ \t]*+('(?:[^'\\]|\\.)*+'|"(?:[^"\\]|\\.)*+"|[^,\t'"]*+)[ \t]*+(,|\t|$)""")
ESCAPED = re.compile(r"\\(.)", re.DOTALL)
ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


@dataclass(frozen=True)
class Attribute:
    """A column. `kind` is numeric, nominal, relational, string or date; `values` are a nominal one's."""

    name: str
    kind: str
    values: tuple[str, ...] = ()
    inner: tuple[Attribute, ...] = ()  # of a relational one


@dataclass(eq=False)
class ArffFile:
    """A file taken apart; numbers are not yet read."""

    attributes: list[Attribute] = field(default_factory=list)
    rows: list[tuple[int, list[str]]] = field(default_factory=list)  # line, a word for each attribute
    lines: list[tuple[int, str]] = field(default_factory=list)  # of the rows as they are, with their numbers
    notes: list[str] = field(default_factory=list)


def read_header(files: Files, inner: str) -> ArffFile:
    """Read the attributes of a file, and find its rows. Raises DataError with every problem."""
    where = files.where(inner)
    lines, notes = read_text_lines(files, inner)
    found = ArffFile(notes=notes)
    problems: list[Problem] = []
    body = _header(lines, found, where, problems)
    if problems:
        raise DataError(problems)
    rows = ((number, line.strip()) for number, line in enumerate(lines[body:], body + 1))
    found.lines = [(number, text) for number, text in rows if text and not text.startswith("%")]
    if not found.lines:
        raise DataError([Problem(where, "has no rows after `@data`")])
    return found


def split_rows(found: ArffFile, where: str) -> None:
    """Take the rows apart. Raises DataError with every problem."""
    problems: list[Problem] = []
    count = len(found.attributes)
    for number, text in found.lines:
        try:
            words = split_row(text)
            if len(words) != count:
                raise NumberError(f"has {len(words)} values, but there are {count} attributes")
        except NumberError as fault:
            problems.append(Problem(f"{where}:{number}", str(fault)))
            continue
        found.rows.append((number, words))
    if problems:
        raise DataError(problems)


def split_row(text: str) -> list[str]:
    """Take a row apart at its commas or tabs, not those in quotes. Raises NumberError."""
    if text.startswith("{"):
        raise NumberError("is sparse (`{0 1, 3 5}`), which is not read: save it as a dense ARFF file")
    if "'" not in text and '"' not in text:
        return [word.strip() for word in (text.split(",") if "," in text else text.split("\t"))]
    words, place = [], 0
    while True:
        match = WORD.match(text, place)
        if match is None:
            raise NumberError(f"has a quote that is not closed, or text beside one: {quoted(text[place:])}")
        words.append(unquoted(match[1].strip()))
        if not match[2]:
            return words
        place = match.end()


def unquoted(word: str) -> str:
    """Take the quotes off, and what `\\` is before as what it means."""
    if len(word) < 2 or word[0] not in "'\"" or word[-1] != word[0]:
        return word
    bare = word[1:-1]
    return ESCAPED.sub(lambda match: ESCAPES.get(match[1], match[1]), bare) if "\\" in bare else bare


def _header(lines: list[str], found: ArffFile, where: str, problems: list[Problem]) -> int:
    """Read up to `@data`, and say after how many lines it is."""
    relation: tuple[str, list[Attribute]] | None = None  # that is open
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("%"):
            continue
        keyword, _, rest = text.partition(" ") if "\t" not in text else text.replace("\t", " ").partition(" ")
        place, keyword = f"{where}:{number}", keyword.lower()
        try:
            if keyword == "@data":
                if relation is not None:
                    raise NumberError(f"the relational attribute {quoted(relation[0])} has no `@end`")
                if not found.attributes:
                    raise NumberError("no `@attribute` stands before `@data`")
                return number
            if keyword == "@end":
                if relation is None:
                    raise NumberError("`@end` ends nothing")
                found.attributes.append(Attribute(relation[0], RELATIONAL, (), tuple(relation[1])))
                relation = None
            elif keyword == "@attribute":
                attribute = _attribute(rest)
                if relation is not None and attribute.kind == RELATIONAL:
                    raise NumberError("a relation in a relation is not read")
                if attribute.kind == RELATIONAL:
                    relation = (attribute.name, [])
                else:
                    (found.attributes if relation is None else relation[1]).append(attribute)
            elif keyword != "@relation":
                raise NumberError(
                    f"is {quoted(text)}, but before `@data` only `@relation` and `@attribute` may stand"
                )
        except NumberError as fault:
            problems.append(Problem(place, str(fault)))
            return number
    problems.append(Problem(where, "has no line `@data`, after which the rows stand"))
    return len(lines)


def _attribute(rest: str) -> Attribute:
    match = NAME.match(rest)
    if match is None:
        raise NumberError("an attribute must have a name and a type")
    name, kind = unquoted(match[1]), rest[match.end() :].strip()
    if kind.startswith("{"):
        if not kind.endswith("}"):
            raise NumberError(f"the classes of {quoted(name)} have no closing `}}`")
        return Attribute(name, NOMINAL, tuple(split_row(kind[1:-1].strip())))
    word = kind.lower().split()[0] if kind else ""
    if word in NUMERIC:
        return Attribute(name, "numeric")
    if word in (RELATIONAL, "string", "date"):
        return Attribute(name, word)
    raise NumberError(
        f"the type of {quoted(name)} is {quoted(kind)}, but must be numeric, nominal or relational"
    )
