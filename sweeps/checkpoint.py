"""Half-trained trials: one safetensors file each, beside the results in the sweep's folder.

Not Ray Tune's checkpoints: those know a trial by an id that changes when a sweep is started again, and a restored
experiment repeats iterations (ray#30838). A file named by the plan's own id, renamed into place, serves a lost worker, a
killed sweep and a resumed one alike. Tensors only, so reading one executes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyarrow import fs

from results.errors import StoreError

if TYPE_CHECKING:
    from torch import Tensor

    from results.files import Folder

FOLDER = "checkpoints"


def save(sweep: Folder, trial: str, state: dict[str, Tensor]) -> None:
    """Write `state` in place of the trial's older one. Raises StoreError where the disk refuses."""
    from safetensors.torch import save as encode

    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    (sweep / FOLDER).write(_name(trial), encode(whole))


def load(sweep: Folder, trial: str) -> dict[str, Tensor] | None:
    """The trial's state, or None where it has none that is whole."""
    from safetensors import SafetensorError
    from safetensors.torch import load as decode

    folder = sweep / FOLDER
    if not folder.exists(_name(trial)):
        return None
    try:
        return dict(decode(folder.read(_name(trial)).to_pybytes()))
    except (StoreError, SafetensorError):  # then it starts again from nothing
        return None


def discard(sweep: Folder, trial: str) -> None:
    """Forget the trial's state."""
    folder = sweep / FOLDER
    folder.discard(f"{folder.path}/{_name(trial)}")


def clear(sweep: Folder) -> None:
    """Remove the folder, and what killed writers left in it."""
    path = f"{sweep.path}/{FOLDER}"
    if sweep.system.get_file_info(path).type == fs.FileType.Directory:
        sweep.system.delete_dir(path)


def _name(trial: str) -> str:
    return f"{trial}.safetensors"
