"""Exported tables: read back by pandas, a Markdown parser and a LaTeX parser."""

import io
import json
import re
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from pylatexenc.latex2text import LatexNodes2Text
from pylatexenc.latexwalker import LatexEnvironmentNode, LatexWalker

from seqsweep.results.analysis.verdict import verdict
from seqsweep.results.errors import StoreError
from seqsweep.results.export import FORMATS, TABLES, Table, encode, latex, markdown, read_table
from seqsweep.results.schema import SCHEMAS, table
from seqsweep.results.store import Store, Sweep
from tests.support.example_sweep import write_example

HOSTILE = (
    *(
        "a & b",
        "&lt;",
        "50 %",
        "x_y$z#",
        "p|q",
        'say "hi", you',
        "two\nlines",
        "{b}\\c",
        "~^<t>",
        "*bold* `code` [l](u)",
        "--",
        "[1]",
    ),
    *("''", "äçñ ಅ 中", " edge "),
)


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    """The example with names that mean something to one format or another, a data set's among them."""
    sweep = write_example(tmp_path_factory.mktemp("hostile"), class_names=HOSTILE, seeds=[0, 1], missing=2)
    name = "50% of a_b & c|d"
    for trial in sorted(sweep.finished()):
        tables = {each: sweep.read(each, trials=[trial]).to_pylist() for each in SCHEMAS}
        for rows in tables.values():
            for row in rows:
                row["dataset"] = name
        sweep.write_trial(trial, {each: table(each, rows) for each, rows in tables.items()})
    sweep.update(datasets=[entry | {"name": name} for entry in sweep.info["datasets"]])
    return sweep


def as_pandas(exported: Table) -> pd.DataFrame:
    return exported.data.to_pandas()


@pytest.mark.parametrize("name", TABLES)
def test_parquet_loads_back_equal(sweep: Sweep, name: str) -> None:
    exported = read_table(sweep, name)
    back = pd.read_parquet(io.BytesIO(encode(exported, "parquet")))
    pd.testing.assert_frame_equal(back, as_pandas(exported))
    if name in SCHEMAS:
        assert len(back) == sweep.read(name).num_rows


@pytest.mark.parametrize("name", TABLES)
def test_csv_loads_back_equal(sweep: Sweep, name: str) -> None:
    exported = read_table(sweep, name)
    content = encode(exported, "csv")
    empty = {column: ["", "nan"] for column in exported.data.column_names}
    back = pd.read_csv(io.BytesIO(content), keep_default_na=False, na_values=empty)
    theirs = as_pandas(exported)
    if "probabilities" in theirs:
        back["probabilities"] = back["probabilities"].map(json.loads)
        theirs["probabilities"] = theirs["probabilities"].map(list)
    assert list(back) == list(theirs)
    for column in theirs:
        assert back[column].isna().tolist() == theirs[column].isna().tolist()
        known = theirs[column].notna()
        assert back[column][known].tolist() == theirs[column][known].tolist(), column


def test_the_verdict_is_that_of_show(sweep: Sweep) -> None:
    frame = as_pandas(read_table(sweep, "verdict"))
    (block,) = verdict(sweep).datasets
    assert frame.trial.tolist() == [row.trial for row in block.rows]
    for name in ("rank_low", "rank_high", "tied", "parameters", "unstable"):
        assert frame[name].tolist() == [getattr(row, name) for row in block.rows]
    sound = [row for row in block.rows if row.test.n]
    assert frame.test_mean.dropna().tolist() == [row.test.mean for row in sound]
    assert frame.test_half_width.dropna().tolist() == [row.test.half_width for row in sound]
    assert frame.lr.dropna().tolist() == [row.chosen["lr"] for row in sound]


def shown_by_markdown(text: str) -> list[list[str]]:
    """Cells of a Markdown table, as a reader sees them."""
    cells: list[list[str]] = []
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.type == "tr_open":
            cells.append([])
        elif token.type == "inline":
            parts = [
                "\n" if each.type == "html_inline" and each.content == "<br>" else each.content
                for each in token.children or ()
            ]
            assert {each.type for each in token.children or ()} <= {"text", "html_inline", "text_special"}
            cells[-1].append("".join(parts))
    return cells


@pytest.mark.parametrize("name", TABLES)
def test_markdown_is_one_table_with_every_cell(sweep: Sweep, name: str) -> None:
    exported = read_table(sweep, name)
    found = shown_by_markdown(encode(exported, "markdown").decode())
    assert found == [list(exported.headings), *map(list, exported.cells)]


@given(st.text("a|\\*_`<>[]!&#~$ \n{}:@1-.+()\"'é", max_size=12))
def test_any_text_is_itself_in_markdown(text: str) -> None:
    row = f"| x | y |\n| --- | --- |\n| {markdown.escape(text)} | end |\n"
    assert shown_by_markdown(row)[1] == [text, "end"]


def shown_by_latex(text: str) -> str:
    LatexWalker(text, tolerant_parsing=False).get_latex_nodes()
    shown = LatexNodes2Text(math_mode="text", strict_latex_spaces=True).latex_to_text(text)
    return str(shown).replace("ˆ", "^")  # its reading of \\textasciicircum


@given(st.text("a|\\*_`<>[]!?&#~$%^ \n{}:@1-.+()'é±–", max_size=12))
def test_any_text_is_itself_in_latex(text: str) -> None:
    escaped = latex.escape(text)
    assert shown_by_latex(f"({escaped})") == f"({text})".replace("\n", " ")
    assert "--" not in escaped
    assert "''" not in escaped


@pytest.mark.parametrize("name", ["verdict", "confusions"])
def test_latex_has_a_line_for_every_row(sweep: Sweep, name: str) -> None:
    exported = read_table(sweep, name)
    text = encode(exported, "latex").decode()
    environment = "tabular" if name == "verdict" else "longtable"
    nodes = LatexWalker(text, tolerant_parsing=False).get_latex_nodes()[0]
    (node,) = [each for each in nodes if each.isNodeType(LatexEnvironmentNode)]
    assert node.environmentname == environment
    lines = [line for line in text.splitlines() if line.endswith(r" \\")]
    assert len(lines) == 1 + len(exported.cells)
    for line, cells in zip(lines[1:100], exported.cells[:99], strict=False):
        assert not line.startswith(("[", "*"))
        parts = re.split(r" (?<!\\)& ", line.removesuffix(r" \\"))
        assert [shown_by_latex(part) for part in parts] == [cell.replace("\n", " ") for cell in cells]
    assert {"toprule", "midrule", "bottomrule"} <= {part.strip("\\") for part in text.split()}


def test_a_line_that_begins_like_an_option_is_none(sweep: Sweep) -> None:
    text = latex.encode(
        Table("verdict", read_table(sweep, "verdict").data, ("a",), (("[1]",), ("*",)), (False,))
    )
    assert b"\n{}[1] \\\\\n{}* \\\\\n" in text


def test_one_data_set(example_root: Path) -> None:
    both = Store(example_root).find()
    for name in TABLES:
        one = read_table(both, name, "segments")
        assert set(one.data["dataset"].to_pylist()) == {"segments"}
        assert 0 < one.data.num_rows < read_table(both, name).data.num_rows
    with pytest.raises(StoreError, match="no results on data set `segment`; nearest: segments"):
        read_table(both, "lanes", "segment")
    with pytest.raises(StoreError, match="there is no table `lane`; the tables are verdict, lanes"):
        read_table(both, "lane")


def test_a_sweep_without_results_says_so(tmp_path: Path) -> None:
    empty = write_example(tmp_path, missing=10, status="running")
    with pytest.raises(StoreError, match="has no finished trial yet"):
        read_table(empty, "verdict")


def test_a_synthetic_data_set_is_called_so(sweep: Sweep) -> None:
    for form in FORMATS.keys() - {"parquet", "csv"}:
        assert b"(synthetic)" in encode(read_table(sweep, "verdict"), form)
