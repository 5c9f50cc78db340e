"""XML from strangers: expat's events, without document types, entities, or anything from elsewhere."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from xml.parsers import expat

from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.files import Files, decompress
from seqsweep.seqmodels.data.numbers import NumberError

DEEPEST = 500  # elements in one another; an expression's MathML has some dozens
NAMESPACE = " "  # between a namespace and a name, as no name has it

Start = Callable[[str, Mapping[str, str], int], None]
End = Callable[[str, str, int], None]


class _Done(Exception):
    """The root is known."""


def read_xml(files: Files, inner: str, start: Start, end: End) -> None:
    """Read a file: `start(name, attributes, line)` and `end(name, text, line)` are called for each element.

    Names are without namespaces; text is the element's own. Raises DataError where it is damaged, or has a document type; a
    NumberError of a callback becomes one of its line.
    """
    where = files.where(inner)
    content = decompress(inner, files.read(inner), where)
    if not content.strip():
        raise DataError([Problem(where, "is empty")])
    parser = expat.ParserCreate(namespace_separator=NAMESPACE)
    parser.buffer_text = True
    texts: list[list[str]] = []

    def begin(name: str, attributes: dict[str, str]) -> None:
        if len(texts) >= DEEPEST:
            raise NumberError(f"has elements more than {DEEPEST} deep in one another, the most that is read")
        texts.append([])
        plain = {_local(key): value for key, value in attributes.items()}
        start(_local(name), plain, parser.CurrentLineNumber)

    def finish(name: str) -> None:
        end(_local(name), "".join(texts.pop()), parser.CurrentLineNumber)

    def refuse(*_: object) -> None:
        raise NumberError(
            "has a document type (`<!DOCTYPE`), which is not read, since its entities could grow without end or bring in "
            "other files: take it out"
        )

    parser.StartElementHandler = begin
    parser.EndElementHandler = finish
    parser.CharacterDataHandler = lambda text: texts[-1].append(text)
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        rule = f"is damaged, or no XML: {expat.ErrorString(error.code)}"
        raise DataError([Problem(f"{where}:{error.lineno}", rule)]) from None
    except NumberError as fault:
        raise DataError([Problem(f"{where}:{parser.CurrentLineNumber}", str(fault))]) from None
    except (LookupError, ValueError) as error:  # an encoding that is not known
        raise DataError([Problem(where, f"is no XML that can be read: {error}")]) from None


def root_name(begin: bytes) -> str | None:
    """Read the name of the outermost element off the beginning of a file; None where it is no XML."""
    found: list[str] = []

    def stop(name: str, *_: object) -> None:
        found.append(_local(name))
        raise _Done

    parser = expat.ParserCreate(namespace_separator=NAMESPACE)
    parser.StartElementHandler = stop
    parser.StartDoctypeDeclHandler = stop
    with contextlib.suppress(_Done, expat.ExpatError, LookupError, ValueError):
        parser.Parse(begin, False)
    return found[0] if found else None


def _local(name: str) -> str:
    return name.rpartition(NAMESPACE)[2]
