"""Sequences to predict: every form they come in, and every fault named by file and line."""

import gzip
import io
import json
import os
from pathlib import Path

import numpy as np
import pytest

from seqsweep.seqmodels.data.errors import Problem
from seqsweep.seqmodels.data.formats.base import RawSequence
from seqsweep.seqmodels.data.inputs import read_file, read_stream

TS = "@problemName x\n@dimensions 2\n{label}@data\n1,2,3:4,5,6{first}\n7:8{second}\n"


def good(found: list[RawSequence | Problem]) -> list[RawSequence]:
    assert all(isinstance(each, RawSequence) for each in found), found
    return found  # type: ignore[return-value]


def told(found: list[RawSequence | Problem]) -> list[str]:
    return [str(each) for each in found if isinstance(each, Problem)]


def test_one_sequence_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("3 1 2 3 4 5 6.5\n")
    (tmp_path / "a.mfcc").write_text("1 2\n3 4\n")
    (tmp_path / "a.mfcc.gz").write_bytes(gzip.compress(b"1 2\n3 4\n"))
    [stroke] = good(list(read_file(tmp_path / "a.txt", "strokes")))
    assert stroke.id == stroke.where == str(tmp_path / "a.txt")
    assert stroke.values.tolist() == [[1, 2], [3, 4], [5, 6.5]]
    for name in ("a.mfcc", "a.mfcc.gz"):
        [segment] = good(list(read_file(tmp_path / name, "mfcc")))
        assert segment.values.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("label", "first", "second"),
    [
        ("@classLabel true a b\n", ":a", ":b"),
        ("@classLabel false\n", "", ""),
        ("", "", ""),
    ],
)
def test_a_ts_file_needs_no_labels(label: str, first: str, second: str, tmp_path: Path) -> None:
    (tmp_path / "x.ts").write_text(text := TS.format(label=label, first=first, second=second))
    one, two = good(list(read_file(tmp_path / "x.ts", "ts")))
    assert one.values.tolist() == [[1, 4], [2, 5], [3, 6]]
    assert two.values.tolist() == [[7, 8]]
    line = text.splitlines().index("7:8" + second) + 1
    assert two.id == two.where == f"{tmp_path / 'x.ts'}:{line}"


def test_json_lines(tmp_path: Path) -> None:
    lines = [
        {"id": "one", "values": [[1, 2.5]]},
        {"values": [[1], [2]]},
        {"id": 7, "values": [[0]], "more": None},
    ]
    (tmp_path / "x.jsonl").write_text("\n\n".join(map(json.dumps, lines)) + "\n")
    found = good(list(read_file(tmp_path / "x.jsonl", "mfcc")))
    assert [each.id for each in found] == ["one", f"{tmp_path / 'x.jsonl'}:3", "7"]
    assert [each.values.tolist() for each in found] == [[[1, 2.5]], [[1], [2]], [[0]]]
    assert {each.values.dtype for each in found} == {np.dtype(np.float64)}


def test_standard_input_is_one_file_or_json_lines() -> None:
    [stroke] = good(list(read_stream(io.BytesIO(b"2 1 2 3 4\n"), "strokes")))
    assert (stroke.id, stroke.values.tolist()) == ("standard input", [[1, 2], [3, 4]])
    [segment] = good(list(read_stream(io.BytesIO(b"1 2\n3 4\n"), "mfcc")))
    assert segment.values.tolist() == [[1, 2], [3, 4]]
    text = TS.format(label="", first="", second="").encode()
    assert [each.id for each in good(list(read_stream(io.BytesIO(text), "ts")))] == [
        "standard input:4",
        "standard input:5",
    ]
    lines = b'{"id": "a", "values": [[1]]}\n{"id": "b", "values": [[2]]}\n'
    assert [each.id for each in good(list(read_stream(io.BytesIO(lines), "strokes")))] == ["a", "b"]


def test_json_lines_are_read_as_they_are_needed() -> None:
    given = iter([b'{"id": "a", "values": [[1]]}\n', b'{"id": "b", "values": [[2]]}\n'])
    found = read_stream(given, "strokes")
    assert next(found).id == "a"  # type: ignore[union-attr]
    assert next(given), "the second line was not asked for yet"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("nonsense", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ('"\\ud800', "is not JSON"),
        ("[1]", 'must be an object like {"id"'),
        ('{"id": "a"}', 'must be an object like {"id"'),
        ('{"id": "", "values": [[1]]}', "`id` must be a text"),
        ('{"id": true, "values": [[1]]}', "`id` must be a text"),
        ('{"id": ["a"], "values": [[1]]}', "`id` must be a text"),
        ('{"values": []}', "`values` must be a list of rows"),
        ('{"values": "abc"}', "`values` must be a list of rows"),
        ('{"values": [1, 2]}', "`values`, row 1 must be a list of numbers"),
        ('{"values": [[]]}', "`values`, row 1 must be a list of numbers"),
        ('{"values": [[1, 2], [3]]}', "`values`, row 2 has 1 numbers, but row 1 has 2"),
        (
            '{"values": [[1, 2], [3, null]]}',
            "`values`, row 2 has null at place 2, but must have finite numbers",
        ),
        ('{"values": [[1, "2"]]}', '`values`, row 1 has "2" at place 2'),
        ('{"values": [[true]]}', "`values`, row 1 has true at place 1"),
        ('{"values": [[NaN]]}', "`values`, row 1 has NaN at place 1"),
        ('{"values": [[1e39]]}', "`values`, row 1 has 1e+39 at place 1"),
        ('{"values": [[1' + "0" * 400 + "]]}", "`values`, row 1 has 10000"),
        ('{"values": [[1' + "0" * 5000 + "]]}", "is not JSON"),
    ],
)
def test_a_bad_line_is_named_and_the_others_are_read(line: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text(
        f'{{"id": "a", "values": [[1]]}}\n{line}\n{{"id": "b", "values": [[2]]}}\n'
    )
    found = list(read_file(tmp_path / "x.jsonl", "strokes"))
    [problem] = told(found)
    assert problem.startswith(f"{tmp_path / 'x.jsonl'}:2: ")
    assert words in problem
    assert [each.id for each in found if isinstance(each, RawSequence)] == ["a", "b"]


def test_a_line_that_is_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_bytes(b'{"id": "\xff", "values": [[1]]}\n')
    [problem] = told(list(read_file(tmp_path / "x.jsonl", "strokes")))
    assert f"{tmp_path / 'x.jsonl'}:1: is not JSON" in problem


def test_faults_of_files_are_those_of_the_readers(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("2 1 2 3\n")
    (tmp_path / "a.mfcc").write_text("1 2\n3 x\n")
    (tmp_path / "a.ts").write_text("@data\n1,2\n1,x\n")
    (tmp_path / "folder").mkdir()
    faults = {
        ("a.txt", "strokes"): "a.txt:1: N is 2, so 4 coordinates must follow, but there are 3",
        ("a.mfcc", "mfcc"): "a.mfcc:2: value 2 is `x`, but must be a number",
        ("a.ts", "ts"): "a.ts:3: channel 1, value 2 is `x`",
        ("none.txt", "strokes"): "none.txt: no such file",
        ("none.jsonl", "strokes"): "none.jsonl: no such file",
        ("folder", "strokes"): "folder: is a folder: name its files",
        ("a.mfcc", "strokes"): "a.mfcc: is a mfcc file, but the model reads strokes",
        ("a.txt", "ts"): "a.txt: is a strokes file, but the model reads ts",
    }
    for (name, form), fault in faults.items():
        [problem] = told(list(read_file(tmp_path / name, form)))
        assert str(tmp_path / fault.partition(":")[0]) + ":" + fault.partition(":")[2] in problem


def test_what_a_reader_fills_in_is_said_of_inputs_too(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a.ts").write_text("@data\n1,?,3\n")
    with caplog.at_level("INFO", "seqsweep.seqmodels.data"):
        [found] = read_file(tmp_path / "a.ts", "ts")
    assert found.values.tolist() == [[1], [2], [3]]
    assert caplog.messages == [
        "a.ts: 1 missing value(s) in 1 sequence(s) are filled in on the line between their neighbours"
    ]


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl", "a.mfcc.gz"])
def test_a_fifo_is_refused_and_does_not_hang(tmp_path, name):
    os.mkfifo(tmp_path / name)
    [problem] = read_file(tmp_path / name, "mfcc" if "mfcc" in name else "strokes")
    assert str(problem) == f"{tmp_path / name}: is a FIFO, not a file"


def test_what_a_shell_writes_to_a_pipe_is_read():
    reading, writing = os.pipe()
    os.write(writing, b"1 2 3\n")
    os.close(writing)
    try:
        [sequence] = read_file(Path(f"/dev/fd/{reading}"), "mfcc")
        assert sequence.values.tolist() == [[1, 2, 3]]
    finally:
        os.close(reading)


def test_compressed_json_lines_are_read(tmp_path):
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"values": [[1, 2]]}\n\n{"values": [[3]]}'))
    assert [each.id for each in read_file(path, "mfcc")] == [f"{path}:1", f"{path}:3"]
