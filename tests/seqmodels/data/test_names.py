"""Names are compared as people see them."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqsweep.seqmodels.data.errors import DataError
from seqsweep.seqmodels.data.formats.strokes import STROKES
from seqsweep.seqmodels.data.names import lookalikes, match, on_disk, seen, spelled
from seqsweep.seqmodels.data.source import check_source, load
from tests.seqmodels.data.test_format_ts import GOOD
from tests.support.reading import read
from tests.support.written import write_folder

COMPOSED, APART = "caf\u00e9", "cafe\u0301"


@given(st.text())
def test_composed_and_decomposed_are_one_name(name):
    assert (
        seen(unicodedata.normalize("NFD", name))
        == seen(unicodedata.normalize("NFC", name))
        == seen(f" {name}\u200b ")
    )
    assert seen(seen(name)) == seen(name)


def test_matches_and_lookalikes():
    assert match(APART, ["a", COMPOSED]) == COMPOSED
    assert match(COMPOSED, [APART, COMPOSED]) == COMPOSED
    assert match("A", ["a"]) is None
    assert lookalikes(["a", COMPOSED, "A", APART]) == [(COMPOSED, APART)]
    assert spelled(APART) == r"'cafe\u0301'"


def test_classes_are_found_by_either_spelling_and_doubles_are_named(tmp_path):
    tree = {f"{name}/{part}/1.txt": "1 1 1" for name in ("a", APART) for part in ("train", "dev")}
    root = write_folder(tmp_path, tree)
    assert read(STROKES, root, name="set", classes=[COMPOSED, "a"]).class_names == (APART, "a")
    write_folder(tmp_path, {f"{COMPOSED}/{part}/1.txt": "1 1 1" for part in ("train", "dev")})
    with pytest.raises(
        DataError, match=r"two classes that look the same, 'cafe\\u0301' and 'caf\\xe9': put them into one"
    ):
        read(STROKES, root, name="set")
    table = {"path": "x", "format": "strokes", "classes": [COMPOSED, APART]}
    assert check_source(table) == [f"`classes` names {COMPOSED} twice"]


def test_a_path_is_found_by_either_spelling(tmp_path):
    write_folder(tmp_path / APART / COMPOSED, GOOD)
    assert on_disk(tmp_path / COMPOSED / APART) == tmp_path / APART / COMPOSED
    assert load({"path": f"{COMPOSED}/{APART}", "format": "ts"}, base=tmp_path).sequence_count == 4
    assert on_disk(tmp_path / "none" / "x") == tmp_path / "none" / "x"
