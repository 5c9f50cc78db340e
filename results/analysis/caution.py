"""A caution: one sentence on what to beware of."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Caution:
    """`text` is one sentence; `kind` says by which rule of `docs/verdict.md`."""

    kind: str
    text: str
