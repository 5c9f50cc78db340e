"""A data set that travels is the same at its end, and a damaged one is never taken for whole."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqsweep.seqmodels.data.dataset import SequenceDataset
from seqsweep.seqmodels.data.errors import DataError
from seqsweep.seqmodels.data.packed import pack, unpack
from seqsweep.seqmodels.data.source import load

FIELDS = ("name", "class_names", "ids", "synthetic", "normalization", "fingerprint")
ARRAYS = ("tokens", "start", "length", "label", "is_test")


def example(group: bool = True) -> SequenceDataset:
    draw = np.random.default_rng(0)
    return SequenceDataset.from_sequences(
        "größe",
        [draw.normal(size=(length, 3)) for length in (1, 4, 2)],
        label=[0, 1, 0],
        class_names=["ä", "b"],
        ids=["x/1", "x/2", "y"],
        is_test=[False, False, True],
        group=[5, 5, 7] if group else None,
        normalization={"kind": "standard", "mean": [0.5, -1e-12]},
    )


@pytest.mark.parametrize("group", [True, False])
def test_round_trip(group: bool) -> None:
    dataset = example(group)
    back = unpack(pack(dataset), "file")
    for name in FIELDS:
        assert getattr(back, name) == getattr(dataset, name)
    for name in ARRAYS:
        found, expected = getattr(back, name), getattr(dataset, name)
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
    assert (back.group is None) is not group
    if group:
        np.testing.assert_array_equal(back.group, dataset.group)


def test_an_embedded_one() -> None:
    dataset = load("handwriting")
    assert unpack(pack(dataset), "file").fingerprint == dataset.fingerprint


@given(st.data())
def test_a_changed_byte_is_noticed_or_changes_no_number(data: st.DataObject) -> None:
    dataset = example()
    content = bytearray(pack(dataset))
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    try:
        back = unpack(bytes(content), "file")
    except DataError as error:
        assert str(error).startswith("file: is no whole packed data set: ")  # noqa: PT017 (either is right)
    else:
        assert back.fingerprint == dataset.fingerprint


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff" * 40, pack(example())[:-1]])
def test_what_is_none_is_refused(content: bytes) -> None:
    with pytest.raises(DataError, match=r"0\.safetensors: is no whole packed data set"):
        unpack(content, "0.safetensors")
