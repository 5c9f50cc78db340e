"""What `seqsweep doctor` says of this machine: whether a sweep can run here, how fast, and what mends what is amiss."""

from __future__ import annotations

import os

from seqsweep.sweeps.doctor import start
from seqsweep.sweeps.doctor.checks import Diagnosis, judge
from seqsweep.sweeps.doctor.probe import probe


def examine(store: str) -> Diagnosis:
    """Look at this machine and at `store` (a path or URI). Takes seconds: it imports torch, but starts no Ray."""
    begin = tuple(start.checks())
    try:
        os.getcwd()
    except OSError:  # which `begin` says; torch's libraries end the process where there is no current folder
        os.chdir("/")
    return Diagnosis((*judge(probe(store)), *begin))
