"""The C++ kernels under AddressSanitizer, UndefinedBehaviorSanitizer and ThreadSanitizer."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "kernels" / "sanitize.sh"
ROUNDS = 8  # the fewest that have every cell, small and large
COMPILER = os.environ.get("CXX") or next(filter(shutil.which, ("c++", "g++", "clang++")), None)


@pytest.mark.skipif(COMPILER is None, reason="no C++ compiler: none of c++, g++, clang++ is there")
def test_the_kernels_pass_the_sanitizers(tmp_path: Path) -> None:
    assert COMPILER is not None
    environment = os.environ | {"CXX": COMPILER, "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        ["bash", str(SCRIPT), str(ROUNDS)], env=environment, capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert done.stdout == f"address,undefined:\n{ROUNDS} rounds\nthread:\n{ROUNDS} rounds\n", said
