"""The gate before a terminal: what commands it, or cannot be seen, is shown; rich's own codes pass."""

import ast
import io
import json
import re
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.live import Live
from rich.table import Table

from seqsweep import results, sweeps
from seqsweep.results.gate import Gate, print_data
from seqsweep.results.shown import shown, shown_lines
from seqsweep.results.views import json_view, layout
from seqsweep.results.views.terminal import LEAST_WIDTH, Terminal, Text, text_width

COMMANDS = [*map(chr, [*range(32), *range(0x7F, 0xA0)])]
"""C0, DEL and C1, all of which a terminal obeys."""
UNSEEN = [
    *map(chr, [0xA0, 0xAD, 0x34F, 0x61C, 0x115F, 0x180E, *range(0x200B, 0x2010), 0x2028, 0x2029]),
    *map(chr, [*range(0x202A, 0x202F), *range(0x2060, 0x2070), 0x3164, 0xFEFF, 0xFFA0, 0xFFF9]),
    *map(chr, [0xE0001, *range(0xE0020, 0xE0080), 0xE0100, 0xD800, 0xDC80, 0xDFFF, 0xFFFF, 0x10FFFF]),
]
SGR = re.compile(r"\x1b\[[0-9;]*m")
hostile = st.text(st.characters() | st.sampled_from([*COMMANDS, *UNSEEN]))


@pytest.mark.parametrize("char", [*COMMANDS, *UNSEEN], ids=ascii)
def test_what_commands_a_terminal_or_is_not_seen_is_shown(char: str) -> None:
    text = shown(f"a{char}b")
    assert text.isascii()
    assert text.isprintable()
    assert ast.literal_eval(f"'{text}'") == f"a{char}b", "as Python writes it"


@given(hostile)
@example("\u2764\ufe0f a\ufe0f")
def test_shown_text_is_one_line_that_is_seen(text: str) -> None:
    out = shown(text)
    assert out.isprintable()
    assert not {unicodedata.category(char) for char in out} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert shown(out) == out
    assert shown_lines(text).split("\n") == [shown(line) for line in text.split("\n")]
    out.encode()
    if text.isascii() and text.isprintable():
        assert out == text


@pytest.mark.parametrize(
    "text", ["कखग", "漢字", "é", "e\u0301", "עברית", "😀", "\u2764\ufe0f", "\\x1b", "±·●–"]
)
def test_what_people_write_stays(text: str) -> None:
    assert shown(text) == text


def printed(*parts: Any, **options: Any) -> str:
    file = io.StringIO()
    Terminal(file=file, **{"width": 60, **options}).print(*parts)
    return file.getvalue()


@given(hostile)
@example("[red]x[/] :smile: [link=file:///]y[/link]")
def test_a_console_shows_strings_texts_and_cells(text: str) -> None:
    table = Table(box=None)
    table.add_column(text, no_wrap=True)
    table.add_row(text)
    table.add_row(Text(text))
    for part in (text, Text(text), Text("a").append(text), Text("a") + Text(text), table):
        for out in (printed(part), SGR.sub("", printed(part, force_terminal=True, color_system="standard"))):
            assert all(line.isprintable() for line in out.split("\n")), out
    whole = io.StringIO()
    layout.plain(Terminal(file=whole, width=60), text)
    assert whole.getvalue() == shown(text) + "\n", "no markup, no emoji, nothing dropped"


@given(st.lists(hostile, min_size=1, max_size=4))
def test_columns_stay_aligned(names: list[str]) -> None:
    grid = layout.table([("name", "<"), ("end", "<")])
    for name in names:
        grid.add_row(Text(name), "|")
    out = printed(grid, width=10_000).splitlines()
    assert {cell_len(line.rstrip()) for line in out[1:]} == {max(4, *map(text_width, names)) + 3}


def test_even_text_of_rich_itself_is_shown() -> None:
    """The last gate: whoever forgets ours."""
    from rich.text import Text as Foreign

    assert printed(Foreign("a\x1b[2J\x9b1m\u202eb")) == "a\\x1b[2J\\x9b1m\\u202eb\n"


def test_a_live_screen_shows_too() -> None:
    file = io.StringIO()
    console = Terminal(file=file, width=60, height=5, force_terminal=True)
    with Live(console=console, screen=True, auto_refresh=False) as live:
        live.update(Text("a\x1b]0;renamed\x07\u202eb"), refresh=True)
    out = file.getvalue()
    assert "a\\x1b]0;renamed\\x07\\u202eb" in out
    assert "\x1b[?1049h" in out, "rich's own codes pass"
    assert "\x07" not in out
    assert "\x1b]" not in out


def test_what_is_printed_past_a_console_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with Gate():
        print("a\x1b[2Jb\nc\rd")
        sys.stderr.write("\x9b31m")
        sys.stderr.writelines(["\u202e", "x\n"])
        assert not hasattr(sys.stdout, "buffer"), "no way past it"
        Terminal(color_system="standard", force_terminal=True).print(Text("red", style="red"))
        assert sys.stdout.encoding
    assert capsys.readouterr() == (
        "a\\x1b[2Jb\nc\\rd\n\x1b[31mred\x1b[0m\n",
        "\\x9b31m\\u202ex\n",
    )
    print("\x1b")
    assert capsys.readouterr().out == "\x1b\n", "the gate is gone"


def test_data_are_true_in_a_pipe_and_shown_in_a_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Screen(io.TextIOWrapper):
        def isatty(self) -> bool:
            return True

    for kind, expected in ((io.TextIOWrapper, b"a\x1b[2J\xff\n"), (Screen, b"a\\x1b[2J\\xff\n")):
        sink = io.BytesIO()
        with monkeypatch.context() as patch:
            stream = kind(sink)
            patch.setattr(sys, "stdout", stream)
            print_data(b"a\x1b[2J\xff\n")
        assert sink.getvalue() == expected


@given(hostile)
def test_json_escapes_what_a_terminal_would_obey(text: str) -> None:
    out = json_view.dump({text: [text]})
    assert json.loads(out) == {text: [text]}
    assert all(line.isprintable() for line in out.split("\n"))


@pytest.mark.parametrize(
    ("claimed", "width"),
    [
        *[(text, 80) for text in ("", "0", "-3", "abc", "²", "9" * 5000)],
        *[("1", LEAST_WIDTH), ("19", LEAST_WIDTH), ("20", 20), ("21", 21), ("1000", 1000)],
    ],
    ids=lambda value: str(value)[:6],
)
@pytest.mark.parametrize("term", ["dumb", "", "xterm"])
def test_a_width_is_one_that_can_be_printed_in(claimed: str, width: int, term: str) -> None:
    console = Terminal(file=io.StringIO(), _environ={"COLUMNS": claimed, "LINES": claimed, "TERM": term})
    assert console.size.width == width
    assert console.size.height > 0


# Who may write to a stream, and why.
WRITERS = {
    "results/gate.py": "the gate",
    "results/views/json_view.py": "JSON, whose strings are escaped",
    "cluster/output.py": "moves the streams",
    "cluster/streams.py": "moves the streams",
    "cluster/records.py": "records for programs, within a job",
    "sweeps/cli/app.py": "errors, behind the gate",
    "sweeps/faults.py": "errors, behind the gate",
    "sweeps/cli/options.py": "notes, behind the gate",
    "sweeps/cli/notes.py": "notes, what cannot be seen in them escaped",
    "sweeps/cli/cluster.py": "cluster files, behind the gate",
    "sweeps/remote/watch.py": "JSON, whose strings are escaped",
    "sweeps/cluster_main.py": "a job's log",
    "sweeps/doctor/cluster.py": "records for programs, within a job",
    "sweeps/cli/running.py": "moves the streams",
}


def test_nothing_is_printed_but_through_the_gate() -> None:
    root = Path(results.__file__).parents[1]
    assert Path(sweeps.__file__).parents[1] == root
    writers = set()
    for path in sorted(
        each for name in ("results", "sweeps", "cluster") for each in (root / name).rglob("*.py")
    ):
        name = path.relative_to(root).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            said = ast.unparse(node)
            if isinstance(node, ast.Call) and re.match(r"(print|typer\.s?echo|click\.s?echo)\(", said):
                writers.add(name)
            if isinstance(node, ast.Attribute) and said in ("sys.stdout", "sys.stderr"):
                writers.add(name)
            if name == "results/views/terminal.py":
                continue
            assert not (isinstance(node, ast.Call) and said.startswith("Console(")), (
                f"{name}: Terminal() instead"
            )
            if isinstance(node, ast.ImportFrom) and node.module in (
                "rich.text",
                "rich.cells",
                "rich",
                "rich.markup",
            ):
                pytest.fail(f"{name}: {said}; results.views.terminal has those that show")
            assert "from_markup" not in said or not isinstance(node, ast.Attribute), name
    assert writers == set(WRITERS), "each with its reason"
