"""Text in every encoding that an editor may leave behind is read, or named."""

import codecs
import json
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from seqsweep.seqmodels.data.errors import Problem
from seqsweep.seqmodels.data.formats.base import RawSequence
from seqsweep.seqmodels.data.inputs import read_file, read_stream
from seqsweep.seqmodels.data.text import EncodingError, decode
from seqsweep.sweeps.errors import SpecError
from seqsweep.sweeps.forecast.rates import load_rates
from seqsweep.sweeps.spec.loading import load_spec

SPEC = 'name = "größe"\ndatasets = ["handwriting"]\ncandidates = 1\narchitecture.cell = "gru"\n'
LINE = '{"id": "é", "values": [[0.1, 0.2], [0.3, 0.4]]}\n'
WIDE = ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]


@given(text=st.text(), mark=st.sampled_from([b"", codecs.BOM_UTF8]))
def test_utf_8_with_or_without_a_mark(text: str, mark: bytes) -> None:
    assume(not text.startswith("\ufeff") and text.count("\0") * 3 <= len(text.encode()))
    assert decode(mark + text.encode()) == text.replace("\r\n", "\n").replace("\r", "\n")


@given(content=st.binary())
def test_any_bytes_are_text_or_refused(content: bytes) -> None:
    try:
        content.decode()
        sound = content.count(0) * 3 <= len(content) and not content.startswith((b"\xff\xfe", b"\xfe\xff"))
    except UnicodeDecodeError:
        sound = False
    if sound:
        decode(content)
    else:
        with pytest.raises(EncodingError, match="save it as UTF-8"):
            decode(content)


@pytest.mark.parametrize("encoding", WIDE)
def test_a_wide_encoding_is_named(encoding: str, tmp_path: Path) -> None:
    name = encoding.upper()[:6]
    said = f"is written in {name}, but must be UTF-8: save it as UTF-8"
    path = tmp_path / "spec.toml"
    path.write_bytes(SPEC.replace("größe", "size").encode(encoding))
    with pytest.raises(SpecError) as caught:
        load_spec(path)
    assert str(caught.value) == f"{path}: {said}"
    lines = tmp_path / "new.jsonl"
    lines.write_bytes(LINE.encode(encoding))
    assert list(read_file(lines, "strokes")) == [Problem(str(lines), said)]
    assert list(read_stream(lines.read_bytes().splitlines(keepends=True), "strokes")) == [
        Problem("standard input", said)
    ]


def test_latin_1_is_told_by_line_and_byte(tmp_path: Path) -> None:
    path = tmp_path / "spec.toml"
    for mark in (b"", codecs.BOM_UTF8):
        content = mark + SPEC.replace("größe", "size").encode() + "# größe".encode("latin-1")
        path.write_bytes(content)
        with pytest.raises(SpecError) as caught:
            load_spec(path)
        byte = content.index(b"\xf6") + 1
        assert f"{path}: line 5: is not UTF-8 text (byte {byte} is 0xf6): save it as UTF-8" in str(
            caught.value
        )


def test_a_mark_is_passed_over_wherever_text_is_read(tmp_path: Path) -> None:
    spec = tmp_path / "spec.toml"
    spec.write_bytes(codecs.BOM_UTF8 + SPEC.replace("größe", "size").replace("\n", "\r\n").encode())
    assert load_spec(spec).name == "size"
    rates = tmp_path / "rates.json"
    rates.write_bytes(codecs.BOM_UTF8 + b"[]")
    with pytest.raises(SpecError, match="must be a table"):
        load_rates(rates)
    lines = tmp_path / "new.jsonl"
    lines.write_bytes(codecs.BOM_UTF8 + LINE.encode())
    for found in (
        read_file(lines, "strokes"),
        read_stream(lines.read_bytes().splitlines(keepends=True), "strokes"),
    ):
        (sequence,) = found
        assert isinstance(sequence, RawSequence)
        assert sequence.id == json.loads(LINE)["id"]
