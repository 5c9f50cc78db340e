"""What a spec's search makes one beware of, before anything is trained."""

from collections.abc import Mapping
from typing import Any

from seqsweep.results.analysis.caution import Caution

SAFE = 0.5
"""Share of the epochs before which the order of candidates foretells too little of the end."""
NONE_DROPPED = 4
"""Candidates of which halving drops none."""


def search_cautions(spec: Mapping[str, Any]) -> tuple[Caution, ...]:
    """Give those that apply to a spec, as `sweep.json` has it; a sweep of before there was a search has none."""
    search = spec.get("search") or {}
    first, candidates = search.get("first", SAFE), spec.get("candidates")
    few = isinstance(candidates, int) and candidates <= NONE_DROPPED
    if search.get("method", "full") != "halving" or few or not isinstance(first, float) or first >= SAFE:
        return ()
    text = (
        f"candidates are dropped after {100 * first:g} % of the epochs: before the middle their order says little of the end, "
        "and a cut favours the architectures that learn fast (measured: 6 points lost at an eighth)"
    )
    return (Caution("early cut", text),)
