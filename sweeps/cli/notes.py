"""Prints what the data's readers passed over, and how far a fetch of data is."""

from __future__ import annotations

import logging

import typer

from seqsweep.seqmodels.data.notes import log


class _Notes(logging.Handler):
    """Prints each once: files are looked at before they are read."""

    def __init__(self) -> None:
        super().__init__()
        self.told: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if text in self.told:
            return
        self.told.add(text)
        shown = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
        typer.echo(f"note: {shown}", err=True, color=True)


_notes = _Notes()


def show_notes() -> None:
    """Print notes on standard error from now on; those of another command may come again."""
    _notes.told.clear()
    log.addHandler(_notes)
    log.setLevel(logging.INFO)
