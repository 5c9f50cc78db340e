"""Explains an error to the user: what is wrong, what to do, and which exit code says so."""

from __future__ import annotations

import errno
import os
import sys

import typer

from seqsweep.cluster.streams import drop, loss_of
from seqsweep.results.gate import ungated


def explain(error: Exception) -> int:
    """Print what is wrong, and what to do; give the exit code."""
    from seqsweep.cluster.local import ClusterError
    from seqsweep.results.errors import StoreError
    from seqsweep.seqmodels.data.errors import DataError
    from seqsweep.sweeps.errors import SpecError

    if isinstance(error, SpecError | DataError | StoreError | ClusterError):
        for line in str(error).split("\n"):
            typer.echo(f"error: {line}", err=True, color=True)
        return 2
    # the store and the data say which file it was
    output = ungated(sys.stdout)
    if isinstance(error, OSError) and (error is loss_of(output) or _is_full(error)):
        drop(output)
        if error.errno == errno.EIO:  # a terminal that was closed: nobody is there to be told
            return 1
        why = "it is closed" if error.errno == errno.EBADF else error.strerror
        typer.echo(f"error: cannot write standard output: {why}", err=True, color=True)
        return 2
    if isinstance(error, FileNotFoundError) and error.filename is None and not _current_folder():
        typer.echo(
            "error: the current folder is gone: `cd` to one that is there, and run again",
            err=True,
            color=True,
        )
        return 2
    what = " ".join(str(error).split()) or "no message"
    typer.echo(f"error: {type(error).__name__}: {what}", err=True, color=True)
    typer.echo(
        "This is a fault of seqsweep's; run again with `seqsweep --debug ...` to see where.",
        err=True,
        color=True,
    )
    return 1


def _current_folder() -> bool:
    """Whether there is one: it may have been deleted, or its disk unmounted."""
    try:
        os.getcwd()
    except OSError:
        return False
    return True


def _is_full(error: OSError) -> bool:
    return error.errno in (errno.ENOSPC, errno.EDQUOT) and error.filename is None
