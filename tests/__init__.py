"""The tests lie as the code lies; what several of them use is in `support`."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
