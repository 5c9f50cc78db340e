"""`seqsweep data` and `seqsweep init` as a newcomer types them."""

import json
import tomllib
from pathlib import Path

import pandas as pd
import pytest

from seqsweep.seqmodels.data.source import load
from seqsweep.seqmodels.data.splits import SplitRule
from seqsweep.sweeps.cli.app import main
from seqsweep.sweeps.forecast import measuring
from seqsweep.sweeps.spec.here import HERE, spec_here
from seqsweep.sweeps.spec.loading import load_spec
from seqsweep.sweeps.starting import SIZES
from tests.support.verbs import read, said
from tests.support.written import write_archive, write_folder

STROKES = {
    f"{name}/{part}/{number}.txt": f"3 0 0 1 {number} 2 {height}"
    for name, height in (("a", 1), ("b", 5))
    for part in ("train", "dev")
    for number in range(12)
}


@pytest.fixture
def letters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.chdir(tmp_path)
    return write_folder(tmp_path / "letters", STROKES)


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err
    return err


def test_info_says_what_files_are(letters: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "data", "info", "letters")
    assert "strokes" in text
    assert "48 sequences of 3 to 3 tokens (median 3), 144 tokens, 2 features, 2 classes" in text
    assert "its own parts: 24 train, 24 test" in text
    found = read(capsys, "data", "info", "letters")
    assert [(each["name"], each["sequences"]) for each in found["classes"]] == [("a", 24), ("b", 24)]
    assert found["reading"] == {"format": "strokes"}
    assert [each["high"] for each in found["features"]] == [2, 11]


def test_check_warns_and_is_no_failure(letters: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "data", "check", "letters")
    assert "! copies in two parts: 48 sequences have a copy in another part" in text
    kinds = [each["kind"] for each in read(capsys, "data", "check", "letters")["warnings"]]
    assert kinds == ["copies in two parts"]
    assert "nothing to beware of was found" in said(capsys, "data", "check", "handwriting")


def test_show_draws_in_the_terminal_and_on_a_page(letters: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "data", "show", "letters", "--class", "b", "--count", "2")
    assert text.count("b · b/") == 2
    assert any(0x2801 <= ord(each) < 0x2900 for each in text), "braille"
    assert said(capsys, "data", "show", "letters", "-o", "page.html") == "written to page.html\n"
    page = Path("page.html").read_text()
    assert page.count("<svg") == 2
    assert "<script" not in page
    found = read(capsys, "data", "show", "letters")
    assert [each["class"] for each in found["sequences"]] == ["a", "b"]
    assert len(found["sequences"][0]["values"]) == 3
    assert "has no class `c`; it has a, b" in refused(capsys, "data", "show", "letters", "--class", "c")


@pytest.mark.parametrize("verb", ["info", "check", "show"])
def test_what_an_archive_has_besides_is_told_once_and_not_among_json(
    verb: str, letters: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_archive(letters.parent / "letters.tar", {**STROKES, "a/train/.hidden": "x"})
    assert main(["data", verb, "letters.tar", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out).get("data", json.loads(out))["sequences"] == 48
    assert err == "note: letters.tar: passed over 1 hidden file(s) (`.…`, `__MACOSX`)\n"


@pytest.mark.parametrize("verb", ["info", "check", "show"])
def test_mistakes_name_what_is_wrong(verb: str, letters: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "nowhere: no such file or folder" in refused(capsys, "data", verb, "nowhere")
    assert "must be KEY=VALUE" in refused(capsys, "data", verb, "letters", "--set", "label")
    assert "unknown key `lable`" in refused(capsys, "data", verb, "letters", "--set", "lable=x")
    assert "`format` is 'storkes'" in refused(capsys, "data", verb, "letters", "--format", "storkes")
    (letters / "a/train/3.txt").write_text("3 0 0 1 x 2 2")
    error = refused(capsys, "data", verb, "letters")
    assert f"{Path('letters/a/train/3.txt')}:1: value 5 is `x`, but must be a number" in error


def test_init_writes_a_spec_that_says_what_it_takes(
    letters: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(measuring, "BUDGET_SECONDS", 0.5)
    text = said(capsys, "init", "letters", "--minutes", "600")
    assert "sweep.toml is written: 6 trials, 150 models, about" in text
    assert "next: seqsweep run" in text
    written = Path(HERE).read_text()
    assert all(len(line) <= 120 for line in written.splitlines() if line.startswith("#"))
    spec = load_spec(Path(HERE))
    assert (spec.split.test, spec.candidates, spec.training.epochs) == ("given", SIZES[0].candidates, 30)
    assert tomllib.loads(written)["datasets"] == [{"path": "letters", "format": "strokes"}]
    found, path = spec_here(None)
    assert (found, path) == (spec, Path(HERE))
    assert "sweep.toml is there already: name another file by -o" in refused(capsys, "init", "letters")
    assert Path(HERE).read_text() == written
    least = read(capsys, "init", "letters", "-o", "least.toml", "--minutes", "0.1")
    assert (least["spec"], least["problems"]) == ("least.toml", [])
    assert load_spec(Path("least.toml")).candidates == SIZES[-1].candidates


def test_init_says_what_stands_in_the_way(letters: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for each in letters.glob("a/train/*.txt"):
        if each.name != "0.txt":
            each.unlink()
    for each in letters.glob("b/train/*.txt"):
        if each.name != "0.txt":
            each.unlink()
    assert main(["init", "letters"]) == 2
    _, error = capsys.readouterr()
    assert "sweep.toml is written, but cannot be run yet" in error
    assert "every class has 1 training sequence" in error
    assert Path(HERE).exists()
    assert "is an embedded data set" in refused(capsys, "init", "handwriting", "-o", "x.toml")


def test_without_a_spec_here_the_embedded_study_is_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    spec, path = spec_here(None)
    assert (spec.name, path) == ("reference", None)


def test_what_is_converted_is_the_same_data(letters: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "data", "convert", "letters", "-o", "letters.parquet")
    assert text.startswith("written to letters.parquet: 48 sequences, ")
    frame = pd.read_parquet("letters.parquet")
    assert len(frame) == 48
    before, after = (read(capsys, "data", "info", path) for path in ("letters", "letters.parquet"))
    for name in ("classes", "parts", "tokens", "sequences"):
        assert before[name] == after[name]
    rule, transforms = SplitRule(), ["min_max"]
    one, two = (
        load({"path": path, "transforms": transforms}, rule=rule) for path in ("letters", "letters.parquet")
    )
    assert one.fingerprint == two.fingerprint
    assert "must end in .parquet" in refused(capsys, "data", "convert", "letters", "-o", "letters.csv")
    assert "cannot write" in refused(capsys, "data", "convert", "letters", "-o", "no/where.parquet")
