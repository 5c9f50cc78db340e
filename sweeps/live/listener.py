"""Who hears how a sweep goes: a display, records for `watch`, or whatever a program wants to hear."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seqsweep.sweeps.live.state import SweepState


class Listener:
    """Hears how a sweep goes, in the main thread where not said otherwise; by itself does nothing.

    A method that raises ends the sweep, which can be resumed then.
    """

    def begin(self, state: SweepState) -> None:
        """Hear of all trials, before any is trained; `state` changes from now on and always tells how it stands."""

    def refresh(self) -> None:
        """Hear that time goes by: about ten times a second, whether something has changed or not."""

    def ended(self, trial: str) -> None:
        """Hear that the trial with this id has finished or failed."""

    def tell(self, text: str) -> None:
        """Hear a sentence about the sweep rather than its numbers; while Ray starts, from another thread."""

    def end(self) -> None:
        """Hear that nothing follows."""

    def close(self) -> None:
        """Give the terminal back: the process ends at once. May be called again, and from a signal's handler."""

    def last_words(self, text: str) -> None:
        """Hear why the process ends at once, after `close`, from another thread: Ray hangs and cannot be stopped."""

    @contextmanager
    def following(self, state: SweepState) -> Iterator[None]:
        """Begin, and end however the block does."""
        self.begin(state)
        try:
            yield
        finally:
            self.end()
