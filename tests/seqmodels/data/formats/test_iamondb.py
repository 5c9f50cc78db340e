"""IAM-OnDB: the suite, transcriptions and writers, and damaged files."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqsweep.seqmodels.data.errors import DataError
from seqsweep.seqmodels.data.formats.iamondb import IAMONDB, IamondbOptions
from seqsweep.seqmodels.testing.data_conformance import Data
from tests.seqmodels.data.formats.ink_suite import InkSuite
from tests.support.mutated import files_of, mutated, survive

LINE = """<?xml version="1.0" encoding="ISO-8859-1"?>
<WhiteboardCaptureSession>
  <WhiteboardDescription>
    <SensorLocation corner="top_left"/>
    <DiagonallyOppositeCoords x="6512" y="1376"/>
  </WhiteboardDescription>
  <StrokeSet>
    <Stroke colour="black" start_time="769.05" end_time="769.64">
      <Point x="1073" y="1058" time="769.05"/>
      <Point x="1072" y="1085" time="769.07"/>
    </Stroke>
    <Stroke colour="black" start_time="769.70" end_time="769.90">
      <Point x="1176" y="1237" time="769.70"/>
    </Stroke>
  </StrokeSet>
</WhiteboardCaptureSession>
"""
FORM = LINE.replace(
    "<WhiteboardDescription>",
    '<General><Form id="a01-000u" writerID="10023"/></General><Transcription><Text>A MOVE\nto stop</Text>'
    '<TextLine id="1" text="A MOVE"><Word text="A"/></TextLine><TextLine id="2" text="to stop"/></Transcription>'
    "<WhiteboardDescription>",
    1,
)


class TestIamondb(InkSuite):
    format = IAMONDB

    def write(self, root: Path, data: Data) -> None:
        for (name, part), sequences in data.items():
            (root / part / name).mkdir(parents=True)
            for number, values in enumerate(sequences):
                rows = [dict(zip(("x", "y"), row, strict=False)) for row in values.tolist()]
                points = "".join(
                    "<Point " + " ".join(f'{key}="{value!r}"' for key, value in row.items()) + "/>"
                    for row in rows
                )
                text = f"<WhiteboardCaptureSession><StrokeSet><Stroke>{points}</Stroke></StrokeSet></WhiteboardCaptureSession>"
                (root / part / name / f"{number}.xml").write_text(text)


def read(text: str, **options: object):
    return IAMONDB.read_one(files_of({"a.xml": text.encode("latin-1")}), "a.xml", IamondbOptions(**options))


def test_a_line_of_writing():
    found = read(LINE)
    assert found.values.tolist() == [[1073, 1058, 0], [1072, 1085, 1], [1176, 1237, 1]]
    assert found.features == ("x", "y", "pen_up")
    assert (found.label, found.group) == (None, None)
    found = read(LINE, time=True)
    assert found.values[0].tolist() == [1073, 1058, 769.05, 0]
    assert found.features == ("x", "y", "time", "pen_up")


def test_a_form_says_its_words_and_its_writer():
    found = read(FORM.replace("MOVE", "M\xf6VE"))
    assert found.label == "A M\xf6VE to stop"
    assert found.group == "10023"
    files = files_of({"a.xml": FORM.encode(), "b.xml": FORM.replace("MOVE", "DAY").encode()})
    options, notes = IAMONDB.complete(files, IamondbOptions(group="file"))
    assert options.label == "file"
    assert notes
    gathered = IAMONDB.gather(files, options)
    assert gathered.groups == ["10023"] * 2
    assert gathered.labels == ["A MOVE to stop", "A DAY to stop"]
    with pytest.raises(DataError, match="does not say whose it is"):
        IAMONDB.gather(files_of({"a.xml": LINE.encode()}), IamondbOptions(label="(a)", group="file"))


BAD = {
    "no y": (LINE.replace('y="1085"', ""), "10: a point has no `y`"),
    "words": (LINE.replace("1085", "much"), "11: value 4 is `much`, but must be a number"),
    "no strokes": (LINE.replace("Point", "Pointer"), "has no strokes with points"),
    "InkML": ("<ink/>", "has the root `ink`, but a file of IAM-OnDB has `WhiteboardCaptureSession`"),
    "bomb": (LINE.replace("?>\n", '?>\n<!DOCTYPE x [<!ENTITY a "b">]>\n'), "2: has a document type"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_each_fault_is_one_problem(kind):
    text, message = BAD[kind]
    with pytest.raises(DataError, match=message) as caught:
        read(text)
    assert len(caught.value.problems) == 1


@given(
    content=st.one_of(
        mutated([LINE.encode(), FORM.encode()], [b"<Stroke>", b"</Stroke>", b"nan"]), st.binary(max_size=99)
    )
)
@settings(max_examples=100)
def test_damaged_files_are_refused_or_read(content):
    survive(IAMONDB, {"a/a.xml": content}, IamondbOptions(label=-1))
    survive(IAMONDB, {"a/a.xml": content, "b/b.xml": LINE.encode()})
