"""Which recurrent architecture is best for my sequences, and how sure can I be?

The four packages below are imported when they are asked for: neither torch nor Ray comes with `import seqsweep`.
"""

from importlib import import_module
from types import ModuleType

__version__ = "0.1.0"

_PACKAGES = ("cluster", "results", "seqmodels", "sweeps")


def __getattr__(name: str) -> ModuleType:
    """Import a package below this one at its first use. Raises AttributeError for any other name."""
    if name not in _PACKAGES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"{__name__}.{name}")


def __dir__() -> list[str]:
    """List what this package offers."""
    return sorted([*globals(), *_PACKAGES])
