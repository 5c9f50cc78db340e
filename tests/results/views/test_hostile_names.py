"""Every view of a store whose names are hostile, wide or long, in terminals of every width."""

import io
import re
import tomllib
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from seqsweep.results import html
from seqsweep.results.analysis.comparison import compare_architectures
from seqsweep.results.analysis.confusion import confusion as confusion_of
from seqsweep.results.analysis.confusion_contrast import contrast as contrast_of
from seqsweep.results.analysis.curves import curves as curves_of
from seqsweep.results.analysis.importance import importance as importance_of
from seqsweep.results.analysis.lane_rows import lanes
from seqsweep.results.analysis.report import report
from seqsweep.results.analysis.summary import summary
from seqsweep.results.analysis.verdict import verdict as verdict_of
from seqsweep.results.export import latex, markdown
from seqsweep.results.html import toml
from seqsweep.results.query.sql import ask
from seqsweep.results.shown import shown
from seqsweep.results.store import Store, Sweep
from seqsweep.results.views import (
    answer,
    compare,
    confusion,
    contrast,
    curves,
    importance,
    rows,
    sweeps,
    verdict,
)
from seqsweep.results.views.terminal import Terminal
from seqsweep.sweeps.cli.app import main
from tests.support import example_sweep
from tests.support.example_sweep import write_example

HOSTILE = (
    "\x1b]0;renamed\x07\x1b[2J",
    "c1\x9b31m\x85\u202e\u2066\u200b\ufeff\U000e0041",
    "[red]x[/red] :smile: \r\b\t",
    "two\nlines<script>alert(1)</script>|`*_$\\&%#",
    "漢字 e\u0301 😀",
)
WIDE = ("漢字漢字漢字", "😀😀", "e\u0301" * 8, "L" * 240, "=cmd|A0")
SGR = re.compile(r"\x1b\[[0-9;]*m")
WIDTHS = (1, 2, 3, 4, 5, 7, 9, 10, 12, 15, 18, 20, 21, 26, 33, 40, 47, 60, 79, 140, 1000)
Render = Callable[[Any, Console], None]


def hostile_sweep(root: Path, names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> Sweep:
    datasets = tuple(
        (names[place], synthetic, names, count)
        for place, (_, synthetic, _, count) in enumerate(example_sweep.DATASETS)
    )
    monkeypatch.setattr(example_sweep, "DATASETS", datasets)
    sweep = write_example(root, seeds=[0, 1])
    sweep.update(name=f"sweep {names[0]}")
    return Store(root).find(sweep.id)


def views_of(sweep: Sweep) -> dict[str, tuple[Render, Any]]:
    compared = ("gru x 2 x 100", "lstm x 2 x 100")
    described = [entry.name for entry in summary(sweep).datasets]
    query = f'select true, count(*) as "{HOSTILE[0]}", list(distinct predicted) from predictions group by all order by all'
    return {
        "verdict": (verdict.render, verdict_of(sweep)),
        "confusion": (confusion.render, confusion_of(sweep, described[0], "rnn_tanh x 2 x 100")),
        "brief": (
            lambda data, console: confusion.render(data, console, brief=True, counts=True),
            confusion_of(sweep, described[1], "rnn_tanh x 2 x 100"),
        ),
        "contrast": (contrast.render, contrast_of(sweep, described[0], *compared)),
        "curves": (curves.render, curves_of(sweep, described[0])),
        "validation": (
            lambda data, console: curves.render(data, console, validation=True),
            curves_of(sweep, described[0]),
        ),
        "importance": (importance.render, importance_of(sweep)),
        "compare": (compare.render, compare_architectures(sweep, compared)),
        "lanes": (rows.render, lanes(sweep, limit=3)),
        "answer": (answer.render, ask(query, [sweep])),
        "sweeps": (sweeps.render, [summary(sweep)]),
    }


VIEWS = (
    "verdict",
    "confusion",
    "brief",
    "contrast",
    "curves",
    "validation",
    "importance",
    "compare",
    "lanes",
)
VIEWS += ("answer", "sweeps")


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, tuple[Render, Any]]]:
    found = {}
    for kind, names in (("hostile", HOSTILE), ("wide", WIDE)):
        with pytest.MonkeyPatch.context() as patch:
            found[kind] = views_of(hostile_sweep(tmp_path_factory.mktemp(kind), names, patch))
    return found


@pytest.mark.parametrize("kind", ["hostile", "wide"])
@pytest.mark.parametrize("name", VIEWS)
def test_a_view_shows_names_at_any_width(stores: dict[str, Any], name: str, kind: str) -> None:
    render, data = stores[kind][name]
    for width in WIDTHS:
        for colour in (False, True):
            file = io.StringIO()
            render(data, Terminal(file=file, width=width, force_terminal=colour, _environ={"TERM": "xterm"}))
            text = SGR.sub("", file.getvalue()) if colour else file.getvalue()
            assert text.strip(), width
            lines = text.split("\n")
            assert all(line.isprintable() for line in lines), width
            if width >= 20:
                assert max(map(cell_len, lines)) <= width


def test_the_page_shows_and_isolates_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = hostile_sweep(tmp_path, HOSTILE, monkeypatch)
    spec = {"name": HOSTILE[1], "datasets": [{"name": each} for each in HOSTILE]}
    sweep.update(
        spec=spec, command=f"seqsweep run {HOSTILE[0]}", host=HOSTILE[1], failed={"t": f"no {HOSTILE[3]}"}
    )
    text = html.render(report(Store(tmp_path).find(sweep.id)))
    assert not [line for line in text.split("\n") if not line.isprintable()]
    page = Page(text)
    for name in HOSTILE:
        seen = shown(name)
        places = [isolated for content, isolated in page.texts if seen in content]
        assert places, seen
        assert all(places), f"{seen} without <bdi>"
    assert tomllib.loads(page.spec) == spec, "the spec is itself"


class Page(HTMLParser):
    """Texts of a page, with whether they lie in `<bdi>`; what is in `<pre>`, apart."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.texts: list[tuple[str, bool]] = []
        self.spec = ""
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in ("bdi", "pre", "title", "text"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        if "pre" in self.open:
            self.spec += data
        elif not {"title", "text"} & set(self.open):
            self.texts.append((data, "bdi" in self.open))


@given(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('\x1b\x7f\x9b\u202e\U000e0041"\\')))
def test_any_text_is_itself_in_toml(text: str) -> None:
    out = toml.dump({"name": text, "table": {text: text}})
    assert all(line.isprintable() for line in out.split("\n"))
    assert tomllib.loads(out) == {"name": text, "table": {text: text}}


@pytest.mark.parametrize("escape", [latex.escape, markdown.escape])
@given(text=st.text(st.characters() | st.sampled_from("\x1b\x7f\x9b\u202e\U000e0041\t\r|")))
def test_tables_for_papers_show_too(escape: Callable[[str], str], text: str) -> None:
    assert escape(text).isprintable()


TAKEN = "\x1b]0;renamed\x07\x9b2J\u202e\r[red]"


@pytest.mark.parametrize(
    "arguments",
    [
        ["show", "--all"],
        ["list"],
        ["lanes", "--columns", "all"],
        ["confusion"],
        ["sql", f'select true as "{HOSTILE[0]}" from predictions'],
        ["export", "--format", "markdown", "--table", "confusions"],
        ["show", TAKEN],
        ["show", "--dataset", TAKEN],
        ["lanes", "--where", f"cell == '{TAKEN}' and"],
        ["lanes", "--sort", TAKEN],
        ["sql", f"select {TAKEN}"],
        ["compare", TAKEN, TAKEN],
        ["show", "--store", f"/nowhere/{TAKEN}"],
        ["plan", f"{TAKEN}.toml"],
        ["--debug", "predict", TAKEN, TAKEN],
        [TAKEN],
        ["show", f"--{TAKEN}"],
        ["show", "a", TAKEN],
        ["lanes", "--limit", TAKEN],
        ["status", "--address", f"http://{TAKEN}"],
        ["cluster", "template", TAKEN],
    ],
    ids=lambda arguments: " ".join(arguments[:2]).split(TAKEN)[0][:30],
)
def test_a_verb_shows_what_it_was_given(
    arguments: list[str],
    hostile_root: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SEQSWEEP_STORE", str(hostile_root))
    code = main(arguments)
    out, err = capsys.readouterr()
    assert all(line.isprintable() for line in (out + err).split("\n")), out + err
    # a traceback was asked for: as Python, 1
    assert code == (1 if "--debug" in arguments else 2 if TAKEN in "".join(arguments) else 0), err
    assert out if code == 0 else err


def test_an_error_quotes_all_that_was_typed(hostile_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """click drops colour codes on their way to a pipe; then the name in the error is not the one that was given."""
    assert main(["show", "a\x1b[31m", "--store", str(hostile_root)]) == 2
    assert "`a\\x1b[31m`" in capsys.readouterr().err


@pytest.fixture(scope="module")
def hostile_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("verbs")
    with pytest.MonkeyPatch.context() as patch:
        hostile_sweep(root, HOSTILE, patch)
    return root


@pytest.mark.parametrize("columns", ["0", "1", "20", "1000", "abc", "-3"])
def test_help_and_a_verdict_at_any_width(
    columns: str, hostile_root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    for arguments in (["--help"], ["run", "--help"], ["curves", "--store", str(hostile_root)], ["nonsense"]):
        assert main(arguments) == (2 if arguments == ["nonsense"] else 0)
        out, err = capsys.readouterr()
        assert (out or err).strip()
