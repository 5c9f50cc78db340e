"""The real data sets, held against the counts that their own READMEs measured."""

import gzip
import re
import tarfile

import numpy as np
import pytest

from seqsweep.seqmodels.data.dataset import SequenceDataset
from seqsweep.seqmodels.data.source import load
from seqsweep.seqmodels.data.splits import split

SOURCES = {
    "handwriting": {"path": "handwriting-kannada-telugu/handwriting.tar.xz", "format": "strokes"},
    "cv": {"path": "cv-hindi-5/cv-hindi-5.tar.xz", "format": "mfcc", "group": "prefix"},
    "vowels": {"path": "japanese-vowels", "format": "ts"},
}
REPORT = ["a", "ai", "bA", "chA", "tA"]  # the reference report's five of the seven characters


@pytest.fixture(scope="module")
def handwriting(real_data) -> SequenceDataset:
    return load(SOURCES["handwriting"], base=real_data)


@pytest.fixture(scope="module")
def cv(real_data) -> SequenceDataset:
    return load(SOURCES["cv"], base=real_data)


@pytest.fixture(scope="module")
def vowels(real_data) -> SequenceDataset:
    return load(SOURCES["vowels"], base=real_data)


def measured(data: SequenceDataset, is_test: bool) -> tuple[int, int, float, int, int]:
    """Sequences; length min, median, max; tokens in all."""
    length = data.length[data.is_test == is_test]
    return len(length), length.min(), np.median(length), length.max(), length.sum()


def per_class(data: SequenceDataset, is_test: bool) -> list[int]:
    return np.bincount(data.label[data.is_test == is_test], minlength=data.class_count).tolist()


def test_handwriting_all_seven_classes(handwriting):
    data = handwriting
    assert data.class_names == ("a", "ai", "bA", "chA", "dA", "lA", "tA")
    assert measured(data, is_test=False) == (482, 19, 73.5, 178, 37130)
    assert measured(data, is_test=True) == (140, 41, 70, 124, 9954)
    assert per_class(data, is_test=False) == [69, 70, 67, 70, 69, 68, 69]
    assert per_class(data, is_test=True) == [20] * 7
    assert data.feature_count == 2
    for index in range(data.sequence_count):
        assert data.sequence(index).min(0).tolist() == [0, 0]
        assert data.sequence(index).max(0).tolist() == [1, 1]


def test_handwriting_as_in_the_reference_report(real_data):
    data = load({**SOURCES["handwriting"], "classes": REPORT}, base=real_data)
    assert data.class_names == tuple(REPORT)
    assert measured(data, is_test=False) == (345, 19, 77, 178, 27852)
    assert measured(data, is_test=True) == (100, 50, 73, 124, 7502)


def test_cv_segments(cv):
    assert cv.class_names == ("ba", "ka", "kaa", "sa", "tA")
    assert measured(cv, is_test=False) == (1934, 7, 25, 79, 51505)
    assert measured(cv, is_test=True) == (483, 7, 25, 76, 12968)
    assert per_class(cv, is_test=False) == [290, 383, 510, 343, 408]
    assert per_class(cv, is_test=True) == [72, 96, 127, 86, 102]
    medians = [
        [np.median(cv.length[(cv.label == label) & (cv.is_test == test)]) for label in range(5)]
        for test in (False, True)
    ]
    assert np.floor(medians).tolist() == [[20, 21, 29, 26, 28], [21, 22, 29, 25, 28]]
    # the row sums of the reference report's confusion matrices: test frames of each class
    frames = np.bincount(cv.label[cv.is_test], cv.length[cv.is_test])
    assert frames.tolist() == [1562, 2117, 3918, 2305, 3066]
    assert cv.feature_count == 39
    assert np.unique(cv.group).tolist() == list(range(1, 20))
    train = np.concatenate([cv.sequence(i) for i in np.flatnonzero(~cv.is_test)]).astype(np.float64)
    assert train.mean(0) == pytest.approx(np.zeros(39), abs=1e-6)
    assert train.std(0) == pytest.approx(np.ones(39), abs=1e-6)


def test_japanese_vowels(real_data, vowels):
    data = vowels
    assert data.class_names == tuple("123456789")
    assert measured(data, is_test=False)[:4] == (270, 7, 15, 26)
    assert measured(data, is_test=True)[:4] == (370, 7, 15, 29)
    assert per_class(data, is_test=False) == [30] * 9
    assert per_class(data, is_test=True) == [31, 35, 88, 44, 29, 24, 40, 50, 29]
    assert data.feature_count == 12
    packed = real_data / "japanese-vowels/JapaneseVowels_TEST.ts.gz"
    text = gzip.decompress(packed.read_bytes()).decode()
    last = text.rstrip().rpartition("\n")[2].rpartition(":")[0]
    raw = np.array([re.findall(r"[-\d.eE]+", channel) for channel in last.split(":")], float).T
    mean, std = (np.array(data.normalization[key]) for key in ("mean", "std"))
    assert data.sequence(639) * std + mean == pytest.approx(raw, abs=1e-5)


def test_an_unpacked_archive_is_the_same_data(real_data, tmp_path, handwriting, cv):
    for name, packed in [("handwriting", handwriting), ("cv", cv)]:
        with tarfile.open(real_data / SOURCES[name]["path"]) as archive:
            archive.extractall(tmp_path / name, filter="data")
        unpacked = load({**SOURCES[name], "path": name}, base=tmp_path)
        assert unpacked.fingerprint == packed.fingerprint


def test_fingerprints_stay(handwriting, cv, vowels):
    """Trial ids hang on them: a change makes every unfinished sweep of these data sets start again."""
    assert [data.fingerprint[:16] for data in (handwriting, cv, vowels)] == [
        "d871873cf3340968",
        "91dffae35686a212",
        "1e4a68ebad428826",
    ]


@pytest.mark.parametrize("seed", range(5))
def test_a_split_by_speaker_is_balanced(cv, seed):
    parts = split(cv, seed=seed, by_group=True)
    assert not set(cv.group[parts.train]) & set(cv.group[parts.validation])
    share = np.bincount(cv.label[parts.validation]) / per_class(cv, is_test=False)
    assert (np.abs(share - 0.2) < 0.03).all()
