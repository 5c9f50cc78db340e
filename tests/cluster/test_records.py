"""Records among a job's lines: whatever is sent comes back, and nothing else is taken for one."""

import io
import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from seqsweep.cluster.records import SEPARATOR, received, send

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
LINES = st.text(st.characters(exclude_characters="\n\x1e")).map(lambda text: text.replace("\r", ""))


@given(st.lists(st.dictionaries(st.text(), VALUES, max_size=4) | LINES))
def test_round_trip(sent: list[dict[str, Any] | str]) -> None:
    stream = io.StringIO()
    for each in sent:
        if isinstance(each, str):
            stream.write(each + "\n")
        else:
            before = len(stream.getvalue())
            assert send(each, stream) == len(stream.getvalue()) - before - 1
    assert list(received(stream.getvalue().split("\n")[:-1])) == sent


def test_nan_comes_through() -> None:
    stream = io.StringIO()
    send({"a": [math.nan]}, stream)
    (back,) = received([stream.getvalue().rstrip("\n")])
    assert isinstance(back, dict)
    assert math.isnan(back["a"][0])


def test_half_a_record_and_what_is_no_record_are_passed_over() -> None:
    lines = [f'{SEPARATOR}{{"a": 1', f"{SEPARATOR}[1, 2]", SEPARATOR, f'{SEPARATOR}{{"b": 2}}', "text"]
    assert list(received(lines)) == [{"b": 2}, "text"]


@given(LINES.filter(bool), st.dictionaries(st.text(), VALUES, max_size=4), LINES.filter(bool))
def test_text_of_others_in_the_line_of_a_record_is_told_apart(
    before: str, record: dict[str, Any], behind: str
) -> None:
    stream = io.StringIO()
    send(record, stream)
    sent = stream.getvalue().removesuffix("\n")
    assert list(received([before + sent + behind])) == [before, record, behind]
    assert list(received([sent + sent])) == [record, record]
    assert list(received([before + sent[:-1] + sent])) == [before, record]  # the first writer was killed
