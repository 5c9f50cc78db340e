"""What a spec may say about a data set, and what comes of it."""

import os
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from seqsweep.seqmodels.data.dataset import SequenceDataset
from seqsweep.seqmodels.data.errors import DataError
from seqsweep.seqmodels.data.registry import FORMATS, format_names
from seqsweep.seqmodels.data.source import EMBEDDED, check_source, load, source_name
from tests.support.written import write_folder

STROKES = {f"{c}/{part}/1.txt": f"2 1 2 3 {n}" for n, c in enumerate("abc") for part in ("train", "dev")}


def test_a_path_is_relative_to_the_base(tmp_path, monkeypatch):
    write_folder(tmp_path / "in" / "pens", STROKES)
    data = load({"path": "pens", "format": "strokes"}, base=tmp_path / "in")
    assert (data.name, data.class_names) == ("pens", ("a", "b", "c"))
    absolute = load(
        {"path": str(tmp_path / "in/pens"), "format": "strokes", "name": "ink", "classes": ["c", "a"]}
    )
    assert (absolute.name, absolute.class_names) == ("ink", ("c", "a"))
    monkeypatch.chdir(tmp_path / "in")
    assert load({"path": "pens", "format": "strokes"}).fingerprint == data.fingerprint


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("x/pens", "pens"), ("pens/", "pens"), ("x/pens.tar.xz", "pens"), ("pens.tgz", "pens"), ("p.v2.tar", "p.v2"),
        ("Vowels_TRAIN.ts.gz", "Vowels"), ("Vowels_train.ts", "Vowels"), ("..", "data"), (".", "data"),
        ({"train": "x/V_TRAIN.ts", "test": "y.ts"}, "V"),
    ],
)  # fmt: skip
def test_a_name_comes_from_the_path(path, name):
    assert source_name({"path": path, "format": "ts"}) == name


@pytest.mark.parametrize("name", EMBEDDED)
def test_an_embedded_name_is_known(name):
    assert check_source(name) == []
    assert source_name(name) == name


def test_an_embedded_data_set_comes_from_its_generator(monkeypatch):
    made = SequenceDataset.from_sequences(
        "handwriting",
        [np.zeros((1, 2))],
        label=[0],
        class_names=["x"],
        ids=["1"],
        is_test=[True],
        synthetic=True,
    )
    generator = types.SimpleNamespace(generate=lambda: made)
    monkeypatch.setitem(sys.modules, "seqsweep.seqmodels.data.generators.handwriting", generator)
    found = load("handwriting")
    assert found.tokens is made.tokens
    assert found.reading == {"format": "strokes"}


def test_looking_at_a_source_loads_nothing_heavy():
    code = "import sys, seqsweep.seqmodels.data.source; print({'torch', 'scipy', 'pandas', 'ray'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


GOOD = {"path": "x", "format": "mfcc"}
NAMES = ", ".join(format_names())
GROUPED = " or ".join(each.name for each in FORMATS if "group" in each.options_type.model_fields)


@pytest.mark.parametrize(
    "source",
    [
        GOOD,
        {**GOOD, "name": "n", "classes": ["b", "a"], "group": "prefix"},
        {"path": {"train": "a", "test": "b"}, "format": "ts"},
        {"path": "x", "format": "ts", "classes": ("1", "2")},
        {"path": "x"},
        {"path": "x", "group": "prefix"},
    ],
)
def test_a_good_source_has_no_faults(source):
    assert check_source(source) == []


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("handwritting", "`handwritting` is no embedded data set (did you mean `handwriting`?); there are "
         "handwriting, syllables, or give a table with `path`"),
        (7, "a data set is `7`, but must be a name or a table with `path`"),
        ({"format": "ts"}, "`path` is missing"),
        ({**GOOD, "clases": ["a", "b"]}, "unknown key `clases` (did you mean `classes`?)"),
        ({**GOOD, "format": "mffc"}, f"`format` is 'mffc', but must be one of {NAMES} (did you mean `mfcc`?)"),
        ({**GOOD, "format": ["ts"]}, f"`format` is ['ts'], but must be one of {NAMES}"),
        ({**GOOD, "path": ""},
         "`path` is '', but must be a text that is not empty, a list of them, or a table of train, validation, test"),
        ({**GOOD, "path": {"train": "a", "tets": "b"}},
         "`path` is {'train': 'a', 'tets': 'b'}, but must be a text that is not empty, a list of them, or a table of "
         "train, validation, test"),
        ({"path": {"train": 7}, "format": "ts"},
         "`path` is {'train': 7}, but must be a text that is not empty, a list of them, or a table of "
         "train, validation, test"),
        ({**GOOD, "path": ["x", "https://me:secret@host/letters"]},
         "`path` is a URI, https://..., but of URIs only s3:// and gs:// are read: copy the data, and name the copy"),
        ({**GOOD, "path": {"train": "file:///letters", "test": "x"}},
         "`path` is a URI, file://..., but of URIs only s3:// and gs:// are read: copy the data, and name the copy"),
        ({**GOOD, "name": " "}, "`name` is ' ', but must be a text that is not empty"),
        ({**GOOD, "classes": "ab"}, "`classes` is 'ab', but must be a list of texts"),
        ({**GOOD, "classes": ["a", 1]}, "`classes` is ['a', 1], but must be a list of texts"),
        ({**GOOD, "classes": ["a", "b", "a"]}, "`classes` names a twice"),
        ({**GOOD, "classes": ["a"]}, "`classes` has 1 class(es), but must have at least 2"),
        ({**GOOD, "group": "speaker"},
         "`group` is 'speaker', but must be 'prefix'"),
        ({"path": "x", "format": "unipen", "group": "wrter"},
         "`group` is 'wrter', but must be `writer` or a regular expression with one group in parentheses, which is the name, "
         "but has 0"),
        ({"path": "x", "format": "folder", "label": "(a)(b)"},
         "`label` is '(a)(b)', but must be `file` or a regular expression with one group in parentheses, which is the name, "
         "but has 2"),
        ({"path": "x", "format": "kaldi", "group": "(a"},
         "`group` is '(a', but must be a regular expression: missing ), unterminated subpattern at position 0"),
        ({"path": "x", "format": "ts", "group": "prefix"}, f"`group` is only known for the format {GROUPED}"),
    ],
)  # fmt: skip
def test_each_fault_of_a_source_is_said(source, fault):
    assert check_source(source) == [fault]
    if isinstance(source, str | dict):
        with pytest.raises(DataError) as caught:
            load(source, base=Path("nowhere"))
        assert str(caught.value) == f"data set: {fault}"


def test_all_faults_are_listed():
    source = {"pth": "x", "format": "stroke", "classes": []}
    assert len(check_source(source)) == 4


def test_names_that_are_no_text_are_refused(tmp_path):
    bad = os.fsdecode(b"pens\xe9")
    write_folder(tmp_path / bad, STROKES)
    with pytest.raises(DataError) as caught:
        load({"path": str(tmp_path / bad), "format": "strokes"})
    assert str(caught.value) == (
        r"data set: its name, `pens\udce9`, comes from its path and is not UTF-8: give it another by `name`"
    )
    assert load({"path": str(tmp_path / bad), "format": "strokes", "name": "pens"}).name == "pens"
    write_folder(
        tmp_path / "set", {**STROKES, **{f"{bad}/{each}/1.txt": "1 1 1" for each in ("train", "dev")}}
    )
    with pytest.raises(DataError) as caught:
        load({"path": str(tmp_path / "set"), "format": "strokes"})
    assert str(caught.value) == rf"{tmp_path}/set/pens\udce9: the folder name is not UTF-8"
    with pytest.raises(ValueError, match="a class name is not UTF-8"):
        SequenceDataset.from_sequences(
            "x",
            [np.zeros((1, 1))] * 2,
            label=[0, 1],
            class_names=["a", bad],
            ids=["1", "2"],
            is_test=[False, True],
        )
