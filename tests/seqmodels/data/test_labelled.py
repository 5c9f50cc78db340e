"""Labelled data for an evaluation: the same sequences as training reads, from more kinds of folders."""

import gzip
import tarfile
from pathlib import Path

import numpy as np
import pytest

from seqsweep.seqmodels.data.errors import DataError
from seqsweep.seqmodels.data.inputs import read_labelled
from seqsweep.seqmodels.data.registry import normalize
from seqsweep.seqmodels.data.source import load

HANDWRITING = "handwriting-kannada-telugu/handwriting.tar.xz"


def flat(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("2 1 2 3 4\n")
    return root


@pytest.mark.parametrize(("path", "form"), [(HANDWRITING, "strokes"), ("japanese-vowels", "ts")])
def test_real_data_are_what_training_reads(path: str, form: str, real_data: Path) -> None:
    compare(real_data / path, form)


def compare(path: Path, form: str) -> None:
    data = load({"path": str(path), "format": form})
    test = [index for index in range(data.sequence_count) if data.is_test[index]]
    found = {each.id: each for each in read_labelled(path, form)}
    assert sorted(found) == sorted(data.ids[index] for index in test)
    for index in test:
        each = found[data.ids[index]]
        assert each.label == data.class_names[data.label[index]]
        scaled = normalize(each.values, data.normalization).astype(np.float32)
        np.testing.assert_array_equal(scaled, data.sequence(index))  # the same bits


def test_segments_are_what_training_reads(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    for name in ("ka/Train/1", "ka/Test/2", "sa/Train/1", "sa/Test/1", "sa/Test/2"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        np.savetxt(tmp_path / f"{name}.mfcc", draw.normal(-40, 7, size=(draw.integers(1, 9), 5)))
    compare(tmp_path, "mfcc")


def test_parts(tmp_path: Path) -> None:
    flat(
        tmp_path, "a/train/1.txt", "a/dev/2.txt", "b/TRAIN/3.txt", "b/Test/4.txt", "Mapping.txt", "a/notes.md"
    )
    ids = {
        part: [each.id for each in read_labelled(tmp_path, "strokes", part)]
        for part in ("train", "test", "all")
    }
    assert ids["train"] == ["a/train/1.txt", "b/TRAIN/3.txt"]
    assert ids["test"] == ["a/dev/2.txt", "b/Test/4.txt"]
    assert sorted(ids["train"] + ids["test"]) == sorted(ids["all"])


@pytest.mark.parametrize("part", ["test", "train", "all"])
def test_classes_without_parts_belong_to_any(part: str, tmp_path: Path) -> None:
    flat(tmp_path / "data", "a/1.txt", "b/2.txt", "Mapping.txt")
    assert [(each.id, each.label) for each in read_labelled(tmp_path, "strokes", part)] == [
        ("a/1.txt", "a"),
        ("b/2.txt", "b"),
    ]
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "data", "data")
    assert [each.label for each in read_labelled(tmp_path / "x.tar.gz", "strokes", part)] == ["a", "b"]


def test_a_named_ts_file_is_read_whole(real_data: Path, tmp_path: Path) -> None:
    for part, count in (("TRAIN", 270), ("TEST", 370)):
        packed = real_data / "japanese-vowels" / f"JapaneseVowels_{part}.ts.gz"
        (tmp_path / "other.ts").write_bytes(gzip.decompress(packed.read_bytes()))
        for path in (packed, tmp_path / "other.ts"):
            found = read_labelled(path, "ts")
            assert len(found) == count
            assert found[0].where.startswith(f"{path}:")
    assert len(read_labelled(real_data / "japanese-vowels", "ts", "all")) == 640


def test_faults(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    flat(tmp_path / "two", "x/a/train/1.txt", "y/a/train/1.txt")
    flat(tmp_path / "train", "a/train/1.txt", "b/train/1.txt")
    flat(tmp_path / "one", "test/1.txt")
    bad = flat(tmp_path / "bad", "a/1.txt", "a/2.txt")
    (bad / "a/1.txt").write_text("x")
    (bad / "a/2.txt").write_text("1 2")
    faults = {
        "empty": r"holds no files <class>/FILE or <class>/test/FILE that end in .txt; the model reads strokes",
        "two": "holds several data sets, name one of them: .*two/x, .*two/y",
        "train": "holds no files <class>/FILE or <class>/test/FILE",
        "one": "holds files, but no folders of classes",
        "bad": r"a/1.txt:1: value 1 is `x`[^\n]*\n[^\n]*a/2.txt:1: N is 1, so 2",
        "none": "no such file or folder",
    }
    for name, fault in faults.items():
        with pytest.raises(DataError, match=fault):
            read_labelled(tmp_path / name, "strokes")
    with pytest.raises(DataError, match=r"no file \.\.\._TRAIN\.ts"):
        read_labelled(tmp_path / "empty", "ts")
