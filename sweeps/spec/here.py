"""The spec that is meant where none is named: that of the current folder, or the embedded study."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seqsweep.sweeps.spec.model import Spec

HERE = "sweep.toml"


def spec_here(path: Path | None) -> tuple[Spec, Path | None]:
    """Read the spec at `path`; where none is named, `sweep.toml` if it is here, else the embedded study, of no path.

    Raises SpecError as `load_spec`.
    """
    from seqsweep.sweeps.spec.loading import load_spec, reference_spec

    if path is None and Path(HERE).is_file():
        path = Path(HERE)
    return (reference_spec(), None) if path is None else (load_spec(path), path)
