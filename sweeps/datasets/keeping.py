"""The data sets that were shipped with a sweep, kept beside its results until it is finished.

So it can go on from any machine that reaches the store, also when the one it was submitted from is gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seqsweep.results.files import Folder
    from seqsweep.seqmodels.data.dataset import SequenceDataset
    from seqsweep.sweeps.spec.model import Spec

FOLDER = "data"


def keep(sweep: Folder, datasets: Sequence[SequenceDataset | None]) -> None:
    """Write `datasets` in their order, but for what lies in an object store. Raises StoreError where the store refuses."""
    from seqsweep.seqmodels.data.packed import pack

    for place, dataset in enumerate(datasets):
        if dataset is not None:
            (sweep / FOLDER).write(_name(place), pack(dataset))


def kept(sweep: Folder, spec: Spec) -> list[SequenceDataset | None] | None:
    """The data sets of the sweep's spec in their order, None for what lies in an object store; or None where none is kept.

    Raises:
        DataError: a file is damaged.
        StoreError: a file cannot be read.
    """
    from seqsweep.seqmodels.data.packed import unpack
    from seqsweep.seqmodels.data.source import has_uri

    folder = sweep / FOLDER
    shipped = [place for place, source in enumerate(spec.datasets) if not has_uri(source)]
    if not shipped or not folder.exists(_name(shipped[-1])):  # written last
        return None
    found: list[SequenceDataset | None] = [None] * len(spec.datasets)
    for place in shipped:
        found[place] = unpack(folder.read(_name(place)).to_pybytes(), str(folder / _name(place)))
    return found


def clear(sweep: Folder) -> None:
    """Remove them."""
    (sweep / FOLDER).clear()


def _name(place: int) -> str:
    return f"{place}.safetensors"
