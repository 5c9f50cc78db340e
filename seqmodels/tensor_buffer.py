"""Tensors as the bytes of a safetensors file, and back, without a second copy of them.

`safetensors.torch.save` holds a state twice and `load` three times: a trial's promise about its memory would be broken by its
checkpoints. The format is a length, a JSON header and the values one after the other
(https://github.com/huggingface/safetensors#format); the library reads what is written here, and the other way round.
"""

from __future__ import annotations

import json
import math
import mmap
import struct
import warnings
from collections.abc import Mapping

import torch
from jaxtyping import UInt8
from torch import Tensor

_TYPES = {
    torch.float32: "F32",
    torch.float64: "F64",
    torch.int64: "I64",
    torch.uint8: "U8",
}
_DTYPES = {name: dtype for dtype, name in _TYPES.items()}
_LENGTH = struct.Struct("<Q")  # of the header
_ALIGNMENT = 8
_METADATA = "__metadata__"


def pack(state: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> memoryview:
    """Write tensors, of whatever device, into one new buffer with the bytes of a safetensors file.

    The buffer is pages of its own, which go back to the system with its last reference: a block of the C library's heap of
    that size might stay there.

    Args:
        state: tensors of float32, float64, int64 or uint8, of any shape and stride.
        metadata: text that the file carries besides.

    Raises:
        TypeError: a tensor of another dtype.
    """
    header: dict[str, object] = {_METADATA: dict(metadata)} if metadata else {}
    end = 0
    # the widest values first: each tensor begins at a multiple of its own values' size
    names = sorted(state, key=lambda name: -state[name].element_size())
    for name in names:
        tensor = state[name]
        if tensor.dtype not in _TYPES:
            raise TypeError(f"tensor {name} is {tensor.dtype}, but must be one of {', '.join(_DTYPES)}")
        begin, end = end, end + tensor.numel() * tensor.element_size()
        header[name] = {
            "dtype": _TYPES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [begin, end],
        }
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(_LENGTH.size + len(text)) % _ALIGNMENT)
    first = _LENGTH.size + len(text)
    buffer = memoryview(mmap.mmap(-1, first + end))
    buffer[:first] = _LENGTH.pack(len(text)) + text
    whole = torch.frombuffer(buffer, dtype=torch.uint8)
    for name in names:
        tensor = state[name].detach()
        _view(whole, first, header[name]).copy_(tensor)
    return buffer


def header_bytes(buffer: memoryview) -> int:
    """Count the bytes before the values."""
    return _LENGTH.size + int(_LENGTH.unpack_from(buffer)[0])


def unpack(buffer: memoryview) -> dict[str, Tensor]:
    """Give the tensors of a safetensors file as views of `buffer`, which they keep alive and which nobody may write to.

    Raises:
        ValueError: it is no such file, or has a dtype that `pack` does not write.
    """
    try:
        first = header_bytes(buffer)
        header = json.loads(bytes(buffer[_LENGTH.size : first]))
        header.pop(_METADATA, None)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The given buffer is not writable")
            whole = torch.frombuffer(buffer, dtype=torch.uint8)
        return {name: _view(whole, first, entry) for name, entry in header.items()}
    except (struct.error, KeyError, TypeError, AttributeError, RuntimeError, RecursionError) as error:
        raise ValueError(f"not the tensors that were packed: {error}") from error


def _view(whole: UInt8[Tensor, "n"], first: int, entry: object) -> Tensor:
    """Find the tensor that a header's entry tells of, in the bytes of a file whose values begin at `first`."""
    if not isinstance(entry, dict):
        raise TypeError(f"an entry of the header is {entry}")
    dtype, shape = _DTYPES[entry["dtype"]], entry["shape"]
    begin, end = entry["data_offsets"]
    if not 0 <= begin <= end <= len(whole) - first or end - begin != math.prod(shape) * dtype.itemsize:
        raise ValueError(
            f"bytes {begin} to {end} of {len(whole) - first} do not hold {dtype} of shape {shape}"
        )
    if begin == end:
        return torch.empty(shape, dtype=dtype)
    return whole[first + begin : first + end].view(dtype).reshape(shape)


def part(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Give the tensors whose names begin with `prefix`, by what follows it."""
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
