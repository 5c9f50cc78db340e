"""`driver_cases.py`, in a process of its own: NVRTC crashes in one that has taken the stub for the driver."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

CASES = Path(__file__).with_name("driver_cases.py")


@pytest.mark.skipif(not (shutil.which("gcc") or shutil.which("cc")), reason="no C compiler")
@pytest.mark.skipif(torch.cuda.is_available(), reason="a real driver is loaded: test_gpu.py uses it")
def test_gpu_py_on_a_driver_that_only_notes() -> None:
    pytest.importorskip("cuda.core", reason="the extra `cuda` is not installed")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(CASES)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
