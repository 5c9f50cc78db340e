"""JSON lines: an object a line, whatever its keys are called; json is the oracle."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.formats.base import RawSequence
from seqsweep.seqmodels.data.formats.jsonl import JSONL
from seqsweep.seqmodels.data.inputs import read_file, read_stream
from seqsweep.seqmodels.data.source import collect
from seqsweep.seqmodels.testing.data_conformance import Data, FormatSuite


class TestJsonLines(FormatSuite):
    format = JSONL

    def write(self, root: Path, data: Data) -> None:
        root.mkdir()
        lines = [
            json.dumps({"values": values.tolist(), "label": name, "split": part})
            for (name, part), sequences in data.items()
            for values in sequences
        ]
        (root / "all.jsonl").write_text("\n".join(lines) + "\n")


def problems_of(path: Path, **table: Any) -> list[str]:
    with pytest.raises(DataError) as caught:
        collect({"path": str(path), "format": "jsonl", **table})
    return [str(each).replace(str(path.parent) + "/", "") for each in caught.value.problems]


def test_gestures(real_data: Path) -> None:
    folder = real_data / "formats/jsonl"
    found, form, options = collect({"path": str(folder)})
    assert form is JSONL
    assert options.model_dump(exclude_none=True) == {
        "label": "gesture",
        "features": ["accel_ms2_xyz"],
        "group": "name",
    }
    assert found.parts == ["test"] * 30 + ["validation"] * 30
    assert [each.shape for each in found.sequences] == [(40, 3)] * 60
    assert found.sequences[0][0].tolist() == [-180.36, -467.59, 1712.66]
    assert found.sequences[30][0].tolist() == [-42.74, -624.99, 1486.96]
    sums = [sum(each.sum() for each in found.sequences[begin : begin + 30]) for begin in (0, 30)]
    assert sums == pytest.approx([66_230.657792, 86_149.906985])
    for count in (found.labels, found.groups or []):
        assert sorted(count.count(each) for each in set(count)) == [12] * 5
    lines = (folder / "test").read_text().splitlines() + (folder / "valid.jsonl").read_text().splitlines()
    for values, label, line in zip(found.sequences, found.labels, map(json.loads, lines), strict=True):
        assert values.tolist() == line["accel_ms2_xyz"]
        assert label == line["gesture"]


def test_packed_numbers_whole_and_not_and_a_key_a_feature(tmp_path: Path) -> None:
    lines = [
        {"id": "one", "class": "a", "x": [1, 2], "y": [0.5, 1]},
        {"id": "two", "class": "b", "x": [1.25], "y": [None]},
    ]
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress("\n".join(map(json.dumps, lines)).encode()))
    found, _, _ = collect({"path": str(tmp_path)})
    assert (found.ids, found.labels, found.features) == (["one", "two"], ["a", "b"], ("x", "y"))
    assert found.sequences[0].tolist() == [[1, 0.5], [2, 1]]
    np.testing.assert_array_equal(found.sequences[1], [[1.25, np.nan]])


def test_a_time_step_a_line(tmp_path: Path) -> None:
    lines = [{"id": place // 3, "label": "ab"[place // 6], "v": place / 2} for place in range(12)]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    found, _, _ = collect({"path": str(tmp_path), "format": "jsonl"})
    assert found.labels == ["a", "a", "b", "b"]
    assert [each[:, 0].tolist() for each in found.sequences][1] == [1.5, 2, 2.5]


def test_what_is_wrong_is_told_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    good = '{"values": [[1, 2]], "label": "a"}'
    path.write_text(f'{good}\n{{"values": [[1, 2]], \n[1]\n{{"values": 3, "label": "a"}}\n{good}\n')
    assert problems_of(path) == [
        "a.jsonl:2: is not JSON: Expecting property name enclosed in double quotes: line 1 column 22 (char 21)",
        "a.jsonl:3: is a list of numbers, but must be an object",
        "a.jsonl:4: `values` is a number, but a list of lists in a line before",
    ]
    path.write_text(f'{good}\n{{"values": [[1, 2], [3]], "label": "a"}}\n{{"values": [[1, 2]]}}\n')
    assert problems_of(path) == [
        "a.jsonl:2: `values` has 1 numbers in step 2, but 2 in step 1",
        "a.jsonl:3: has nothing in `label`, but must have a label",
    ]
    path.write_text("\n\n")
    assert problems_of(path) == ["a.jsonl: is empty"]


def test_a_model_reads_lines_by_its_own_keys_and_by_ours(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(
        '{"accel": [[1, 2]], "gesture": "up"}\n' * 2 + '{"accel": [[1, 2]], "gesture": "x"}\n' * 2
    )
    _, _, options = collect({"path": str(tmp_path)})
    for key in ("accel", "values"):
        path = tmp_path / f"{key}.jsonl"
        path.write_text(f'{{"{key}": [[0.5, 1], [2, 3]]}}\n')
        for found in (
            read_file(path, "jsonl", options),
            read_stream(path.read_bytes().splitlines(), "jsonl", options),
        ):
            [one] = found
            assert isinstance(one, RawSequence)
            assert one.values.tolist() == [[0.5, 1], [2, 3]]


TOKENS = ['{"values"', ":", "[", "[1", ",", "2.5", "]", "}", "\n", '"label"', '"a"', "null", "{", "1e999"]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=60)
    | st.lists(st.sampled_from(TOKENS), max_size=40).map(lambda parts: "".join(parts).encode())
)
def test_whatever_comes_is_read_or_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.jsonl").write_bytes(data)
    wrong: list[Problem] = []
    try:
        found, _, _ = collect({"path": str(tmp_path / "a.jsonl"), "format": "jsonl"})
    except DataError as error:
        wrong = [each for each in error.problems if not each.where.startswith(str(tmp_path))]
    else:
        assert all(each.ndim == 2 for each in found.sequences)
    assert not wrong
