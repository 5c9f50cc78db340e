"""Tensors in one buffer, against the library whose format it is."""

import json
import struct
from typing import Any

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
import safetensors
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load, save
from torch import Tensor

from seqsweep.seqmodels.tensor_buffer import pack, unpack

VALUES = st.sampled_from([np.float32, np.float64, np.int64, np.uint8]).flatmap(
    lambda dtype: arrays.arrays(dtype, arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5))
)
STATES = st.dictionaries(st.text(max_size=8).filter(lambda name: name != "__metadata__"), VALUES, max_size=6)


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(
        (a.dtype, a.shape, a.numpy().tobytes())
        == (other[name].dtype, other[name].shape, other[name].numpy().tobytes())
        for name, a in one.items()
    )


@given(STATES, st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=3))
def test_the_library_reads_what_is_packed(
    state: dict[str, np.ndarray[Any, Any]], text: dict[str, str]
) -> None:
    tensors = {name: torch.from_numpy(np.array(value)) for name, value in state.items()}
    packed = pack(tensors, text)
    assert same(load(bytes(packed)), tensors)
    assert same(unpack(packed), tensors)
    header = json.loads(bytes(packed[8 : 8 + struct.unpack_from("<Q", packed)[0]]))
    assert header.get("__metadata__", {}) == text


@given(STATES)
def test_what_the_library_writes_is_unpacked(state: dict[str, np.ndarray[Any, Any]]) -> None:
    tensors = {name: torch.from_numpy(np.array(value)) for name, value in state.items()}
    assert same(unpack(memoryview(save(tensors))), tensors)


def test_values_in_any_order_of_memory_are_packed_as_they_are_read() -> None:
    tensor = torch.arange(24.0).reshape(2, 3, 4).permute(2, 0, 1)[::2]
    assert torch.equal(unpack(pack({"a": tensor}))["a"], tensor)


def test_a_dtype_without_a_name_is_refused() -> None:
    with pytest.raises(TypeError, match=r"tensor b is torch\.float16, but must be one of F32"):
        pack({"b": torch.zeros(2, dtype=torch.float16)})


@given(st.data())
def test_other_bytes_are_refused_or_stay_within_the_buffer(data: st.DataObject) -> None:
    whole = bytearray(pack({"a": torch.ones(3, 4), "b": torch.arange(5)}))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = memoryview(bytes(whole[: data.draw(st.integers(0, len(whole)))]))
    try:
        found = unpack(cut)
    except ValueError:
        return
    assert sum(tensor.numel() * tensor.element_size() for tensor in found.values()) <= 2 * len(cut)


def test_a_torn_file_is_refused_by_both() -> None:
    whole = bytes(pack({"a": torch.ones(3, 4)}))
    for length in range(len(whole)):
        with pytest.raises(
            ValueError, match=r"not the tensors|do not hold|Expecting|Extra|Unterminated|decode"
        ):
            unpack(memoryview(whole[:length]))
        with pytest.raises(safetensors.SafetensorError):
            load(whole[:length])
