"""What a verb of the command line answers, in this process; arguments may be paths."""

import json
from typing import Any

import pytest

from seqsweep.sweeps.cli.app import main


def said(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """What it prints, nothing of it on standard error."""
    assert main([str(each) for each in arguments]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def read(capsys: pytest.CaptureFixture[str], *arguments: object) -> Any:
    """Parse what it prints with `--json`."""
    return json.loads(said(capsys, *arguments, "--json"))
