"""What a user should know of his data, though nothing is wrong with it."""

from __future__ import annotations

import logging
from collections.abc import Iterable

log = logging.getLogger("seqsweep.seqmodels.data")


def say(notes: Iterable[str]) -> None:
    """Tell the user what a reader passed over or filled in."""
    for note in notes:
        log.info("%s", note)
