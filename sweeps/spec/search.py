"""`[search]`: how candidates are drawn from the space."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from seqsweep.sweeps.spec.fields import Section


class Search(Section):
    """`[search]`: how candidates are drawn from the space; `docs/spec.md` has their descriptions and examples."""

    sampler: Literal["random"] = Field(
        "random",
        description="how candidates are drawn: each by itself",
        examples=['sampler = "random"'],
    )
