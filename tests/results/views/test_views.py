"""What the terminal shows, as snapshots at 80 and 140 columns, with and without colour.

    SEQSWEEP_UPDATE_SNAPSHOTS=1 python -m pytest tests/results/views/test_views.py

writes the files in `snapshots/` anew; look at their diff before it is committed.
"""

import dataclasses
import functools
import io
import math
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from seqsweep.results.analysis.class_averages import ClassAverages
from seqsweep.results.analysis.comparison import compare_architectures, compare_sweeps
from seqsweep.results.analysis.confusion import Average, Confusion, Example, Pair
from seqsweep.results.analysis.confusion import confusion as confusion_of
from seqsweep.results.analysis.confusion_contrast import contrast as contrast_of
from seqsweep.results.analysis.curves import Curve, Curves
from seqsweep.results.analysis.curves import curves as curves_of
from seqsweep.results.analysis.importance import importance as importance_of
from seqsweep.results.analysis.lane_rows import lanes
from seqsweep.results.analysis.summary import summary
from seqsweep.results.analysis.verdict import verdict as verdict_of
from seqsweep.results.query.sql import ask
from seqsweep.results.statistics.calibration import Calibration
from seqsweep.results.statistics.interval import Interval
from seqsweep.results.statistics.proportion import Proportion, proportion
from seqsweep.results.store import Store
from seqsweep.results.views import (
    answer,
    bars,
    compare,
    confusion,
    contrast,
    curves,
    formats,
    importance,
    rows,
    sweeps,
    verdict,
)
from tests.support.example_sweep import write_example

SNAPSHOTS = Path(__file__).parent / "snapshots"
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def shown(
    render: Callable[[Any, Console], None], data: Any, width: int, *, colour: bool = False, **environment: str
) -> str:
    console = Console(
        file=io.StringIO(),
        width=width,
        force_terminal=colour,
        color_system="standard" if colour else None,
        _environ=environment,
    )
    render(data, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.fixture(scope="module")
def views(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Callable[[Any, Console], None], Any]]:
    root = tmp_path_factory.mktemp("store")
    full = write_example(root / "a")
    partial = write_example(
        root / "a", sweep_id="quick-00ff11", missing=3, seeds=[0], created="2026-11-24T08:00:00+00:00"
    )
    running = write_example(
        root / "a", sweep_id="big-77aa00", missing=10, status="running", created="2026-11-25T08:00:00+00:00"
    )
    many = write_example(root / "b", sweep_id="many-123456", class_names=[f"class{n:02d}" for n in range(18)])
    ten = write_example(root / "c", sweep_id="ten-123456", class_names=[str(n) for n in range(10)])
    return {
        "verdict": (verdict.render, verdict_of(full)),
        "verdict-unfinished-one-seed": (verdict.render, verdict_of(partial)),
        "verdict-empty": (verdict.render, verdict_of(running)),
        "confusion": (confusion.render, confusion_of(full, "segments", "rnn_tanh x 2 x 100")),
        "confusion-brief": (
            functools.partial(confusion.render, brief=True),
            confusion_of(full, "segments", "rnn_tanh x 2 x 100"),
        ),
        "confusion-counts": (functools.partial(confusion.render, counts=True), confusion_of(full)),
        "contrast": (
            contrast.render,
            contrast_of(full, "segments", "lstm x 2 x 100", "rnn_tanh x 2 x 100"),
        ),
        "contrast-18-classes": (
            contrast.render,
            contrast_of(many, None, "lstm x 2 x 100", "rnn_tanh x 2 x 100"),
        ),
        "confusion-18-classes": (confusion.render, confusion_of(many, trial="rnn_tanh x 2 x 100")),
        "confusion-10-classes": (confusion.render, confusion_of(ten, trial="rnn_tanh x 2 x 100")),
        "curves": (curves.render, curves_of(full)),
        "curves-validation": (
            functools.partial(curves.render, validation=True),
            curves_of(full, "segments", "lstm x 2 x 100"),
        ),
        "lanes": (
            rows.render,
            lanes(full, condition="cell == 'lstm'", sort=["-test_accuracy", "lr"], limit=9),
        ),
        "lanes-one": (
            rows.render,
            lanes(full, condition="seed == 2", columns=["cell", "clip_norm"], limit=1),
        ),
        "lanes-none": (rows.render, lanes(full, condition="seed == 9")),
        "answer": (
            answer.render,
            ask("select cell, layers, avg(lr), list(seed) from lanes group by all order by all", [full]),
        ),
        "answer-none": (answer.render, ask("select cell from lanes where false", [full])),
        "importance": (importance.render, importance_of(full)),
        "compare": (compare.render, compare_architectures(full, COMPARED)),
        "compare-sweeps": (compare.render, compare_sweeps([full, partial])),
        "sweeps": (sweeps.render, [summary(each) for each in Store(root / "a").sweeps()]),
        "sweeps-none": (sweeps.render, []),
    }


COMPARED = ("gru x 2 x 100", "lstm x 2 x 100", "rnn_tanh x 2 x 100")
VIEWS = (
    *("compare", "compare-sweeps"),
    *("verdict", "verdict-unfinished-one-seed", "verdict-empty"),
    *("confusion-brief", "confusion-counts", "contrast", "contrast-18-classes"),
    *(
        "confusion",
        "confusion-18-classes",
        "confusion-10-classes",
        "curves",
        "curves-validation",
        "importance",
        "lanes",
        "lanes-one",
        "lanes-none",
        "answer",
        "answer-none",
        "sweeps",
        "sweeps-none",
    ),
)


@pytest.mark.parametrize("colour", [False, True], ids=["plain", "colour"])
@pytest.mark.parametrize("width", [80, 140])
@pytest.mark.parametrize("name", VIEWS)
def test_snapshot(views: dict[str, Any], name: str, width: int, colour: bool) -> None:
    text = shown(*views[name], width, colour=colour)
    path = SNAPSHOTS / f"{name}-{width}{'-colour' if colour else ''}.txt"
    if os.environ.get("SEQSWEEP_UPDATE_SNAPSHOTS"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [60, 80, 100, 127, 128, 140, 200])
@pytest.mark.parametrize("name", VIEWS)
def test_no_line_is_wider_than_the_terminal(views: dict[str, Any], name: str, width: int) -> None:
    text = shown(*views[name], width)
    assert max(map(cell_len, text.splitlines())) <= width


@pytest.mark.parametrize("name", [name for name in VIEWS if "18" not in name and name != "compare-sweeps"])
def test_no_figure_is_cut_in_a_narrow_terminal(views: dict[str, Any], name: str) -> None:
    """Columns are left out instead: every number is also one of the wide terminal's."""
    narrow, wide = (shown(*views[name], width) for width in (40, 200))
    assert max(map(cell_len, narrow.splitlines())) <= 40
    assert "…" not in narrow
    numbers = r"(?<![\w.])[+-]?\d+\.\d+"
    if not name.startswith(("curves", "confusion")):  # whose axes and whole percents are others
        assert set(re.findall(numbers, narrow)) <= set(re.findall(numbers, wide))


@pytest.mark.parametrize("width", [80, 140])
@pytest.mark.parametrize("name", VIEWS)
def test_colour_carries_nothing_alone(views: dict[str, Any], name: str, width: int) -> None:
    plain = shown(*views[name], width)
    assert "\x1b" not in plain
    assert ESCAPES.sub("", shown(*views[name], width, colour=True)) == plain
    without = shown(*views[name], width, colour=True, NO_COLOR="1")
    assert not re.search(r"\x1b\[[0-9;]*(3|4|9|10)[0-7]m", without)


@pytest.mark.parametrize("width", [80, 140])
@pytest.mark.parametrize("name", VIEWS)
def test_a_synthetic_data_set_never_passes_for_a_real_one(
    views: dict[str, Any], name: str, width: int
) -> None:
    text = " ".join(shown(*views[name], width).split())
    assert text.count("handwriting") == text.count("handwriting (synthetic)")
    assert "segments (synthetic)" not in text


def test_an_unfinished_sweep_says_what_is_missing_and_how_to_go_on(views: dict[str, Any]) -> None:
    text = shown(*views["verdict-unfinished-one-seed"], 80)
    assert "7 of 10 trials" in text
    assert "3 trials are missing · continue with: seqsweep resume quick-00ff11" in text
    assert "±" not in text.partition("beware")[0]
    assert "no trial has finished yet" in shown(*views["verdict-empty"], 80)


def test_the_command_that_goes_on_names_the_store(views: dict[str, Any]) -> None:
    render, data = views["verdict-unfinished-one-seed"]
    text = shown(lambda data, console: render(data, console, options=" --store elsewhere"), data, 80)
    assert "seqsweep resume quick-00ff11 --store elsewhere\n" in text


@pytest.mark.parametrize("width", [80, 140])
def test_intervals_that_say_nothing_leave_the_table_whole(views: dict[str, Any], width: int) -> None:
    data = views["verdict"][1]
    vague, wide = Interval(1.0, 4.4, 2), Interval(1.0, 0.994, 2)
    blocks = [
        dataclasses.replace(
            block,
            rows=tuple(
                dataclasses.replace(row, train=wide, validation=vague, test=wide, seconds=36_000.0)
                for row in block.rows
            ),
        )
        for block in data.datasets
    ]
    text = shown(verdict.render, dataclasses.replace(data, datasets=tuple(blocks)), width)
    assert max(map(cell_len, text.splitlines())) <= width
    rows = sum(len(block.rows) for block in data.datasets)
    assert len(re.findall(r"100\.0 ±99\.4 +100\.0 ±>100 +100\.0 ±99\.4 +\S+ +10h00m", text)) == rows


@pytest.mark.parametrize("width", [60, 68, 80, 127, 140])
def test_each_row_of_the_verdict_stays_one_line_and_shows_its_rank_and_test(
    views: dict[str, Any], width: int
) -> None:
    lines = shown(*views["verdict"], width).splitlines()
    for block in views["verdict"][1].datasets:
        for row in block.rows:
            figures = (
                rf"{formats.places(row.rank_low, row.rank_high)} +{'● +' if row.tied else ''}{row.cell} +x "
            )
            figures += rf"{row.layers} x {row.hidden} .*{re.escape(formats.interval(row.test))}"
            assert any(re.match(rf" *{figures}", line) for line in lines)


def test_ties_the_cheapest_and_cautions_are_said(views: dict[str, Any]) -> None:
    data = views["verdict"][1]
    text = " ".join(shown(*views["verdict"], 80).split())
    assert "● Ranks 1-4 cannot be told from the best (paired t over seeds, Holm p > 0.05)." in text
    assert text.count("cheapest of those tied · bi last+max") == len(data.datasets)
    assert "beware 3 seeds are few: to count, a difference must be 6.3 times" in text
    block = dataclasses.replace(
        data.datasets[0],
        rows=(
            data.datasets[0].rows[0],
            *(dataclasses.replace(row, tied=False) for row in data.datasets[0].rows[1:]),
        ),
        cautions=(),
        every_pair=False,
    )
    text = shown(verdict.render, dataclasses.replace(data, datasets=(block,)), 140)
    assert (
        "The best is told apart from all others (each against the best, paired t over seeds, Holm p < 0.05)."
        in text
    )
    assert "beware" not in text


def test_of_many_architectures_the_first_are_shown_and_the_cheapest(views: dict[str, Any]) -> None:
    data = views["verdict"][1]
    first = data.datasets[0].rows[0]
    rows = tuple(
        dataclasses.replace(first, rank=place, hidden=place, cheapest=place == 700)
        for place in range(1, 1001)
    )
    data = dataclasses.replace(data, datasets=(dataclasses.replace(data.datasets[0], rows=rows),))
    text = shown(verdict.render, data, 80)
    assert re.findall(r"lstm x 1 x (\d+)", text) == [
        str(place) for place in (*range(1, verdict.TOP + 1), 700)
    ]
    assert "and 979 more; --all shows them\n" in text
    assert (
        len(re.findall("lstm x 1 x ", shown(lambda *data: verdict.render(*data, every=True), data, 80)))
        == 1000
    )


def test_a_row_with_fewer_seeds_says_so(views: dict[str, Any]) -> None:
    data = views["verdict"][1]
    block = data.datasets[0]
    row = dataclasses.replace(block.rows[0], test=Interval(0.9, None, 1), diverged_seeds=2)
    none = dataclasses.replace(block.rows[0], test=Interval(None, None, 0), diverged_seeds=3)
    text = shown(
        verdict.render,
        dataclasses.replace(data, datasets=(dataclasses.replace(block, rows=(row, none)),)),
        140,
    )
    squeezed = " ".join(text.split())
    assert "diverged 2 of 3 seeds · n 1" in squeezed
    assert "no test accuracy: every seed of the chosen" in squeezed


def matrix(names: list[str], counts: list[list[int]]) -> Confusion:
    """A confusion matrix with figures that need not fit one another."""
    each = np.array([counts])
    places = range(len(names))
    shares = [
        [proportion(each[:, row, column], each[:, row].sum(axis=1)) for column in places] for row in places
    ]
    recalls = tuple(row[place].share if row[place] else None for place, row in enumerate(shares))
    share = Interval(0.25, 0.1, 3)
    some = Proportion(0.25, 0.1, 0.5)
    return Confusion(
        *("s", "d", False, "t", "gru x 1 x 8", 0, "test", 3),
        classes=tuple(names),
        counts=tuple(map(tuple, counts)),
        shares=tuple(map(tuple, shares)),
        recall=recalls,
        precision=recalls,
        f1=recalls,
        macro=Average(1.0, 0.5, 0.75),
        weighted=Average(0.5, 1.0, 0.75),
        n=sum(map(sum, counts)),
        accuracy=share,
        by_class=ClassAverages(share, share),
        calibration=Calibration(share, share, share, {3: share}, ()),
        confused=(Pair(names[0], names[-1], 1, some, (Example("s 1", 2),)),) if len(names) > 1 else (),
    )


@given(st.data(), st.integers(1, 20), st.integers(40, 200))
def test_any_matrix_fits(data: st.DataObject, classes: int, width: int) -> None:
    # Text that a terminal shows as it is: no control characters, no markup surprises.
    letters = st.text("aā[]ಅ中b-/ ", min_size=1, max_size=9).map(lambda name: f"c{name}c")
    names = data.draw(st.lists(letters, min_size=classes, max_size=classes, unique=True))
    row = st.lists(st.integers(0, 10**6), min_size=classes, max_size=classes)
    counts = data.draw(st.lists(row, min_size=classes, max_size=classes))
    text = shown(confusion.render, matrix(names, counts), width)
    assert max(map(cell_len, text.splitlines())) <= width
    if "precision  " in text and "instead" not in text:
        assert all(name in text for name in names)


def test_a_matrix_cell_has_a_shade_and_a_number() -> None:
    text = shown(confusion.render, matrix(["a", "b"], [[30, 70], [0, 5]]), 80)
    assert "▒▒  30.0  22-40" in text
    assert "▓▓  70.0  60-78" in text
    assert "██ 100.0 57-100" in text
    assert "·" in text
    counted = shown(
        functools.partial(confusion.render, counts=True), matrix(["a", "b"], [[30, 70], [0, 5]]), 80
    )
    assert "▒▒ 30" in counted
    assert "██  5" in counted


@given(
    st.lists(
        st.lists(st.one_of(st.none(), st.floats(0, 1e9), st.just(1.0)), max_size=30).map(tuple),
        min_size=1,
        max_size=40,
    ),
    st.integers(60, 200),
)
def test_any_curves_can_be_drawn(errors: list[tuple[float | None, ...]], width: int) -> None:
    lines = tuple(Curve(n, {"lr": 0.1 * n}, n == 1, 2, 0, each) for n, each in enumerate(errors))
    text = shown(curves.render, Curves("s", "d", True, "t", "gru x 1 x 8", ("lr",), lines), width)
    assert max(map(cell_len, text.splitlines())) <= width
    for curve in lines:
        assert re.search(rf"^ *●?{curve.candidate} +(\d+\.\d+|–)", text, re.MULTILINE)


def test_the_chosen_line_is_solid_and_the_others_are_dotted() -> None:
    falling = tuple(math.exp(-epoch / 10) for epoch in range(30))

    def dots(chosen: bool) -> int:
        line = Curves("s", "d", True, "t", "gru", (), (Curve(0, {}, chosen, 1, 0, falling),))
        return sum(
            (ord(char) - 0x2800).bit_count() for char in shown(curves.render, line, 80) if "⠀" < char <= "⣿"
        )

    assert dots(chosen=True) > 2 * dots(chosen=False) > 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (formats.percent(0.9781), "97.8"),
        (formats.percent(1.0), "100.0"),
        (formats.percent(None), "–"),
        (formats.interval(Interval(0.978, 0.0042, 5)), "97.8 ±0.4"),
        (formats.interval(Interval(0.978, None, 1)), "97.8"),
        (formats.interval(Interval(0.5, 1.004, 2)), "50.0 ±>100"),
        (formats.compact(950), "950"),
        (formats.compact(1000), "1.0k"),
        (formats.compact(92_300), "92k"),
        (formats.compact(999_499), "999k"),
        (formats.compact(999_600), "1.0M"),
        (formats.compact(12_345_678), "12M"),
        (formats.duration(0.42), "0.4 s"),
        (formats.duration(41.2), "41 s"),
        (formats.duration(59.7), "1 min 00 s"),
        (formats.duration(3599.6), "1 h 00 min"),
        (formats.duration(7500), "2 h 05 min"),
        (formats.duration(None), "–"),
        (formats.setting(0.0042173), "0.00422"),
        (formats.setting(None), "off"),
        (formats.setting(True), "on"),
        (formats.setting("adam"), "adam"),
        (formats.places(1, 3), "1-3"),
        (formats.places(4, 4), "4"),
        (formats.runs([]), ""),
        (formats.runs([2]), "2"),
        (formats.runs([1, 2, 3, 5, 7, 8]), "1-3, 5 and 7-8"),
        (formats.moment("2026-11-23T14:02:33+00:00"), "2026-11-23 14:02"),
        (formats.moment("2026-11-23T16:02:33+02:00"), "2026-11-23 14:02"),
        (formats.moment("yesterday"), "yesterday"),
    ],
)
def test_figures_read_well(text: str, expected: str) -> None:
    assert text == expected


@given(st.floats(0, 1, exclude_min=True))
def test_shades_grow_with_the_share(share: float) -> None:
    assert formats.SHADES.index(formats.shade(share)) == min(math.floor(4 * share), 3)


@given(st.floats(0, 1), st.integers(1, 40))
def test_a_bar_is_as_long_as_its_share(share: float, columns: int) -> None:
    text = bars.bar(share, columns)
    assert len(text) == columns
    eighths = sum(" ▏▎▍▌▋▊▉█".index(char) for char in text)
    assert abs(eighths - 8 * columns * share) <= 1
    assert (eighths > 0) == (share > 0)


def test_a_sparkline_rises() -> None:
    assert bars.sparkline([0.0, 0.5, 1.0, None]) == "▁▅█ "
