"""Models as the tests of exports want them: small, with weights that were never trained."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # for `exported`, whichever tests are collected
sys.path.insert(0, str(Path(__file__).parents[1]))  # for `plain`, the oracle
