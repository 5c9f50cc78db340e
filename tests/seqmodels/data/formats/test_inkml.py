"""InkML: real ink of three makers, the recommendation's own example, the suite, hostile XML and damaged files."""

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqsweep.seqmodels.data.errors import DataError
from seqsweep.seqmodels.data.formats.inkml import INKML, InkmlOptions
from seqsweep.seqmodels.data.formats.inkml_trace import parse_trace
from seqsweep.seqmodels.data.numbers import NumberError
from seqsweep.seqmodels.data.source import collect
from seqsweep.seqmodels.testing.data_conformance import Data
from tests.seqmodels.data.formats.ink_suite import InkSuite
from tests.support.mutated import files_of, mutated, survive


def text_of(*traces: str, before: str = "", name: str = "ink") -> str:
    drawn = "".join(each if each.startswith("<") else f"<trace>{each}</trace>" for each in traces)
    return f'<{name} xmlns="http://www.w3.org/2003/InkML">{before}{drawn}</{name}>'


def read(text: str, **options: object):
    return INKML.read_one(files_of({"a.inkml": text.encode()}), "a.inkml", InkmlOptions(**options))


class TestInkml(InkSuite):
    format = INKML

    def files(self, root: Path) -> list[Path]:
        return sorted(root.rglob("*.inkml"))

    def write(self, root: Path, data: Data) -> None:
        for (name, part), sequences in data.items():
            (root / name / part).mkdir(parents=True)
            for number, values in enumerate(sequences):
                points = ", ".join(" ".join(map(repr, row)) for row in values.tolist())
                (root / name / part / f"{number}.inkml").write_text(text_of(points))


REAL = {
    "001-equation001GT.inkml": (505, [23, 35, 34, 19, 28], 22, (0.886745, 5.98486), (1.80676, 6.03263),
                                "$B_n(1-x)=(-1)^n B_n(x)$"),
    "RIT_2014_281.inkml": (152, [12, 27, 26, 6, 26, 27, 28], 7, (194, 147), (614, 140), None),
    "RIT_2014_61.inkml": (257, [], 7, (213, 178), (716, 212), None),
    "onenote_web.xml": (281, [59, 40, 62, 58, 4, 58], 6, (1423, 7569, 3456), (14917, 14762, 256), None),
}  # fmt: skip


@pytest.mark.parametrize("name", REAL)
def test_real_ink(real_data, name):
    points, lengths, strokes, first, last, label = REAL[name]
    content = (real_data / "formats/inkml" / name).read_bytes()
    files = files_of({f"a/{name}": content, f"b/{name}": content})
    assert INKML.recognise(files) is not None
    options, notes = INKML.complete(files, InkmlOptions())
    assert ("features are X, Y, F of X, Y, F" in notes[0]) == (len(first) == 3)
    found = INKML.read_one(files, f"a/{name}", options)
    assert found.label == label
    assert found.features == (*("x", "y", "pressure")[: len(first)], "pen_up")
    assert found.values.shape == (points, len(first) + 1)
    ends = np.flatnonzero(found.values[:, -1]) + 1
    assert len(ends) == strokes
    assert np.diff([0, *ends]).tolist()[: len(lengths)] == lengths
    assert found.values[0, :-1].tolist() == list(first)
    assert found.values[-1, :-1].tolist() == list(last)
    # the same by another parser
    traces = [each for each in ElementTree.fromstring(content).iter() if each.tag.endswith("}trace")]
    numbers = [float(each) for trace in traces for each in re.split(r"[\s,]+", trace.text.strip())]
    assert found.values[:, :-1].ravel().tolist() == numbers


def test_what_a_file_says_of_itself(real_data):
    source = {"path": str(real_data / "formats/inkml/001-equation001GT.inkml"), "group": "file"}
    found, form, options = collect(source)
    assert form is INKML
    assert options.label == "file"
    assert found.groups == ["CROHME01"]
    assert found.labels == ["$B_n(1-x)=(-1)^n B_n(x)$"]
    assert read(text_of("1 2", before='<annotation type="label">a</annotation>')).label == "a"
    both = '<annotation type="label">a</annotation><annotation type="truth"> b </annotation>'
    assert read(text_of("1 2", before=both)).label == "b"
    assert read(text_of("1 2", before=both), annotation="label").label == "a"


def test_the_example_of_the_recommendation():
    text = (
        """1125 18432,'23'43,"7"-8,3-5,7 -3,6 2,6 8,3 6 T,2 4*T,3 6,3-6 F F"""  # with two optional switches
    )
    points, more = parse_trace(text, 2)
    assert more
    assert points.tolist() == [
        [1125, 18432], [1148, 18475], [1178, 18510], [1211, 18540], [1251, 18567], [1297, 18596], [1349, 18633],
        [1404, 18676], [1461, 18723], [1521, 18776], [1584, 18823],
    ]  # fmt: skip


TRACES = {
    "1 2, 3 4": [[1, 2], [3, 4]],
    " \n1 2\n, 3\t4 ,\n": [[1, 2], [3, 4]],
    "1 2,'1'1,1 1,*2": [[1, 2], [2, 3], [3, 4], [4, 6]],
    "1 2,'1'1,!5!6,'1*": [[1, 2], [2, 3], [5, 6], [6, 6]],
    "1-2,.5+3,-.5 1e1": [[1, -2], [0.5, 3], [-0.5, 10]],
    "#ff T,#10 F": [[255, 1], [16, 0]],
    "1 ?,2 3": [[1, np.nan], [2, 3]],
    "": np.empty((0, 2)),
    "  ": np.empty((0, 2)),
}


@pytest.mark.parametrize("text", TRACES)
def test_a_trace_has_its_points(text):
    np.testing.assert_array_equal(parse_trace(text, 2)[0], TRACES[text])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 2,3", "point 2 has 1 value"),
        ("1 2,,3 4", "point 2 has 0 value"),
        ("1 2,x 4", "point 2 has `x 4`, which is no value"),
        ("1 2,1_0 4", "point 2 has `_0 4`"),
        ("1 2,nan 4", "point 2 has `nan 4`"),
        ("1 1e999", "must be finite"),
        ("١ ٢", "which is no value"),
    ],
)
def test_what_is_no_trace_is_said(text, message):
    with pytest.raises(NumberError, match=message):
        parse_trace(text, 2)


@given(
    values=st.lists(st.tuples(st.integers(-99, 99), st.integers(-99, 99)), min_size=3, max_size=9),
    order=st.integers(0, 2),
)
def test_differences_come_back_as_they_were(values, order):
    points = np.array(values)
    rows = [f"{x} {y}" for x, y in values]
    if order:
        first = np.diff(points, axis=0)
        rows[1] = "'{}'{}".format(*first[0])
        rows[2:] = ["{} {}".format(*row) for row in first[1:]]
        if order == 2:
            second = np.diff(points, 2, axis=0)
            rows[2] = '"{}"{}'.format(*second[0])
            rows[3:] = ["{} {}".format(*row) for row in second[1:]]
    np.testing.assert_array_equal(parse_trace(",".join(rows), 2)[0], points)


FORMAT = "<traceFormat{}><channel name='X'/><channel name='T'/><channel name='Y'/></traceFormat>"
WITH_ID = FORMAT.format(" xml:id='f'")
CONTEXTS = {
    "directly": (FORMAT.format(""), ""),
    "context": (f"<context>{FORMAT.format('')}</context>", ""),
    "source": (f"<context><inkSource>{FORMAT.format('')}</inkSource></context>", ""),
    "referred": (f"<definitions><context xml:id='c'>{FORMAT.format('')}</context></definitions>", "contextRef='#c'"),
    "format of": (
        f"<definitions>{WITH_ID}<context xml:id='c' traceFormatRef='#f'/></definitions>",
        "contextRef='#c'",
    ),
    "source of": (
        f"<definitions><inkSource xml:id='s'>{FORMAT.format('')}</inkSource><context xml:id='b' inkSourceRef='#s'/>"
        "<context xml:id='c' contextRef='#b'/></definitions>",
        "contextRef='#c'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", CONTEXTS)
@pytest.mark.parametrize("group", [False, True])
def test_channels_are_found_where_they_are_said(kind, group):
    before, reference = CONTEXTS[kind]
    trace = (
        f"<traceGroup {reference}><trace>1 2 3</trace></traceGroup>"
        if group
        else f"<trace {reference}>1 2 3</trace>"
    )
    found = read(text_of(trace, before=before))
    assert found.values.tolist() == [[1, 3, 1]]
    found = read(text_of(trace, before=before), channels=("X", "Y", "T"))
    assert found.values.tolist() == [[1, 3, 2, 1]]
    assert found.features == ("x", "y", "time", "pen_up")


def test_traces_that_are_no_strokes():
    text = text_of(
        "<definitions><trace>9 9</trace></definitions>",
        "<trace type='penUp'>8 8</trace>",
        "<trace/>",
        "<trace id='a'>1 1</trace>",
        "<trace id='b'>3 3 7</trace>",
        "<trace continuation='end' priorRef='#a'>2 2</trace>",
    )
    found = read(text)
    assert found.values.tolist() == [[1, 1, 0], [2, 2, 1], [3, 3, 1]]
    assert len(found.notes) == 3


HOSTILE = {
    "bomb": (
        '<!DOCTYPE ink [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + text_of("&b;"),
        "has a document type",
    ),
    "outside": (
        '<!DOCTYPE ink [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + text_of("&a;"),
        "has a document type",
    ),
    "elsewhere": (
        '<!DOCTYPE ink SYSTEM "http://example.org/ink.dtd">' + text_of("1 1"),
        "has a document type",
    ),
    "deep": ("<ink>" + "<a>" * 100_000, "deep in one another"),
    "entity": (text_of("&a;"), "no XML: undefined entity"),
    "open": ("<ink><trace>1 1</trace>", "no XML: no element found"),
    "twice": (text_of("1 1") * 2, "no XML: junk after document element"),
    "encoding": ('<?xml version="1.0" encoding="rot13"?>' + text_of("1 1"), "no XML"),
    "other root": (text_of("1 1", name="svg"), "has the root `svg`, but InkML has `ink`"),
    "no points": (text_of(), "has no traces with points"),
    "words": (text_of("1 1", "a b"), "point 1 has `a b`"),
    "no y": (text_of("1 1", before="<traceFormat><channel name='X'/></traceFormat>"), "must have X, Y"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_each_fault_is_one_clear_problem(kind):
    text, message = HOSTILE[kind]
    with pytest.raises(DataError, match=message) as caught:
        read(text)
    assert [each.where.partition(":")[0] for each in caught.value.problems] == ["set/a.inkml"]
    survive(INKML, {"a.inkml": text.encode()})


def test_channels_that_are_not_there_are_said():
    with pytest.raises(DataError, match="has the channels X, Y, but not F, which `channels` names"):
        read(text_of("1 1"), channels=("X", "Y", "F"))


SMALL = text_of(
    "1 2,'3'4", "<trace contextRef='#c' type='penUp'>1 2 3</trace>", before=CONTEXTS["source of"][0]
).encode()
WORDS = [
    b"<!DOCTYPE ink>",
    b"<trace>",
    b"</trace>",
    b"&amp;",
    b"?",
    b"*",
    b"'",
    b'"',
    b"<traceFormat>",
    b"1e400",
    b"#fff",
]


@given(content=st.one_of(mutated([SMALL], WORDS), st.binary(max_size=200)))
@settings(max_examples=150)
def test_damaged_files_are_refused_or_read(content):
    survive(INKML, {"a/a.inkml": content, "b/a.inkml": SMALL})


@given(data=st.data())
@settings(max_examples=40)
def test_real_files_that_are_damaged(real_data, data):
    originals = [(real_data / "formats/inkml" / name).read_bytes() for name in REAL]
    survive(INKML, {"a/a.xml": data.draw(mutated(originals, WORDS))}, InkmlOptions(label=-1))
