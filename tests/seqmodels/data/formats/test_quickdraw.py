"""Quick, Draw!: real drawings, the suite, and damaged lines."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqsweep.seqmodels.data.errors import DataError
from seqsweep.seqmodels.data.formats.quickdraw import QUICKDRAW, QuickDrawOptions
from seqsweep.seqmodels.data.inputs import read_file, read_stream
from seqsweep.seqmodels.data.source import collect
from seqsweep.seqmodels.testing.data_conformance import Data
from tests.seqmodels.data.formats.ink_suite import InkSuite
from tests.support.mutated import files_of, mutated, survive

GOOD = {
    "word": "bus",
    "key_id": "7",
    "recognized": True,
    "countrycode": "DE",
    "drawing": [[[1, 2], [3, 4.5]], [[9], [8]]],
}


class TestQuickDraw(InkSuite):
    format = QUICKDRAW

    def write(self, root: Path, data: Data) -> None:
        for part in ("train", "test"):
            (root / part).mkdir(parents=True)
            for (name, place), sequences in data.items():
                if place == part:
                    lines = [json.dumps({"word": name, "drawing": [each.T.tolist()]}) for each in sequences]
                    (root / part / f"{name}.ndjson").write_text("\n".join(lines))


def gathered(*drawings: object, **options: object):
    content = "\n".join(each if isinstance(each, str) else json.dumps(each) for each in drawings).encode()
    return QUICKDRAW.gather(files_of({"a.ndjson": content}), QuickDrawOptions(**options))


def test_real_drawings(real_data):
    found, form, _ = collect({"path": str(real_data / "formats/quickdraw"), "time": True})
    assert form is QUICKDRAW
    assert found.features == ("x", "y", "time", "pen_up")
    for word, drawings, strokes, points, first, last in (
        ("syringe", 26, 128, 3750, (628.82, 257.601, 0), (180, 200, 8786)),
        ("school bus", 11, 105, 3637, (424, 131, 1), (255, 366, 12330)),
    ):
        own = [each for each, label in zip(found.sequences, found.labels, strict=True) if label == word]
        assert len(own) == drawings
        assert sum(map(len, own)) == points
        assert sum(each[:, -1].sum() for each in own) == strokes
        assert all(each[-1, -1] == 1 for each in own)
        np.testing.assert_allclose(own[0][0, :3], first, atol=1e-3)
        every = [each[-1, :3].tolist() for each in own]
        assert list(last) in every
    ends = np.flatnonzero(found.sequences[found.labels.index("syringe")][:, -1]) + 1
    assert np.diff([0, *ends]).tolist() == [150, 50, 9, 7, 9]


def test_drawings_that_were_not_recognised_are_left_out_and_counted(real_data):
    source = {"path": str(real_data / "formats/quickdraw"), "recognised": True, "group": "countrycode"}
    found, _, _ = collect(source)
    assert len(found) == 36
    assert "1 drawing(s) that were not recognised when they were drawn are left out" in found.notes
    assert "US" in found.groups
    assert found.features == ("x", "y", "pen_up")


def test_strokes_are_joined_with_the_pen_lifted_between_them():
    found = gathered(GOOD, {**GOOD, "key_id": "8", "drawing": [[[1], [2]], [[], []]]})
    assert found.sequences[0].tolist() == [[1, 3, 0], [2, 4.5, 1], [9, 8, 1]]
    assert found.sequences[0].dtype == np.float32
    assert found.sequences[1].tolist() == [[1, 2, 1]]
    assert found.ids == ["a.ndjson/7", "a.ndjson/8"]
    assert found.places == ["set/a.ndjson:1", "set/a.ndjson:2"]
    assert found.notes == ("1 stroke(s) without points are passed over",)
    assert gathered({**GOOD, "drawing": [[[0.1], [1]]]}).sequences[0][0, 0] == 0.1


BAD = {
    "no JSON": ("{", "is not JSON"),
    "deep": ("[" * 100_000, "is not JSON"),
    "a list": ([], "must be an object like"),
    "no drawing": ({"word": "x"}, "must be an object like"),
    "empty drawing": ({**GOOD, "drawing": []}, "`drawing` must be a list of strokes, at least 1"),
    "no class": ({**GOOD, "word": None}, "has no `word`"),
    "word is a number": ({**GOOD, "word": 3}, "`word` must be a text"),
    "key is a number": ({**GOOD, "key_id": 3}, "`key_id` must be a text"),
    "ragged": ({**GOOD, "drawing": [[[1, 2], [3]]]}, "stroke 1 must be .* lists of equally many numbers"),
    "one column": ({**GOOD, "drawing": [[[1, 2]]]}, r"stroke 1 must be \[xs, ys\]"),
    "words": ({**GOOD, "drawing": [[[1, "x"], [3, 4]]]}, "stroke 1 has `\"x\"`, but must have numbers"),
    "true": ({**GOOD, "drawing": [[[1, True], [3, 4]]]}, "stroke 1 has `true`, but must have numbers"),
    "null": ({**GOOD, "drawing": [[[1, None], [3, 4]]]}, "stroke 1 has `null`, but must have numbers"),
    "endless": ({**GOOD, "drawing": [[[10**400], [3]]]}, "does not fit float32"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_each_fault_is_one_problem_of_its_line(kind):
    line, message = BAD[kind]
    with pytest.raises(DataError, match=message) as caught:
        gathered(GOOD, line)
    assert [each.where for each in caught.value.problems] == ["set/a.ndjson:2"]


def test_times_are_asked_of_files_that_have_none():
    with pytest.raises(DataError, match="simplified drawings have no times: leave out `time`"):
        gathered(GOOD, time=True)


def test_a_model_reads_drawings_of_no_class(tmp_path):
    line = json.dumps({"drawing": GOOD["drawing"]})
    (tmp_path / "new.ndjson").write_text(line + "\n\n" + line)
    found = list(read_file(tmp_path / "new.ndjson", "quickdraw"))
    assert [each.values.tolist() for each in found] == [[[1, 3, 0], [2, 4.5, 1], [9, 8, 1]]] * 2
    assert [each.where.rpartition(":")[2] for each in found] == ["1", "3"]
    streamed = list(read_stream(iter([line.encode()]), "quickdraw"))
    assert streamed[0].values.tolist() == found[0].values.tolist()
    values = b'{"values": [[1, 2, 0]]}'
    assert next(iter(read_stream(iter([values]), "quickdraw"))).values.tolist() == [[1, 2, 0]]


ORIGINALS = [
    json.dumps(GOOD).encode(),
    (json.dumps(GOOD) + "\n" + json.dumps({**GOOD, "word": "b"})).encode(),
]
WORDS = [b"NaN", b"1e400", b"null", b"[]", b"{}", b"-0", b"9" * 5000, b'"drawing":', b"\n"]


@given(content=st.one_of(mutated(ORIGINALS, WORDS), st.binary(max_size=300)))
@settings(max_examples=150)
def test_damaged_drawings_are_refused_or_read(content):
    survive(QUICKDRAW, {"a.ndjson": content})
