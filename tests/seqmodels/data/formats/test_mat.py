"""MATLAB and HDF5: real files, files of scipy's and h5py's writers in many layouts, hostile and damaged ones."""

import contextlib
import struct
import zlib
from io import BytesIO
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io.matlab
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.io import loadmat, savemat
from scipy.sparse import eye_array

from seqsweep.seqmodels.data.errors import DataError
from seqsweep.seqmodels.data.formats.mat import MAT, MatOptions, read_tree, version
from seqsweep.seqmodels.data.formats.mat_nodes import Cell, Struct, Text
from seqsweep.seqmodels.data.source import collect
from seqsweep.seqmodels.testing.data_conformance import Data, FormatSuite
from tests.support.mutated import files_of, mutated, survive

DRAW = np.random.default_rng(5)
SEQUENCES = [DRAW.normal(size=(int(length), 3)) for length in (7, 5, 9, 6)]
NAMES = ["up", "down", "up", "down"]


def cell(values) -> np.ndarray:
    found = np.empty((len(values), 1), object)
    for place, each in enumerate(values):
        found[place, 0] = each
    return found


def saved(plain: bool = False, **variables: object) -> bytes:
    out = BytesIO()
    savemat(out, variables, do_compression=not plain)
    return out.getvalue()


def gathered(tree: dict[str, bytes] | bytes, **options: object):
    files = files_of(tree if isinstance(tree, dict) else {"a.mat": tree})
    complete, notes = MAT.complete(files, MatOptions(**options))
    return MAT.gather(files, complete), complete, notes


class TestMat(FormatSuite):
    format = MAT

    def write(self, root: Path, data: Data) -> None:
        root.mkdir()
        for part in ("train", "test"):
            chosen = [
                (name, each) for (name, place), found in data.items() if place == part for each in found
            ]
            (root / f"{part}.mat").write_bytes(
                saved(x=cell([each for _, each in chosen]), labels=cell([name for name, _ in chosen]))
            )


class TestHdf5(TestMat):
    def write(self, root: Path, data: Data) -> None:
        root.mkdir()
        for part in ("train", "test"):
            chosen = [
                (name, each) for (name, place), found in data.items() if place == part for each in found
            ]
            with h5py.File(root / f"{part}.mat", "w", userblock_size=512) as file:
                write_cell(file, "x", [each for _, each in chosen])
                write_cell(file, "labels", [name for name, _ in chosen])


def write_cell(file, name: str, values) -> None:
    """As MATLAB writes a cell array in version 7.3."""
    references = np.empty((1, len(values)), h5py.ref_dtype)
    for place, each in enumerate(values):
        stored = (
            np.array([[ord(letter)] for letter in each], np.uint16)
            if isinstance(each, str)
            else np.asarray(each).T
        )
        inner = file.create_dataset(f"#refs#/{name}{place}", data=stored)
        inner.attrs["MATLAB_class"] = np.bytes_("char" if isinstance(each, str) else "double")
        references[0, place] = inner.ref
    made = file.create_dataset(name, data=references, dtype=h5py.ref_dtype)
    made.attrs["MATLAB_class"] = np.bytes_("cell")


def test_letters_one_class_a_file(real_data):
    tree = {each: (real_data / "formats/mat-v5" / each).read_bytes() for each in ("A.mat", "C.mat")}
    found, options, notes = gathered(tree)
    assert options.variable == "demos.pos"
    assert options.transposed is True
    assert "others are demos.vel, demos.acc" in notes[0]
    assert [found.labels.count(each) for each in "AC"] == [10, 14]
    assert {each.shape for each in found.sequences} == {(200, 2)}
    np.testing.assert_allclose(
        found.sequences[0][[0, -1]], [[-7.73480663, -8.0910683], [3.57274401, -1.22591944]]
    )
    np.testing.assert_allclose(found.sequences[10][0], [7.83242259, 8.48432056])
    assert gathered(tree, variable="demos.acc")[0].sequences[0].shape == (200, 2)
    [first, *_] = MAT.parse(files_of(tree), "A.mat", options)
    assert first.values.tolist() == found.sequences[0].tolist()
    assert first.where == "set/A.mat:demos.pos(1)"


REAL = {  # arrays with `label` from the file's name
    "mat-v5/test3dmatrix_7.4_GLNX86.mat": {"transposed": False, "axis": 3},
    "mat-v5/test_mat4_le_floats.mat": {},
    "mat-v5/testdouble_4.2c_SOL2.mat": {},
    "hdf5/testhdf5_7.4_GLNX86.mat": {},
    "hdf5/testfile2.mat": {},
}


@pytest.mark.parametrize("name", REAL)
def test_real_arrays(real_data, name):
    found, form, _ = collect({"path": str(real_data / "formats" / name), "label": "(test)", **REAL[name]})
    assert form is MAT
    if "3d" in name:
        assert [each[0, 0] for each in found.sequences] == [1, 7, 13, 19]
        assert found.sequences[0].shape == (2, 3)
    elif "le_floats" in name:
        assert found.sequences[0].tolist() == [[0.1], [1.2]]
    elif "testdouble" in name or "testhdf5" in name:
        np.testing.assert_allclose(found.sequences[0][:, 0], np.arange(9) * np.pi / 4)
    else:
        assert [each.shape for each in found.sequences] == [(49, 4)] * 5
        np.testing.assert_allclose(found.sequences[0][[0, -1], [0, -1]], [-3.33714013e-05, 1.68874672e-05])


def test_fields_of_a_struct_array_are_names_or_numbers(real_data):
    path = str(real_data / "formats/hdf5/testfile2.mat")
    found, _, _ = collect(
        {"path": path, "variable": "raw1.h", "label": "raw1.speakerType", "group": "raw1.channel"}
    )
    assert found.labels == ["main"] * 5
    assert found.groups == list("12345")
    found, _, _ = collect({"path": path, "variable": "raw1.measGain", "label": "raw1.channel"})
    np.testing.assert_allclose(
        [each[0, 0] for each in found.sequences],
        [-1.0160217, -0.70729065, -1.2158508, 0.68839645, 2.464653],
        rtol=1e-6,
    )


REFUSED = {
    "hdf5/vlen_string_dset.h5": r"nothing that is sequences of numbers; it holds DS1 \(holds text\)",
    "hdf5/testfile14.mat": r"data \(has 4 dimensions, but sequences have 2",
    "mat-v5/testcell_7.4_GLNX86.mat": r"testcell \(holds text\)",
    "mat-v5/testcell_6.1_SOL2.mat": r"testcell \(holds text\)",
    "mat-v5/corrupted_zlib_checksum.mat": "is damaged and cannot be decompressed: .* incorrect data check",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_of_no_use_is_refused_with_its_reason(real_data, name):
    with pytest.raises(DataError, match=REFUSED[name]) as caught:
        collect({"path": str(real_data / "formats" / name), "format": "mat"})
    assert [each.where for each in caught.value.problems] == [str(real_data / "formats" / name)]


def padded() -> np.ndarray:
    return np.stack([np.resize(each, (8, 3)) for each in SEQUENCES])


STRUCTS = np.array(
    [(each, name) for each, name in zip(SEQUENCES, NAMES, strict=True)], [("x", object), ("y", object)]
)
LAYOUTS = {  # what is saved, the sequences that must come out
    "cell and cellstr": ({"x": cell(SEQUENCES), "y": cell(NAMES)}, SEQUENCES),
    "transposed": ({"x": cell([each.T for each in SEQUENCES]), "y": cell(NAMES)}, SEQUENCES),
    "char rows": ({"x": cell(SEQUENCES), "y": np.array(NAMES)}, SEQUENCES),
    "struct array": ({"data": STRUCTS}, SEQUENCES),
    "cell of structs": (
        {"data": cell([{"x": x, "label": n} for x, n in zip(SEQUENCES, NAMES, strict=True)])},
        SEQUENCES,
    ),
    "struct of cells": ({"d": {"x": cell(SEQUENCES), "label": cell(NAMES)}}, SEQUENCES),
    "first axis": ({"x": padded(), "y": cell(NAMES)}, list(padded())),
    "last axis": ({"x": np.moveaxis(padded(), 0, 2), "y": cell(NAMES)}, list(padded())),
    "rows": (
        {"x": np.arange(40.0).reshape(4, 10), "y": cell(NAMES)},
        list(np.arange(40.0).reshape(4, 10, 1)),
    ),
    "with others": (
        {"fs": 100.0, "x": cell(SEQUENCES), "y": cell(NAMES), "subject": [[1, 2, 3, 4]]},
        SEQUENCES,
    ),
    "and things of no use": ({"a": cell(SEQUENCES), "y": cell(NAMES), "s": eye_array(3), "c": 1j}, SEQUENCES),
}


@pytest.mark.parametrize("kind", LAYOUTS)
def test_layouts(kind):
    variables, expected = LAYOUTS[kind]
    found, _, notes = gathered(saved(**variables))
    assert found.labels == NAMES
    assert len(notes) >= 2
    for one, other in zip(found.sequences, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_train_and_test_in_one_file():
    # as the archive of multivariate series by Baydogan
    train, test = SEQUENCES[:2], SEQUENCES[2:]
    numbers = {"trainlabels": np.array([[1], [2]]), "testlabels": np.array([[2], [1]])}
    mts = {"train": cell([x.T for x in train]), "test": cell([x.T for x in test]), **numbers}
    found, options, _ = gathered(saved(mts=mts))
    assert (options.variable, options.label) == ("mts.{part}", "mts.{part}labels")
    assert dict(zip(found.ids, zip(found.parts, found.labels, strict=True), strict=True)) == {
        "a.mat/train/1": ("train", "1"),
        "a.mat/train/2": ("train", "2"),
        "a.mat/test/1": ("test", "2"),
        "a.mat/test/2": ("test", "1"),
    }
    np.testing.assert_array_equal(found.sequences[found.ids.index("a.mat/test/1")], test[0])
    new = files_of({"a.mat": saved(mts={"test": mts["test"]})})
    assert [len(each.values) for each in MAT.parse(new, "a.mat", options)] == list(map(len, test))


def test_one_sequence_a_file_in_folders_or_by_names():
    content = {each: saved(acc=values) for each, values in zip("abcd", SEQUENCES, strict=True)}
    folders = {f"{name}/{place}.mat": content[place] for place, name in zip("abcd", NAMES, strict=True)}
    found, options, _ = gathered(folders)
    assert options.label == -1
    assert sorted(found.labels) == ["down", "down", "up", "up"]
    parts = {
        f"{part}/{name}": content[place]
        for part, place in (("train", "a"), ("test", "b"))
        for name in ("x_1.mat", "y_1.mat")
    }
    found, options, _ = gathered(parts)
    assert dict(zip(found.ids, found.parts, strict=True))["train/x_1.mat/1"] == "train"
    assert found.labels == ["x", "y", "x", "y"]


def test_hdf5_of_others():
    out = BytesIO()
    with h5py.File(out, "w") as file:
        file["X_train"], file["X_test"] = padded()[:2], padded()[2:]
        file["y_train"], file["y_test"] = NAMES[:2], NAMES[2:]
        file["more/unused"] = np.eye(3)
        file["elsewhere"] = h5py.ExternalLink("/etc/passwd", "/x")
        file["nowhere"] = h5py.SoftLink("/no")
    found, options, _ = gathered({"a.h5": out.getvalue()})
    assert (options.variable, options.label, options.axis) == ("X_{part}", "y_{part}", 1)
    assert found.parts == ["train"] * 2 + ["test"] * 2
    assert found.labels == NAMES
    np.testing.assert_array_equal(np.stack(list(found.sequences)), padded())


def test_files_that_lead_elsewhere_are_not_followed(tmp_path):
    (tmp_path / "raw").write_bytes(bytes(80))
    layout = h5py.VirtualLayout((10,), "f8")
    layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "x", (10,))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", (10,), "f8", external=[(str(tmp_path / "raw"), 0, 80)])
        file.create_virtual_dataset("v", layout)
        file["l"] = h5py.ExternalLink("raw", "/x")
    with pytest.raises(DataError, match=r"x \(is kept in other files\)"):
        collect({"path": str(tmp_path / "a.h5"), "variable": "q", "label": "(a)"})
    with pytest.raises(DataError, match=r"v \(is kept in other files\)"):
        collect({"path": str(tmp_path / "a.h5"), "label": "(a)"})


def test_what_hdf5_only_says_to_be_there_takes_no_memory():
    out = BytesIO()
    with h5py.File(out, "w") as file:
        file.create_dataset("x", (10**6, 10**6), "f8", chunks=(1000, 1000))
    with pytest.raises(DataError, match="is it a bomb"):
        gathered({"a.h5": out.getvalue()})
    out = BytesIO()
    with h5py.File(out, "w") as file:
        references = np.empty((2,), h5py.ref_dtype)
        data = file.create_dataset("x", (2,), h5py.ref_dtype)
        references[:] = data.ref
        data[:] = references
        data.attrs["MATLAB_class"] = np.bytes_("cell")
    with pytest.raises(DataError, match="deep in one another"):
        gathered({"a.h5": out.getvalue()})


@pytest.mark.parametrize("chunks", [None, (2,)])
def test_texts_that_say_to_be_endless_take_no_memory(chunks):
    out = BytesIO()
    with h5py.File(out, "w") as file:
        file["x"] = padded()
        texts = file.create_dataset("y", (4,), h5py.string_dtype(), chunks=chunks)
        texts[:] = NAMES
        place = texts.id.get_offset() if chunks is None else texts.id.get_chunk_info(0).byte_offset
    content = bytearray(out.getvalue())
    found, _, _ = gathered({"a.h5": bytes(content)})
    assert found.labels == NAMES
    assert content[place : place + 4] == struct.pack("<I", len(NAMES[0]))
    content[place : place + 4] = b"\xff\xff\xff\x7f"
    with pytest.raises(DataError, match="is it a bomb"):
        gathered({"a.h5": bytes(content)})


def test_texts_whose_lengths_cannot_be_seen_are_refused():
    for options in ({"chunks": (4,), "compression": "lzf"}, {"userblock": 512}):
        out = BytesIO()
        with h5py.File(out, "w", userblock_size=options.pop("userblock", 0)) as file:
            file["x"] = padded()
            file.create_dataset("y", (4,), h5py.string_dtype(), data=NAMES, **options)
        with pytest.raises(DataError, match="text of any length"):
            gathered({"a.h5": out.getvalue()}, label="y")


def test_compressed_texts_are_read():
    out = BytesIO()
    with h5py.File(out, "w") as file:
        file["x"] = padded()
        file.create_dataset("y", (4,), h5py.string_dtype(), data=NAMES, chunks=(3,), compression="gzip")
    assert gathered({"a.h5": out.getvalue()})[0].labels == NAMES


def test_heaps_that_are_larger_than_the_file_are_refused(real_data):
    content = bytearray((real_data / "formats/hdf5/vlen_string_dset.h5").read_bytes())
    place = content.index(b"GCOL") + 8
    content[place : place + 8] = struct.pack("<Q", 1 << 40)
    with pytest.raises(DataError, match="a heap says that it has more bytes than the file"):
        gathered({"a.h5": bytes(content)})


def header() -> bytes:
    return b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x100) + b"IM"


def element(kind: int, content: bytes) -> bytes:
    return struct.pack("<II", kind, len(content)) + content + b"\0" * (-len(content) % 8)


def array(kind: int, shape: tuple[int, ...], inner: bytes, name: bytes = b"x") -> bytes:
    dimensions = struct.pack(f"<{len(shape)}i", *shape)
    return element(
        14, element(6, struct.pack("<II", kind, 0)) + element(5, dimensions) + element(1, name) + inner
    )


def nested(depth: int) -> bytes:
    inner = array(6, (1, 1), element(9, bytes(8)))
    for _ in range(depth):
        inner = array(1, (1, 1), inner)
    return inner


HOSTILE = {
    "cells that are not there": (header() + array(1, (1 << 30, 1), b""), "has 1,073,741,824 cells, which are not there"),
    "structs": (
        header() + array(2, (1 << 20, 1 << 10), element(5, struct.pack("<i", 8)) + element(1, b"abcdefg\0")),
        "cells, which are not there",
    ),
    "structs without fields": (
        header() + array(2, (1 << 20, 1 << 10), element(5, struct.pack("<i", 8)) + element(1, b"")), "it holds nothing",
    ),
    "numbers": (header() + array(6, (1 << 20, 1 << 20), element(9, bytes(8))), "x is 1048576x1048576, but has 8 bytes"),
    "deep": (header() + nested(100), "arrays more than 64 deep"),
    "very deep": (header() + nested(3000), "arrays more than 64 deep"),
    "bomb": (header() + element(15, zlib.compress(bytes(200_000_000), 9)), "is it a bomb"),
    "cut": (saved(x=cell(SEQUENCES))[:-50], "is damaged"),
    "version 4": (struct.pack("<5i", 0, 1 << 30, 1 << 30, 0, 2) + b"x\0" + bytes(8), "says that it has"),
    "no such file": (b"x" * 5000, "is no MAT file"),
    "negative": (header() + array(6, (-1, 3), element(9, bytes(8))), "a dimension is negative"),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_files_are_refused_before_memory_is_taken(kind):
    content, message = HOSTILE[kind]
    with pytest.raises(DataError, match=message):
        gathered({"a/a.mat": content, "b/b.mat": content})


def test_headers_that_are_written_by_hand_are_right():
    numbers = np.arange(6.0).reshape(2, 3)
    content = header() + array(6, (2, 3), element(9, numbers.tobytes("F")))
    np.testing.assert_array_equal(loadmat(BytesIO(content))["x"], numbers)
    [found] = read_tree(files_of({"a.mat": content}), "a.mat").fields["x"]
    np.testing.assert_array_equal(found, numbers)
    assert version(content) == "5"
    assert version(b"strange") is None


def plain(node: object) -> object:
    """A value of ours or of scipy's as lists."""
    if isinstance(node, Text):
        return list(node.rows)
    if isinstance(node, Cell):
        return list(map(plain, node.items))
    if isinstance(node, Struct):
        return {name: list(map(plain, values)) for name, values in node.fields.items()}
    assert isinstance(node, np.ndarray)
    if node.dtype.names:
        return {name: list(map(plain, node[name].ravel("F"))) for name in node.dtype.names}
    if node.dtype == object:
        return list(map(plain, node.ravel("F")))
    return [each.strip() for each in node.ravel("F")] if node.dtype.kind == "U" else node.tolist()


values = st.recursive(
    st.one_of(
        arrays(
            st.sampled_from(["f8", "f4", "i2", "u1", "i8"]), array_shapes(min_dims=2, max_dims=3, max_side=3)
        ).filter(lambda each: not np.isnan(each).any()),
        st.text(st.characters(codec="latin-1", exclude_categories=["Cc", "Zs"]), min_size=1, max_size=5),
    ),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(cell),
        st.dictionaries(st.sampled_from("abc"), inner, min_size=1),
    ),
    max_leaves=6,
)


@given(
    variables=st.dictionaries(st.sampled_from(["x", "yy", "z_1"]), values, min_size=1),
    compressed=st.booleans(),
)
@settings(max_examples=80)
def test_whatever_scipy_writes_is_read_as_scipy_reads_it(variables, compressed):
    out = BytesIO()
    savemat(out, variables, do_compression=compressed)
    expected = loadmat(BytesIO(out.getvalue()))
    found = read_tree(files_of({"a.mat": out.getvalue()}), "a.mat")
    assert set(found.fields) == set(variables)
    for name in variables:
        assert plain(found.fields[name][0]) == plain(expected[name])


@pytest.mark.parametrize(
    "name", ["test_mat4_le_floats", "testdouble_4.2c_SOL2", "big_endian", "testcell_6.1_SOL2", "A"]
)
def test_real_files_are_read_as_scipy_reads_them(real_data, name):
    path = real_data / f"formats/mat-v5/{name}.mat"
    found = read_tree(files_of({"a.mat": path.read_bytes()}), "a.mat")
    for each, value in loadmat(path).items():
        if not each.startswith("__"):
            assert plain(found.fields[each][0]) == plain(value)


OTHERS = Path(scipy.io.matlab.__file__).parent / "tests/data"
DAMAGED = ("bad_miuint32", "corrupted_zlib_checksum", "corrupted_zlib_data", "debigged_m4", "malformed1")


@pytest.mark.filterwarnings("ignore")  # what scipy thinks of some
@pytest.mark.skipif(not OTHERS.is_dir(), reason="scipy is installed without its tests")
def test_scipys_own_files_are_read_as_scipy_reads_them():
    equal = 0
    for path in sorted(OTHERS.glob("*.mat")):
        files = files_of({"a.mat": path.read_bytes()})
        if path.stem in DAMAGED:
            with pytest.raises(DataError, match="is damaged"):
                read_tree(files, "a.mat")
            continue
        found = read_tree(files, "a.mat")
        try:
            expected = loadmat(path)
        except (NotImplementedError, ValueError):  # HDF5; a name that is not ASCII
            continue
        for name, value in expected.items():
            with contextlib.suppress(AssertionError):  # functions, objects, complex and sparse matrices
                if not name.startswith("__") and value.size and "duplicate" not in path.stem:
                    ours, theirs = plain(found.fields[name][0]), plain(value)
                    if str(ours) != str(theirs):
                        pytest.fail(f"{path.name}: {name} is {ours}, but must be {theirs}")
                    equal += 1
    assert equal > 60


def test_texts_of_version_4_are_names():
    out = BytesIO()
    savemat(out, {"x": np.arange(12.0).reshape(2, 6), "y": np.array(["ab", "c"])}, format="4")
    found, _, _ = gathered(out.getvalue())
    assert found.labels == ["ab", "c"]
    assert found.sequences[1][:, 0].tolist() == list(range(6, 12))


BAD = {
    "no variable": ({"variable": "z"}, r"has no `z`; it holds x, y"),
    "no label": ({"label": "z"}, "has no `z`, which `label` names"),
    "text": ({"variable": "y"}, "y holds text"),
    "too few": ({"label": "few"}, "few has 2 values, but there are 4 sequences"),
    "no names": ({"label": "half"}, "half must be texts or whole numbers"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_said_must_be_there(kind):
    options, message = BAD[kind]
    content = saved(x=cell(SEQUENCES), y=cell(NAMES), few=[[1, 2]], half=[[0.5, 1, 2, 3]])
    with pytest.raises(DataError, match=message):
        gathered(content, **options)


def test_unlike_in_both_sizes_is_asked_about():
    content = saved(x=cell([np.ones((2, 3)), np.ones((4, 5))]), y=cell(["a", "b"]))
    with pytest.raises(DataError, match="say by `transposed`"):
        gathered(content)


ORIGINALS = [
    saved(x=cell(SEQUENCES), y=cell(NAMES)),
    saved(d=STRUCTS),
    header() + nested(2),
    header() + array(6, (1, 2), element(9, bytes(16))),
]
out = BytesIO()
savemat(out, {"x": np.eye(3), "y": "abc"}, format="4")
ORIGINALS.append(out.getvalue())
ORIGINALS.append(saved(plain=True, x=cell(SEQUENCES), y=cell(NAMES)))  # where a changed byte is one


@given(
    content=st.one_of(
        mutated(ORIGINALS), st.binary(max_size=300), st.binary(max_size=300).map(lambda each: header() + each)
    )
)
@settings(max_examples=400)
def test_damaged_files_are_refused_or_read(content):
    survive(MAT, {"a/a.mat": content, "b/b.mat": content})


@given(data=st.data())
@settings(max_examples=150)
def test_real_files_that_are_damaged(real_data, data):
    names = [
        *(each for each in REAL if "hdf5" in each),
        "mat-v5/testcell_6.1_SOL2.mat",
        "mat-v5/big_endian.mat",
    ]
    originals = [(real_data / "formats" / name).read_bytes() for name in names]
    survive(MAT, {"a/a.mat": data.draw(mutated(originals)), "b/b.mat": originals[0]})
