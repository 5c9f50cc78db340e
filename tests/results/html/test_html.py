"""The report's markup, without a browser: what it holds, that data stays text, how large it gets, how it is written."""

import dataclasses
import itertools
import math
import re
import stat
import sys
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from seqsweep.results import html, output
from seqsweep.results.analysis.confusion_contrast import CellContrast
from seqsweep.results.analysis.curves import Curve, Curves
from seqsweep.results.analysis.dataset_facts import DatasetFacts, Specimen
from seqsweep.results.analysis.report import Report
from seqsweep.results.analysis.report import report as report_of
from seqsweep.results.errors import StoreError
from seqsweep.results.html import axis, curves, difference, effects, glyph, page, specimen, svg, toml
from seqsweep.results.statistics.interval import Interval
from seqsweep.results.statistics.proportion import proportion
from seqsweep.results.store import Store, Sweep
from seqsweep.results.views import contrast, formats
from tests.support.example_sweep import (
    ARCHITECTURES,
    CANDIDATES,
    DATASETS,
    SWEEP_ID,
    write_example,
    write_example_trial,
)

HOSTILE = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(2)'>",
    "'; alert(3); //",
    "</style></title></svg>",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;b&gt; & ಕ\u202e",
)
VOID = {"meta", "img", "link", "br", "hr", "input"}


class Outline(HTMLParser):
    """Tags and text as a browser's tokenizer sees them; complains where tags do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attributes}) == len(attributes), f"<{tag}> has an attribute twice"
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(autouse=True, scope="module")
def quick() -> Iterator[None]:
    """Fewer forests: their figures are tested elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("seqsweep.results.analysis.importance.REPEATS", 3)
        yield


@pytest.fixture(scope="module")
def report(example_root: Path) -> Report:
    return report_of(Store(example_root).find(SWEEP_ID))


def test_it_holds_what_the_verdict_says(report: Report) -> None:
    outline = Outline(html.render(report))
    text = " ".join(" ".join(outline.text).split())
    for part in report.datasets:
        assert formats.dataset(part.verdict.dataset.name, part.verdict.dataset.synthetic) in text
        for row in part.verdict.rows:
            assert row.label in text
            assert formats.interval(row.test) in text
            assert formats.settings(row.chosen) in text
        for caution in part.verdict.cautions:
            assert caution.text in text
    assert part.confusion is not None
    for pair in part.confusion.confused:
        assert f"{pair.true} {pair.predicted} {formats.proportion(pair.share)} {pair.count}" in text
    for part in report.datasets:
        assert part.importance is not None
        for parameter in part.importance.parameters:
            assert parameter.alone is not None
            assert f"{parameter.name} {formats.percent(parameter.alone.mean)}" in text
            for level in parameter.levels:
                shown = f"{effects.values(level)} {formats.interval(level.accuracy)} {formats.percent(level.best)}"
                assert f"{parameter.name} {shown}" in text
        for each in part.importance.rates:
            assert effects.rates(each) in text
    for name in (
        "Verdict",
        "Confusions of",
        "Learning curves",
        "Hyperparameters",
        "Data",
        "Spec",
        "Provenance",
    ):
        assert name in text
    assert "seqsweep run" in text


def told_apart(root: Path) -> Sweep:
    """A sweep with enough seeds for some cells of two matrices to differ significantly."""
    with pytest.MonkeyPatch.context() as patch:
        good, bad = (
            ("gru", 2, 100, False, "last", 0.06, 0.01, 3.4),
            ("rnn_tanh", 1, 100, False, "last", 0.22, 0.02, 1),
        )
        patch.setattr("tests.support.example_sweep.ARCHITECTURES", (good, bad))
        return write_example(root, seeds=range(8))


@pytest.mark.parametrize("sure", [False, True], ids=["not told apart", "told apart"])
def test_the_difference_of_two_matrices_is_the_terminals(report: Report, tmp_path: Path, sure: bool) -> None:
    if sure:
        report = report_of(told_apart(tmp_path))
    outline = Outline(html.render(report))
    text = " ".join(" ".join(outline.text).split())
    stars = 0
    for part in report.datasets:
        data = part.contrast
        assert data is not None
        names = {True: data.first.architecture, False: data.second.architecture, None: "–"}
        assert f"{names[True]} minus {names[False]}" in text
        assert f"accuracy {formats.percent(data.first.accuracy.mean)} and" in text
        assert f"a difference of {formats.difference(data.accuracy.difference)} points" in text
        cells = {(cell.true, cell.predicted): cell for cell in data.cells}
        for true in data.first.classes:
            shown = [true]
            for predicted in data.first.classes:
                cell = cells.get((true, predicted))
                figure = cell and cell.share.difference
                shown += [formats.points(figure.mean) if figure else "·"]
                if cell and figure:
                    shown += ["*"] * (cell.p_holm < 0.05)
                    shown += [f"{formats.margin(figure)}, p {formats.p_value(cell.p_holm)}"]
            assert " ".join(shown) in text
        with open(tmp_path / "terminal", "w+", encoding="utf-8") as file:
            contrast.render(data, Console(file=file, width=200))
            file.seek(0)
            lines = file.read().splitlines()[-len(cells) :]
        for line, cell in zip(lines, data.cells, strict=True):
            true, predicted, points, margin, *p = line.replace("p ", " ").replace("*", " *").split()
            assert " ".join([true, predicted, points, margin, names[cell.better], *p]) in text
            stars += "*" in line
    assert (stars > 0) == sure
    framed = [each for tag, each in outline.tags if tag == "td" and "sure" in str(each.get("class")).split()]
    assert len(framed) == stars


def test_shades_of_a_difference_say_who_is_better(report: Report) -> None:
    data = report.datasets[0].contrast
    assert data is not None
    cell = data.cells[0]

    def shade(mean: float, p: float, *, right: bool, largest: float = 0.5) -> str:
        def made(mean: float, p: float) -> CellContrast:
            share = dataclasses.replace(cell.share, difference=Interval(mean, 0.1, 3))
            return CellContrast("a", "a" if right else "ai", share, p)

        drawn = made(mean, p)
        return difference.shade(dataclasses.replace(data, cells=(drawn, made(largest, 1.0))), drawn)

    assert shade(0.5, 0.049, right=True) == "hit s10 sure"
    assert shade(-0.26, 0.05, right=True) == "miss s6"
    assert shade(0.26, 1.0, right=False) == "miss s6"
    assert shade(-0.5, 0.01, right=False) == "hit s10 sure"
    assert shade(-0.01, 1.0, right=False, largest=0.01) == "hit s1", "little does not look like much"
    assert shade(0.0, 1.0, right=False) == difference.shade(data, None) == "none"


def test_nothing_is_fetched_and_nothing_runs(report: Report) -> None:
    text = html.render(report)
    tags = Outline(text).tags
    assert not {tag for tag, _ in tags} & {"script", "link", "iframe", "object", "embed", "base", "form"}
    for _, attributes in tags:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        for name in ("src", "href"):
            assert re.match(r"#|data:image/png;base64,", attributes.get(name) or "#")
    assert not re.search(r"url\(|@import|https?:", text)


def test_places_that_are_linked_to_exist_once(report: Report) -> None:
    tags = Outline(html.render(report)).tags
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = {str(attributes["href"])[1:] for tag, attributes in tags if tag == "a"}
    assert links <= set(ids)
    named = {attributes[key] for _, attributes in tags for key in attributes if key == "aria-labelledby"}
    assert named <= set(ids)


def test_a_synthetic_data_set_never_passes_for_a_real_one(report: Report) -> None:
    text = " ".join(Outline(html.render(report)).text)
    assert "handwriting (synthetic)" in text
    assert "This data set is synthetic" in " ".join(text.split())
    assert "segments (synthetic)" not in text


def test_names_from_data_are_text(tmp_path: Path) -> None:
    sweep = write_example(tmp_path, class_names=HOSTILE)
    sweep.update(
        command=HOSTILE[0], host=HOSTILE[1], versions={HOSTILE[2]: HOSTILE[3]}, failed={"t": HOSTILE[0]}
    )
    sweep.update(spec={"name": HOSTILE[4], HOSTILE[0]: {HOSTILE[1]: HOSTILE[3]}})
    text = html.render(report_of(sweep))
    outline = Outline(text)
    assert not {tag for tag, _ in outline.tags} & {"script", "b"}
    assert all(str(attributes["src"]).startswith("data:") for tag, attributes in outline.tags if tag == "img")
    shown = "".join(outline.text)
    for name in HOSTILE:
        assert name.replace("\u202e", "\\u202e") in shown
    labels = [attributes.get("aria-label") or "" for _, attributes in outline.tags]
    assert any(HOSTILE[1] in label for label in labels)


@pytest.mark.parametrize("state", ["unfinished", "running", "old", "one seed"])
def test_a_sweep_that_is_not_whole(tmp_path: Path, state: str) -> None:
    if state == "unfinished":
        text = html.render(report_of(write_example(tmp_path, missing=5)))
        assert "5 trials are missing" in " ".join(text.split())
        assert "No trial on this data set has finished yet" in text
    elif state == "running":
        text = html.render(report_of(write_example(tmp_path, missing=10, status="running")))
        assert "No trial has finished yet, so there is no verdict" in text
    elif state == "one seed":
        text = html.render(report_of(write_example(tmp_path, seeds=[7])))
        assert "of one seed, so without an interval" in text
        assert "±" not in text.partition('<table class="verdict">')[2].partition("</table>")[0]
        section = text.partition('id="d1-contrast"')[2].partition("<h3")[0]
        assert "1 common seed," in section
        assert not re.search("over seeds|±", section)
    else:
        sweep = write_example(tmp_path)
        (tmp_path / SWEEP_ID / "examples.parquet").unlink()
        new = ("format", "tokens", "groups", "class_counts", "class_lengths", "normalization")
        old = [{key: entry[key] for key in entry if key not in new} for entry in sweep.info["datasets"]]
        sweep.update(datasets=old)
        text = html.render(report_of(sweep))
        assert "kept no examples of the classes" in text
    Outline(text)


def test_many_classes_are_listed_instead(tmp_path: Path) -> None:
    sweep = write_example(tmp_path, class_names=[f"class{number:02}" for number in range(18)])
    text = html.render(report_of(sweep))
    assert 'class="matrix"' not in text
    assert "Most confused classes" in text
    assert re.search(r"<details open>\s*<summary>The surest differences", text)


def large(root: Path) -> Report:
    """1,000 lanes over 400 epochs, as 25 architectures with 40 candidates, one seed."""
    sweep = write_example(root, missing=10)
    many = [{**CANDIDATES[0], "lr": 1e-4 * 1.1**number} for number in range(40)]
    shapes = itertools.product(("gru", "lstm", "rnn_tanh"), (1, 2, 3), (32, 64, 128))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.support.example_sweep.CANDIDATES", many)
        patch.setattr("tests.support.example_sweep.EPOCHS", 4)
        for cell, layers, hidden in itertools.islice(shapes, 25):
            write_example_trial(sweep, DATASETS[1], (cell, layers, hidden, False, "last", 0.1, 0.0, 1.0), [0])
    report = report_of(sweep)
    assert report.verdict.lanes == 1000
    part = report.datasets[0]
    noise = np.random.default_rng(0).normal(size=400)
    falling = tuple(float(2 * math.exp(-epoch / 90) + 0.05 * noise[epoch] + 0.2) for epoch in range(400))
    return dataclasses.replace(
        report,
        datasets=(
            dataclasses.replace(
                part,
                curves=tuple(
                    dataclasses.replace(
                        each,
                        curves=tuple(dataclasses.replace(curve, errors=falling) for curve in each.curves),
                    )
                    for each in part.curves
                ),
            ),
        ),
    )


def test_a_thousand_lanes_are_below_three_megabytes(tmp_path: Path) -> None:
    report = large(tmp_path)
    text = html.render(report)
    Outline(text)
    assert 500_000 < len(text.encode()) < 3_000_000
    # as many architectures: the best are shown
    (part,) = report.datasets
    block = dataclasses.replace(part.verdict, rows=part.verdict.rows * 40)
    text = html.render(dataclasses.replace(report, datasets=(dataclasses.replace(part, verdict=block),)))
    assert len(text.encode()) < 3_000_000
    assert "The best 300 of 1000 architectures" in text
    assert "The best 24 of 1000 architectures" in text


def test_a_file_is_whole_or_as_it_was(tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    output.write(b"first", target)
    link = tmp_path / "link.html"
    link.symlink_to(target)
    (tmp_path / "circle").symlink_to("circle")
    output.write(b"second", link)
    assert (link.is_symlink(), target.read_text()) == (True, "second")
    for path, said in (
        (tmp_path / "none" / "x.html", "there is no folder"),
        (tmp_path, "it is there and is no file"),
        (Path("/dev/null"), "it is there and is no file"),
        (tmp_path / f"{'x' * 300}.html", "too long"),
        (tmp_path / "circle", "loop"),
    ):
        with pytest.raises(StoreError, match=re.escape(f"cannot write {path}")) as caught:
            output.write(b"third", path)
        assert said in str(caught.value).lower()
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["circle", "link.html", "report.html"]


plain = st.recursive(
    st.one_of(st.booleans(), st.integers(-(2**60), 2**60), st.floats(allow_nan=False, allow_infinity=False))
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), plain, max_size=4))
def test_the_spec_is_toml(table: dict[str, Any]) -> None:
    assert tomllib.loads(toml.dump(table)) == table


def test_what_is_not_set_is_said() -> None:
    assert toml.dump({"bptt": None, "a": {"b": None}}) == "# bptt is not set\n\n[a]\n# b is not set"


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.integers(2, 9))
def test_ticks_are_round_and_few(low: float, span: float, most: int) -> None:
    found = axis.ticks(low, low + span, most)
    assert len(found) <= most + 1
    steps = {float(f"{b - a:.6g}") for a, b in itertools.pairwise(found)}
    if span > 1e-3 * abs(low) and len(found) > 2:
        assert all(f"{step:.0e}"[0] in "125" for step in steps)
    assert all(low - 1e-6 * span - 1e-9 <= tick <= low + span * (1 + 1e-6) + 1e-9 for tick in found)


@given(st.floats(1e-9, 1e9), st.floats(1.01, 1e12), st.integers(2, 9))
def test_logarithmic_ticks(low: float, ratio: float, most: int) -> None:
    scale = axis.Axis(low, low * ratio, 0, 100, log=True)
    found = scale.ticks(most)
    assert 1 <= len(found) <= most + 1
    places = [scale.at(tick) for tick in found]
    assert places == sorted(places)
    assert all(0 <= place <= 100 for place in places)


fraction = st.floats(0, 1)
intervals = st.builds(Interval, st.none() | fraction, st.none() | st.floats(0, 3), st.integers(0, 9))


@given(st.lists(intervals, max_size=8))
def test_any_figures_have_a_scale(figures: list[Interval]) -> None:
    scale = glyph.scale(figures)
    assert 0 <= scale.low < scale.high <= 1
    for figure in figures:
        if figure.mean is not None:
            assert scale.low - 1e-9 <= figure.mean <= scale.high + 1e-9
        Outline(glyph.draw(figure, scale, best=False) + glyph.head(scale))


@given(st.lists(st.lists(st.none() | st.floats(0, 1e9), max_size=30).map(tuple), min_size=1, max_size=30))
def test_any_curves_can_be_drawn(errors: list[tuple[float | None, ...]]) -> None:
    lines = tuple(Curve(n, {"lr": 0.1 * n}, n == 1, 2, 0, each) for n, each in enumerate(errors))
    drawn = curves.draw(Curves("s", "d", True, "t", "gru x 1 x 8", ("lr",), lines))
    tags = Outline(drawn).tags
    assert sum("line" in str(attributes.get("class")) for _, attributes in tags) == len(lines)
    for number in re.findall(r'(?:d|x|y)="([^"]*)"', drawn):
        for value in re.findall(r"-?[\d.]+(?:e[+-]?\d+)?", number):
            assert -1 <= float(value) <= curves.WIDTH


def test_of_many_sets_the_chosen_one_and_the_lowest_are_drawn() -> None:
    lines = tuple(Curve(n, {}, n == 99, 1, 0, (2.0, 1.0 + n)) for n in range(100))
    data = Curves("s", "d", True, "t", "gru", (), lines)
    assert [curve.candidate for curve in curves.best(data, 5)] == [0, 1, 2, 3, 99]
    assert curves.draw(data).count('class="line') == curves.MOST_LINES
    long = dataclasses.replace(lines[0], errors=(1.0,) * 10_000)
    assert len(curves.draw(dataclasses.replace(data, curves=(long,)))) < 4_000


def test_a_whisker_that_leaves_the_axis_has_no_bar_at_that_end(report: Report) -> None:
    data = report.datasets[0].importance
    assert data is not None
    parameter = data.parameters[0]
    for half, bars in ((0.001, 2), (0.9, 0), (0.0, 0), (None, 0)):
        level = dataclasses.replace(parameter.levels[0], accuracy=Interval(parameter.levels[0].best, half, 3))
        one = dataclasses.replace(parameter, levels=(level,))
        drawn = effects.marginal(dataclasses.replace(data, parameters=(one,)), one)
        (whisker,) = re.findall('d="([^"]*)" class="whisker"', drawn) or [""]
        assert whisker.count("h") == bars
        assert bool(whisker) == bool(half)


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (5, 2), (300, 64), (40, 3)])
@pytest.mark.parametrize("how", ["ink", "image", "traces"])
def test_any_sequence_can_be_drawn(shape: tuple[int, int], how: str) -> None:
    if how == "ink" and shape[1] != 2:
        pytest.skip("ink has two features")
    for values in (
        np.zeros(shape, np.float32),
        np.random.default_rng(0).normal(size=shape).astype(np.float32),
    ):
        drawn = specimen.draw(Specimen("a/0", shape[0], 1, 1, values), how, "<a>")
        assert "nan" not in drawn
        (_, attributes), *_ = Outline(drawn).tags
        assert "<a>" in str(attributes.get("alt") or attributes.get("aria-label"))


def test_how_a_data_set_is_drawn(report: Report) -> None:
    def kind(form: str | None, features: int | None, drawing: str | None = None) -> str:
        facts: DatasetFacts = dataclasses.replace(
            next(part.facts for part in report.datasets if part.facts),
            format=form,
            features=features,
            drawing=drawing,
        )
        return specimen.kind(facts)

    assert [kind("strokes", 2), kind("mfcc", 39), kind("ts", 12), kind("ts", 2), kind(None, None)] == [
        *("ink", "image", "image", "traces", "traces")
    ]
    assert [kind("new", 2, drawing) for drawing in ("ink", "image", "traces")] == ["ink", "image", "traces"]
    assert kind("new", 3, "ink") == "traces"


def test_shades_grow_with_the_share(report: Report) -> None:
    confusion = report.datasets[1].confusion
    assert confusion is not None
    shares = [[(50, 100), (50, 100), (0, 100)], [(1, 1000), (999, 1000), (0, 1000)], [(0, 0)] * 3]
    cells = tuple(tuple(proportion(np.array([hit]), np.array([of])) for hit, of in row) for row in shares)
    data = dataclasses.replace(confusion, shares=cells)
    shades = [page.shade(data, row, column) for row in range(3) for column in range(3)]
    assert shades == ["hit s5", "miss s5", "none", "miss s1", "hit s10", "none", "none", "none", "none"]


def test_numbers_are_short_and_text_is_escaped() -> None:
    assert [svg.number(value) for value in (12.0, 12.34, -0.04, 100.0)] == ["12", "12.3", "0", "100"]
    assert svg.element("g", "<", svg.element("a"), x_y="<\"'&", none=None, of=1.26) == (
        '<g x-y="&lt;&#34;&#39;&amp;" of="1.3">&lt;<a></a></g>'
    )
    assert svg.path([(0, 1), (2, 3), None, (4, 5)]) == "M0 1 2 3 M4 5"


def test_nothing_to_compare(tmp_path: Path) -> None:
    sweep = write_example(tmp_path, missing=10)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.support.example_sweep.CANDIDATES", CANDIDATES[:1])
        write_example_trial(sweep, DATASETS[1], ARCHITECTURES[0], [0, 1, 2])
    text = html.render(report_of(sweep))
    assert "Every parameter has one value: there is nothing to compare" in text
    assert "minus" not in text
    assert "Difference" not in text
    assert "There was nothing to compare: one architecture with one hyperparameter set" in text
    Outline(text)


def test_without_the_extra_the_rest_is_there(example_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    text = html.render(report_of(Store(example_root).find(SWEEP_ID)))
    assert "pip install &#39;.[importance]&#39;" in text
    assert "Learning curves" in text


def test_what_is_left_out_of_the_data_is_said(report: Report) -> None:
    part = report.datasets[0]
    assert part.facts is not None
    first, *others = part.facts.classes
    one = dataclasses.replace(first.specimens[0], token_step=7, feature_step=3)
    classes = (dataclasses.replace(first, specimens=(one,)), *others * 60)
    facts = dataclasses.replace(part.facts, classes=classes)
    text = html.render(dataclasses.replace(report, datasets=(dataclasses.replace(part, facts=facts),)))
    assert "The first 200 of 241 classes." in text
    assert "one token of 7, or more, is drawn" in text
    assert "Of the features, one of 3 is drawn" in text
    assert "thinned" in html.render(report), "every other token of the example's second"


def test_a_verdict_of_nothing_but_divergence(tmp_path: Path) -> None:
    sweep: Sweep = write_example(tmp_path, missing=10)
    write_example_trial(sweep, DATASETS[0], ARCHITECTURES[-1], [0, 1])
    text = html.render(report_of(sweep))
    assert "every model diverged: nothing was chosen" in text
    Outline(text)
