"""The command line: quick to start, pure JSON, sweeps found by prefix, quiet exits."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from seqsweep.results.query.sql import Answer
from seqsweep.sweeps.cli.app import main
from tests import REPOSITORY
from tests.support.example_sweep import SWEEP_ID, write_example
from tests.support.verbs import read, said

VERBS = (
    "init",
    "run",
    "plan",
    "pull",
    "resume",
    "list",
    "show",
    "compare",
    "confusion",
    "curves",
    "importance",
    "lanes",
    "report",
    "sql",
    "export",
    "export-model",
    "predict",
    "evaluate",
    "doctor",
)
HEAVY = ("torch", "ray", "pandas", "pyarrow", "numpy", "scipy")
SEQSWEEP = str(Path(sys.executable).with_name("seqsweep"))


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEQSWEEP_STORE", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "120")
    write_example(tmp_path)
    return tmp_path


def test_help_imports_nothing_heavy() -> None:
    code = f"""
import sys
from seqsweep.sweeps.cli.app import main
assert main(["--help"]) == 0
assert not {{"pydantic", "rich"}} & sys.modules.keys()
for verb in {VERBS}:
    assert main([verb, "--help"]) == 0
sys.exit(", ".join(name for name in {HEAVY} if name in sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""


@pytest.mark.parametrize("verb", VERBS)
def test_help_has_an_example(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == 0
    assert f"  seqsweep {verb}" in capsys.readouterr().out


def test_help_and_readme_group_the_verbs_alike(capsys: pytest.CaptureFixture[str]) -> None:
    shown = {
        heading.lower(): re.findall(r"^  ([a-z-]+) ", verbs, re.MULTILINE)
        for heading, verbs in re.findall(
            r"^([A-Z][a-z ]+):\n((?:  [a-z].*\n)+)", said(capsys, "--help"), re.MULTILINE
        )
    }
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    written = {
        heading: list(
            dict.fromkeys(  # a verb of several has a row for each
                re.findall(
                    r"`(?:seqsweep )?([a-z-]+)", " ".join(re.findall(r"^\| (`.*?) \|", rows, re.MULTILINE))
                )
            )
        )
        for heading, rows in re.findall(
            r"^\| ([a-z ]+) \| \|\n\| --- \| --- \|\n((?:\|.*\n)+)", readme, re.MULTILINE
        )
    }
    assert written == shown
    assert {verb for verbs in shown.values() for verb in verbs} >= {*VERBS}


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    from importlib.metadata import version

    assert said(capsys, "--version") == f"seqsweep {version('seqsweep')}\n"


def test_list(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert SWEEP_ID in said(capsys, "list")
    assert [each["id"] for each in read(capsys, "list")] == [SWEEP_ID]


def test_an_empty_store_has_an_empty_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert read(capsys, "list", "--store", str(tmp_path / "none")) == []


def test_show(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "show")
    data = read(capsys, "show")
    assert [block["dataset"]["name"] for block in data["datasets"]] == ["handwriting", "segments"]
    best = data["datasets"][0]["rows"][0]
    assert f"{100 * best['test']['mean']:.1f}" in text
    assert data["confusions"][0]["trial"] == best["trial"]
    assert "recall" in text
    assert "synthetic" in text


def test_show_one_data_set(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = read(capsys, "show", "--dataset", "segments")
    assert [block["dataset"]["name"] for block in data["datasets"]] == ["segments"]
    assert len(data["confusions"]) == 1


def test_report(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("seqsweep.results.analysis.importance.REPEATS", 2)
    assert said(capsys, "report", "ref").startswith(f"{SWEEP_ID}.html · ")
    page = (tmp_path / f"{SWEEP_ID}.html").read_text()
    assert page.startswith("<!doctype html>")
    (tmp_path / "x.html").write_text("before")
    said(capsys, "report", "-o", "x.html")
    assert (tmp_path / "x.html").read_text() == page
    # said before the work
    monkeypatch.setattr(
        "seqsweep.results.analysis.report.report", lambda _: pytest.fail("worked for nothing")
    )
    assert main(["report", "-o", "none/x.html"]) == 2
    assert capsys.readouterr().err == "error: cannot write none/x.html: there is no folder none\n"
    (tmp_path / "link.html").symlink_to(tmp_path / "gone" / "x.html")
    assert main(["report", "-o", "link.html"]) == 2
    assert f"there is no folder {tmp_path / 'gone'}\n" in capsys.readouterr().err


def test_reading_takes_neither_torch_nor_ray(store: Path, tmp_path: Path) -> None:
    code = f"""
import sys
from seqsweep.sweeps.cli.app import main
for verb in (["show"], ["curves"], ["confusion"], ["report", "-o", {str(tmp_path / "report.html")!r}]):
    assert main(verb) == 0
sys.exit(", ".join(name for name in ("torch", "ray") if name in sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""


def test_a_sweep_is_the_newest_or_a_prefix(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_example(store, sweep_id="other-0123ab", created="2030-01-01T00:00:00+00:00", missing=2)
    assert read(capsys, "show")["summary"]["id"] == "other-0123ab"
    assert read(capsys, "show", "ref")["summary"]["id"] == SWEEP_ID
    assert read(capsys, "show", SWEEP_ID)["summary"]["id"] == SWEEP_ID
    write_example(store, sweep_id="other-4567cd", missing=9)
    assert main(["show", "oth"]) == 2
    assert "`oth` fits 2 sweeps: other-0123ab, other-4567cd; give more" in capsys.readouterr().err
    assert read(capsys, "show", "other")["summary"]["id"] == "other-0123ab", "the newest of that name"
    write_example(store, sweep_id="other-2-0000ff", created="2031-01-01T00:00:00+00:00", missing=9)
    assert read(capsys, "show", "other")["summary"]["id"] == "other-0123ab", "a name goes before a beginning"


def test_confusion(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    best = read(capsys, "confusion")
    assert [each["dataset"] for each in best] == ["handwriting", "segments"]
    (named,) = read(capsys, "confusion", "--dataset", "segments", "--architecture", "lstm x 2 x 100")
    assert named["architecture"] == "lstm x 2 x 100"
    # a trial's id names its data set
    assert read(capsys, "confusion", "--architecture", named["trial"]) == [named]
    assert "predicted" in said(capsys, "confusion")
    assert main(["confusion", "--split", "validation"]) == 2
    assert "no confusions of split `validation`; it has test" in capsys.readouterr().err


def test_confusion_against_another(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--architecture", "gru x 2 x 100", "--against", "lstm x 2 x 100")
    found = read(capsys, "confusion", *options)
    assert [each["first"]["dataset"] for each in found] == ["handwriting", "segments"]
    assert found[0]["accuracy"]["p"] >= found[0]["accuracy"]["p_sequences"]
    assert "gru x 2 x 100 minus lstm x 2 x 100" in said(capsys, "confusion", *options)
    assert main(["confusion", *options, "--counts"]) == 2
    assert "--counts" in capsys.readouterr().err


def test_curves(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drawn = read(capsys, "curves", "--architecture", "gru x 2 x 100")
    assert [each["dataset"] for each in drawn] == ["handwriting", "segments"]
    assert [curve["chosen"] for curve in drawn[0]["curves"]].count(True) == 1
    assert "gru x 2 x 100" in said(capsys, "curves", "--architecture", "gru x 2 x 100")
    assert "mean validation error" in said(capsys, "curves", "--validation")


def test_importance(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = read(capsys, "importance", "--dataset", "segments")
    assert {each["name"] for each in found[0]["parameters"]} >= {"cell", "lr", "optimizer"}
    assert "clip_norm" in said(capsys, "importance")


def test_lanes(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = read(
        capsys, "lanes", "--where", "cell == 'gru' and chosen", "--columns", "trial, lr", "--sort=-lr"
    )
    assert (found["columns"], found["matching"], found["total"]) == (["trial", "lr"], 6, 120)
    assert len(read(capsys, "lanes")["rows"]) == 120
    assert "and 70 models more" in said(capsys, "lanes")
    assert main(["lanes", "--where", "lrr < 1"]) == 2
    assert "did you mean `lr`?" in capsys.readouterr().err
    assert read(capsys, "lanes", "--columns", "lr,seed,lr")["columns"] == ["lr", "seed"]


def test_sql(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    query = "select sweep, count(*) n from lanes group by sweep order by n"
    assert read(capsys, "sql", query) == {"columns": ["sweep", "n"], "rows": [[SWEEP_ID, 120]]}
    write_example(store, sweep_id="other-0123ab", missing=9, created="2026-11-24T08:00:00+00:00")
    assert read(capsys, "sql", query)["rows"] == [["other-0123ab", 12]]
    assert read(capsys, "sql", query, SWEEP_ID)["rows"] == [[SWEEP_ID, 120]]
    assert said(capsys, "sql", "--all", query, "--csv") == f"sweep,n\nother-0123ab,12\n{SWEEP_ID},120\n"
    assert "2 rows" in said(capsys, "sql", "--all", query)
    assert main(["sql", "select lrr from lanes"]) == 2
    assert 'Candidate bindings: "lr"' in capsys.readouterr().err
    assert main(["sql", "--all", query, SWEEP_ID]) == 2


@pytest.mark.parametrize(
    ("before", "during"),
    [
        pytest.param(signal.default_int_handler, signal.SIG_DFL, id="in-a-terminal"),
        pytest.param(signal.SIG_IGN, signal.SIG_IGN, id="behind-a-shell"),
    ],
)
def test_ctrl_c_ends_a_query_that_python_cannot_interrupt(
    before: Any, during: Any, store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = []

    def asked(*_: object) -> Answer:
        seen.append(signal.getsignal(signal.SIGINT))
        return Answer((), ())

    monkeypatch.setattr("seqsweep.results.query.sql.ask", asked)
    previous = signal.signal(signal.SIGINT, before)
    try:
        assert said(capsys, "sql", "select 1") == "0 rows\n"
        assert seen == [during]
        assert signal.getsignal(signal.SIGINT) is before
    finally:
        signal.signal(signal.SIGINT, previous)


def test_export(store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "export").startswith("dataset,synthetic,rank,")
    assert "handwriting (synthetic) & " in said(capsys, "export", "--format", "latex")
    target = tmp_path / "lanes.parquet"
    arguments = ["export", "--format", "parquet", "--table", "lanes", "--dataset", "segments"]
    assert said(capsys, *arguments, "-o", str(target)) == ""
    import pandas as pd

    assert len(pd.read_parquet(target)) == 60
    assert main(arguments) == 2
    assert "name a file with -o" in capsys.readouterr().err
    assert main([*arguments, "-o", str(tmp_path / "none" / "a.parquet")]) == 2
    assert "there is no folder" in capsys.readouterr().err


def test_an_exports_ending_is_what_it_is(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, begin in (
        ("a.md", b"| data set"),
        ("a.TEX", b"% "),
        ("a.parquet", b"PAR1"),
        ("a", b"dataset,"),
    ):
        assert said(capsys, "export", "-o", str(tmp_path / name)) == ""
        assert (tmp_path / name).read_bytes().startswith(begin)
    (tmp_path / "folder.csv").mkdir()
    for arguments, message in (
        (
            ["-o", "x.xlsx"],
            "x.xlsx ends in .xlsx, which is no format here: the endings are .csv, .parquet, .tex",
        ),
        (["-o", "x.md", "--format", "csv"], "x.md ends in .md, which is markdown, but --format says csv"),
        (["-o", "folder.csv"], "it is there and is no file"),
        (["-o", "none/x.csv"], "there is no folder"),
    ):
        assert main(["export", *arguments[:1], str(tmp_path / arguments[1]), *arguments[2:]]) == 2
        assert message in " ".join(capsys.readouterr().err.split())
    assert not list(tmp_path.glob("x.*"))


@pytest.mark.parametrize(
    "arguments",
    [
        ["confusion", "--architecture", "LSTM"],
        ["curves", "--architecture", "lstm"],
        ["confusion", "--architecture", "gru", "--against", "lstm"],
        ["compare", "gru", "lstm"],
    ],
    ids=" ".join,
)
def test_a_cell_means_its_best_architecture_and_says_so(
    arguments: list[str], store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--dataset", "segments"]) == 0
    out, err = capsys.readouterr()
    assert "lstm x 1 x 100 bi last+max" in out
    assert "note: `lstm` means the best of that cell: on segments lstm x 1 x 100 bi last+max\n" in err


@pytest.mark.parametrize("verb", ["confusion", "curves"])
def test_an_unknown_architecture_is_a_mistake(
    verb: str, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([verb, "--architecture", "lstm x 7 x 100"]) == 2
    assert "lstm x 2 x 100" in capsys.readouterr().err
    assert main([verb, "--dataset", "handwritten"]) == 2
    assert "handwriting" in capsys.readouterr().err


def test_a_damaged_sweep_is_named(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (store / SWEEP_ID / "sweep.json").write_text("{")
    write_example(store, sweep_id="other-0123ab", missing=10)
    for arguments, code in ((["show"], 0), (["list"], 2), (["sql", "select 'other-0123ab'", "--all"], 2)):
        assert main(arguments) == code
        out, err = capsys.readouterr()
        assert f"{store / SWEEP_ID / 'sweep.json'} is damaged: " in err
        assert "other-0123ab" in out or "no trial has finished yet" in out
        assert (f"; bring it back from a copy, or move its sweep out of {store}\n" in err) == (code == 0)
    assert "no trial has finished yet" in said(capsys, "show", "other")
    assert main(["show", SWEEP_ID]) == 2
    assert "sweep.json is damaged: " in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["confusion", "compare"])
def test_damage_is_not_passed_over_where_other_figures_are_whole(
    verb: str, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (name,) = read(capsys, "confusion", "--dataset", "segments", "--architecture", "gru x 2 x 100")
    part = store / SWEEP_ID / "predictions" / f"{name['trial']}.parquet"
    part.write_bytes(part.read_bytes()[:-9])
    two = ["gru x 2 x 100", "lstm x 2 x 100"]
    arguments = {"confusion": ["--architecture", two[0]], "compare": two}[verb]
    assert main([verb, *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert f"{part} is damaged" in err


def test_weights_of_another_network_are_no_fault_of_ours(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The example's are made up."""
    (tmp_path / "new").mkdir()
    folder = tmp_path / "new" / "model"
    assert main(["export-model", SWEEP_ID, "--dataset", "handwriting", "-o", str(folder)]) == 2
    err = capsys.readouterr().err
    assert err.startswith(
        "error: weights of trial 37be8c8a6bd0, seed 0: `head.weight` is absent, but must be [5, 400] for lstm"
    )
    assert list(folder.parent.iterdir()) == []


def test_our_own_faults_are_one_line_and_say_how_to_see_more(
    store: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("two\nlines")

    monkeypatch.setattr("seqsweep.results.analysis.verdict.verdict", broken)
    assert main(["show"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[0] == "error: RuntimeError: two lines"
    assert "--debug" in err
    assert main(["--debug", "show"]) == 1
    assert "Traceback" in (shown := capsys.readouterr().err)
    assert shown.endswith("RuntimeError: two\nlines\n")


def test_ctrl_c_is_130(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("seqsweep.results.analysis.verdict.verdict", interrupted)
    assert main(["show"]) == 130


def buffered() -> dict[str, str]:
    """The environment of a process whose output waits for the end, as everybody's does."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}


@pytest.mark.parametrize("verb", ["show", "list"])  # more than a pipe holds, less than a buffer
def test_a_reader_that_leaves_is_no_fault(verb: str, store: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [SEQSWEEP, verb, "--json"]
    done = subprocess.run(
        command, stdout=writer, stderr=subprocess.PIPE, env=buffered(), text=True, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("arguments", [["list"], ["list", "--json"], ["export"]], ids=" ".join)
def test_output_that_finds_no_room_is_explained(arguments: list[str], store: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [SEQSWEEP, *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            env=buffered(),
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr == "error: cannot write standard output: No space left on device\n"


def test_a_terminal_of_another_encoding_gets_what_it_can_show(store: Path) -> None:
    """And a program all of it: JSON as escapes, CSV in UTF-8."""
    write_example(store, sweep_id="odd-0123ab", created="2030-01-01T00:00:00+00:00", class_names=("ü", "漢"))

    def printed(*arguments: str) -> bytes:
        environment = os.environ | {"PYTHONIOENCODING": "latin-1"}
        return subprocess.run([SEQSWEEP, *arguments], capture_output=True, env=environment, check=True).stdout

    text = printed("confusion").decode("latin-1")
    assert "· test" in text
    assert "ü" in text
    assert "?" in text
    assert json.loads(printed("confusion", "--json").decode("ascii"))[0]["classes"] == ["ü", "漢"]
    query = "select distinct true from confusions order by all"
    assert printed("sql", query.replace("true", '"true"'), "--csv").decode() == "true\nü\n漢\n"


def test_a_pipe_gets_no_escape_codes(store: Path) -> None:
    done = subprocess.run([SEQSWEEP, "show"], capture_output=True, text=True, check=True)
    assert "\x1b" not in done.stdout
