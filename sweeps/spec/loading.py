"""Reads a spec from a TOML file or from the table that a sweep keeps; every problem is listed at once."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from seqsweep.seqmodels.data.text import EncodingError, decode
from seqsweep.sweeps.errors import SpecError, nearest
from seqsweep.sweeps.spec.model import KEYS, Spec
from seqsweep.sweeps.spec.wording import sentence


def load_spec(path: Path) -> Spec:
    """Read a spec file. Relative paths in it start at its folder.

    Raises:
        SpecError: the file cannot be read, is not TOML, or has problems; all of them are listed.
    """
    try:
        text = decode(path.read_bytes())
    except FileNotFoundError:
        folder = path.parent
        others = {each.stem: each for each in folder.glob("*.toml")} if folder.is_dir() else {}
        near = nearest(path.stem, others)
        hint = f"; did you mean {others[near]}?" if near else ""
        raise SpecError([f"{path}: there is no such file{hint}"]) from None
    except EncodingError as error:
        place = path if error.line is None else f"{path}: line {error.line}"
        raise SpecError([f"{place}: {error}"]) from None
    except IsADirectoryError:
        raise SpecError(
            [
                f"{path}: is a folder, but a spec is wanted, a TOML file that names the data: see 'Your own data' in the README"
            ]
        ) from None
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        raise SpecError([f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}"]) from None
    return _from_text(text, base=path.parent, source=str(path))


def reference_spec() -> Spec:
    """The study that `seqsweep run` trains when no spec is named."""
    from importlib.resources import files

    text = files("seqsweep.sweeps.spec").joinpath("reference.toml").read_text(encoding="utf-8")
    return _from_text(text, base=Path(), source="reference.toml")


def _from_text(text: str, *, base: Path, source: str) -> Spec:
    try:
        table = tomllib.loads(text)
    except RecursionError:
        raise SpecError([f"{source}: is nested too deeply"]) from None
    except ValueError as error:
        if not isinstance(error, tomllib.TOMLDecodeError):
            raise SpecError([f"{source}: has a number of more than 4300 digits"]) from None
        # the parser says "(at line 3, column 7)" at the end of its message
        what, _, where = str(error).rpartition(" (at ")
        place = f"{where.rstrip(')')}: {what}" if what else str(error)
        raise SpecError([f"{source}: {place} (not valid TOML)"]) from None
    return parse_spec(table, base=base, source=source)


def parse_spec(table: Mapping[str, Any], *, base: Path, source: str) -> Spec:
    """Check a spec's table (parsed TOML, or JSON from `Spec.to_table`).

    Args:
        table: the spec.
        base: the folder at which relative data paths start.
        source: what the problems call the spec, usually the file's name.

    Raises:
        SpecError: everything that is wrong, a sentence each.
    """
    try:
        return Spec.model_validate(dict(table), context={"base": base.absolute()})
    except ValidationError as error:
        raise SpecError(f"{source}: {sentence(each, table, KEYS)}" for each in error.errors()) from None
