"""Ctrl-C, SIGTERM and SIGHUP (a terminal that is closed): the first asks for a clean stop, a second leaves at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

CAUGHT = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):
    """Raised where the program may stop cleanly."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(signal.Signals(number).name)

    @property
    def exit_code(self) -> int:
        """129 for SIGHUP, 130 for Ctrl-C, 143 for SIGTERM, as shells count."""
        return 128 + self.number


class Signals:
    """Handles these signals inside `with`; outside the main thread, where Python has no signals, does nothing.

    A signal raises `Interrupted` where it strikes, but inside `deferred` only where `check` is called: Ray's calls must not
    be left half way. `on_exit` is called before a second signal ends the process. A SIGHUP that is ignored when the process
    starts (`nohup`) stays ignored.
    """

    def __init__(self, on_exit: Callable[[], None] = lambda: None) -> None:
        self.on_exit = on_exit
        self._caught: int | None = None
        self._deferring = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Signals:
        self._previous = {number: signal.getsignal(number) for number in CAUGHT}
        if self._previous[signal.SIGHUP] is signal.SIG_IGN:
            del self._previous[signal.SIGHUP]
        self.install()
        return self

    def __exit__(self, *_: object) -> None:
        if self._main():
            for number, handler in self._previous.items():
                signal.signal(number, handler)

    def install(self) -> None:
        """Take the signals (again: `ray.init` takes SIGTERM for itself)."""
        if self._main():
            for number in self._previous:
                signal.signal(number, self._handle)

    @contextmanager
    def kept_from_children(self) -> Iterator[None]:
        """Keep SIGHUP from processes started inside: a closing terminal sends it to all, but this one ends them in order."""
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Hold a signal back until `check`, or the end of the block."""
        self._deferring = True
        try:
            yield
        finally:
            self._deferring = False
        self.check()

    def check(self) -> None:
        """Raise `Interrupted` if a signal came."""
        if self._caught is not None:
            raise Interrupted(self._caught)

    def _handle(self, number: int, _: FrameType | None) -> None:
        first = self._caught is None
        if not first and number == signal.SIGHUP:
            return  # a terminal's end is told by the system, the shell and the session's manager: nobody is impatient
        if self._caught not in (None, signal.SIGHUP):
            self.on_exit()
            os._exit(
                128 + number
            )  # no clean-up that could hang: Ray's processes notice and end by themselves
        self._caught = number
        if first and not self._deferring:
            self.check()

    @staticmethod
    def _main() -> bool:
        return threading.current_thread() is threading.main_thread()


@contextmanager
def plain_interrupt() -> Iterator[None]:
    """Inside, Ctrl-C ends the process at once: for long calls that Python cannot interrupt, with nothing to tidy up."""
    previous = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or previous is signal.SIG_IGN:
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
