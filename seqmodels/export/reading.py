"""Opening a model's folder. Whoever made it is not trusted: nothing is unpickled or executed, nothing large is made before
it is known to fit.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.numbers import quoted
from seqsweep.seqmodels.data.text import check_width
from seqsweep.seqmodels.export.description import Description
from seqsweep.seqmodels.layout import Layout

if TYPE_CHECKING:
    from torch import Tensor

    from seqsweep.seqmodels.export.model import Model

DESCRIPTION, WEIGHTS = "model.json", "weights.safetensors"
MOST_JSON = 64 * 2**20  # bytes of model.json
HEADER = 2**20  # bytes that safetensors may take besides the numbers
PICKLES = (b"PK\x03\x04", b"\x80")  # how files of torch.save begin


@dataclass(frozen=True, eq=False)
class ExportedModel:
    """Holds a folder's content."""

    description: Description
    network: Model


def open_model(folder: Path) -> ExportedModel:
    """Open the model in `folder`, on the CPU, ready to predict.

    Raises:
        DataError: a file is missing, or is not what `seqsweep export-model` writes; it is named, with what is wrong.
    """
    from seqsweep.seqmodels.export.model import Model

    if not folder.is_dir():
        raise DataError([Problem(str(folder), "is no folder that `seqsweep export-model` wrote")])
    description = read_description(folder / DESCRIPTION)
    weights = read_weights(folder / WEIGHTS, description)  # before a network of that size is made
    network = Model(description.to_table())
    network.load_state_dict(weights)
    return ExportedModel(description, network.eval().requires_grad_(False))


def read_description(path: Path) -> Description:
    """Read what `model.json` says. Raises DataError."""
    _check_file(path, MOST_JSON)
    try:
        content = path.read_bytes()
        check_width(content)
        return Description.from_table(json.loads(content.decode("utf-8")))
    except UnicodeDecodeError:
        problem = "is not UTF-8 text"
    except json.JSONDecodeError as error:
        problem = f"is not JSON: {error}"
    except RecursionError:
        problem = "is nested too deeply"
    except OSError as error:
        problem = f"cannot be read: {error.strerror or error}"
    except ValueError as error:
        problem = str(error)
    raise DataError([Problem(str(path), problem)])


def read_weights(path: Path, description: Description) -> dict[str, Tensor]:
    """Read the state dict of a safetensors file: exactly the names, shapes and float32 that the description wants, all finite.

    Raises DataError.
    """
    import torch
    from safetensors import SafetensorError, safe_open

    layout = Layout(description.architecture, description.width, len(description.classes))
    wanted = {part.torch_name: part.shape for part in layout.slices.values()}
    _check_file(path, 4 * layout.parameter_count + HEADER)
    try:
        with path.open("rb") as file:
            begin = file.read(9)  # of safetensors: the header's length in 8 bytes, then its JSON
            if begin.startswith(PICKLES) and not begin.endswith(b"{"):
                problem = "is a pickle, as torch.save writes them, but must be safetensors: it was not loaded"
                raise DataError([Problem(str(path), problem)])
        with safe_open(path, framework="pt") as file:
            difference = _first_difference(file, wanted)
            state: dict[str, Tensor] = {} if difference else {name: file.get_tensor(name) for name in wanted}
    except (SafetensorError, OSError) as error:
        raise DataError([Problem(str(path), f"is no whole safetensors file: {error}")]) from error
    for name, tensor in state.items():
        if not torch.isfinite(tensor).all():
            difference = f"`{name}` holds NaN or infinity"
    if difference:
        raise DataError([Problem(str(path), difference)])
    return state


def _check_file(path: Path, most: int) -> None:
    if not path.exists():
        raise DataError([Problem(str(path), "no such file")])
    if not path.is_file():
        raise DataError([Problem(str(path), "is no file")])
    size = path.stat().st_size
    if size > most:
        rule = f"has {size} bytes, but must have at most {most}"
        raise DataError([Problem(str(path), rule)])


def _first_difference(file: Any, wanted: dict[str, tuple[int, ...]]) -> str | None:
    """Say what is wrong with a safetensors file by its header alone."""
    names = set(file.keys())
    for name, shape in wanted.items():
        if name not in names:
            return f"has no `{name}`"
        part = file.get_slice(name)
        found, kind = tuple(part.get_shape()), part.get_dtype()
        if found != shape:
            return f"`{name}` is {list(found)}, but model.json asks for {list(shape)}"
        if kind != "F32":
            return f"`{name}` is {kind}, but must be F32"
    surplus = sorted(names - wanted.keys())
    return f"has {quoted(surplus[0])}, which no such model has" if surplus else None
