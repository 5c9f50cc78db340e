"""The data sets of a sweep that was submitted, kept beside its results until it is finished.

So it can go on from any machine that reaches the store, also when the one it was submitted from is gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seqsweep.results.files import Folder
    from seqsweep.seqmodels.data.dataset import SequenceDataset

FOLDER = "data"


def keep(sweep: Folder, datasets: Sequence[SequenceDataset]) -> None:
    """Write `datasets` in their order. Raises StoreError where the store refuses."""
    from seqsweep.seqmodels.data.packed import pack

    for place, dataset in enumerate(datasets):
        (sweep / FOLDER).write(_name(place), pack(dataset))


def kept(sweep: Folder, count: int) -> list[SequenceDataset] | None:
    """The `count` data sets of the sweep's spec, or None where they are not kept.

    Raises:
        DataError: a file is damaged.
        StoreError: a file cannot be read.
    """
    from seqsweep.seqmodels.data.packed import unpack

    folder = sweep / FOLDER
    if not folder.exists(_name(count - 1)):  # written last
        return None
    return [
        unpack(folder.read(_name(place)).to_pybytes(), str(folder / _name(place))) for place in range(count)
    ]


def clear(sweep: Folder) -> None:
    """Remove them."""
    (sweep / FOLDER).clear()


def _name(place: int) -> str:
    return f"{place}.safetensors"
