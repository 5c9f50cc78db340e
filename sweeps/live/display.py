"""Shows a sweep's state while it runs: full screen in a terminal, a line per event elsewhere."""

from __future__ import annotations

import time

from rich.console import Console
from rich.live import Live

from seqsweep.results.views import formats
from seqsweep.sweeps.live import screen
from seqsweep.sweeps.live.listener import Listener
from seqsweep.sweeps.live.state import SweepState

REFRESH_SECONDS = 0.25
DRAWING_SHARE = 0.1  # of the time at most: the screen of a sweep of 10,000 trials takes 0.1 s to draw


class Display(Listener):
    """Shows how a sweep goes on a console.

    Drawn by hand rather than by a thread: nothing changes the state while it is read, and Ray gets no thread to trip over.
    """

    state: SweepState

    def __init__(self, console: Console) -> None:
        self.console = console
        self.full_screen = console.is_terminal and not console.is_dumb_terminal and not console.no_color
        self._live: Live | None = None
        self._next = 0.0

    def begin(self, state: SweepState) -> None:
        """Take the screen, or say in a line what is to be trained."""
        self.state = state
        if self.full_screen:
            self._live = Live(
                console=self.console,
                screen=True,
                auto_refresh=False,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
            self.refresh()
        else:
            trials = formats.plural(len(self.state.trials), "trial")
            lanes = formats.plural(self.state.lanes["total"], "model")
            self.line(f"{self.state.title} · {trials} · {lanes}")

    def complete(self, state: SweepState) -> None:
        """Say in a line that all trials were finished before."""
        self.state = state
        self.line(screen.complete(state.title, len(state.trials)))

    def end(self) -> None:
        """Give the terminal back."""
        self.close()

    def close(self) -> None:
        """Give the terminal back; harmless when repeated."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def refresh(self) -> None:
        """Draw, unless it was drawn just now."""
        now = time.monotonic()
        if self._live is not None and now >= self._next:
            self._live.update(screen.screen(self.state, self.console.size.height), refresh=True)
            self._next = now + max(REFRESH_SECONDS, (time.monotonic() - now) / DRAWING_SHARE)

    def ended(self, trial: str) -> None:
        """Say in a line how the trial ended, where lines are shown."""
        if not self.full_screen:
            self.line(screen.trial_line(self.state, self.state.trials[trial]))

    def tell(self, text: str) -> None:
        """Say it in a line, where lines are shown; the screen has the state's events."""
        if not self.full_screen:
            self.line(text)

    def last_words(self, text: str) -> None:
        """Say it in a line."""
        self.line(text)

    def line(self, text: str) -> None:
        """Print a plain line; never wrapped, so that programs can read it."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)
