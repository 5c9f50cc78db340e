"""Half-trained trials: one safetensors file each, beside the results in the sweep's folder.

Not Ray Tune's checkpoints: those know a trial by an id that changes when a sweep is started again, and a restored
experiment repeats iterations (ray#30838). A file named by the plan's own id, whole or absent, serves a lost worker, a
killed sweep and a resumed one alike. Tensors only, so reading one executes nothing; a checksum, so a flipped bit is not
trained on.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from seqsweep.results.errors import Damaged, Missing, StoreError
from seqsweep.results.seal import BLANK, FIELD, seal_in_place

if TYPE_CHECKING:
    from torch import Tensor

    from seqsweep.results.files import Folder

FOLDER = "checkpoints"
_log = logging.getLogger(__name__)


def save(sweep: Folder, trial: str, state: dict[str, Tensor]) -> None:
    """Write `state` in place of the trial's older one.

    Takes the memory of the state once. Tried once: where the store refuses or cannot be reached, training goes on, the
    older one stays, and the log says so.
    """
    import pyarrow as pa

    from seqsweep.seqmodels.tensor_buffer import header_bytes, pack

    content = pack(state, {FIELD: BLANK})
    seal_in_place(content, header_bytes(content))
    try:
        (sweep / FOLDER).with_patience(0).write(_name(trial), pa.py_buffer(content))
    except StoreError as error:
        _log.warning("trial %s goes on without a new checkpoint: %s", trial, error)


def load(sweep: Folder, trial: str) -> dict[str, Tensor] | None:
    """Read the trial's state, tensors that nobody may write to; None where it has none that is whole.

    Raises StoreError where the store cannot be read.
    """
    from seqsweep.seqmodels.tensor_buffer import unpack

    try:
        return unpack(memoryview((sweep / FOLDER).read_sealed(_name(trial), required=True)))
    except Missing:
        return None
    except (Damaged, ValueError) as error:
        _log.warning("trial %s starts from its beginning: %s", trial, error)
        return None


def discard(sweep: Folder, trial: str) -> None:
    """Forget the trial's state."""
    (sweep / FOLDER).discard(_name(trial))


def clear(sweep: Folder) -> None:
    """Remove the folder, and what killed writers left in it."""
    (sweep / FOLDER).clear()


def _name(trial: str) -> str:
    return f"{trial}.safetensors"
