"""`seqsweep predict` and `seqsweep evaluate`: the models of a real sweep on the data they were tested on."""

import gzip
import io
import json
import pickle
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import classification_report, confusion_matrix
from statsmodels.stats.proportion import proportion_confint

from seqsweep.results.store import Store
from seqsweep.seqmodels.data.formats.base import RawSequence
from seqsweep.seqmodels.export.reading import open_model
from seqsweep.sweeps.cli.app import main
from seqsweep.sweeps.models import use as model_use
from tests.support.trained import LETTERS, letters, plainly_exported
from tests.support.verbs import read, said

PARTS = [("letters", "handwriting"), ("both", "vowels"), ("both", "handwriting")]


class Exported(NamedTuple):
    folder: Path
    expected: pd.DataFrame  # the store's test predictions of this model, by sequence
    data: str


@pytest.fixture(scope="module")
def models(
    trained_store: Path, real_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[tuple[str, str], Exported]:
    place = tmp_path_factory.mktemp("models")
    data = {
        ("letters", "handwriting"): letters(real_data)["path"],
        ("both", "vowels"): str(real_data / "japanese-vowels"),
        ("both", "handwriting"): "handwriting",  # embedded
    }
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        plainly_exported(patch)
        for sweep, dataset in PARTS:
            folder = place / f"{sweep}-{dataset}"
            store = ["--store", str(trained_store)]
            assert main(["export-model", sweep, "--dataset", dataset, "-o", str(folder), *store]) == 0
            source = json.loads((folder / "model.json").read_text())["source"]
            rows = Store(trained_store).find(sweep).read("predictions", trials=[source["trial"]]).to_pandas()
            rows = rows[(rows.split == "test") & (rows.seed == source["seed"])].set_index("sequence")
            found[sweep, dataset] = Exported(folder, rows, data[sweep, dataset])
    return found


@pytest.fixture
def model(models: dict[tuple[str, str], Exported]) -> Exported:
    """Of pen strokes."""
    return models["letters", "handwriting"]


@pytest.fixture(scope="module")
def strokes(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive, unpacked."""
    place = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(letters(real_data)["path"]) as archive:
        archive.extractall(place, filter="data")
    return place / "Handwriting_Data"


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[str, str]:
    assert main([str(each) for each in arguments]) == 2
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return out, err


@pytest.mark.parametrize("which", PARTS)
def test_an_evaluation_is_the_sweeps_own(
    which: tuple[str, str], models: dict[tuple[str, str], Exported], capsys: pytest.CaptureFixture[str]
) -> None:
    """Figures and matrix from the store's predictions, by scikit-learn and statsmodels."""
    folder, expected, data = models[which]
    found = read(capsys, "evaluate", folder, data)
    true, predicted = expected.true.astype(str), expected.predicted.astype(str)
    classes, n, correct = found["confusion"]["classes"], len(expected), int((true == predicted).sum())
    assert (found["n"], found["correct"]) == (n, correct)
    low, high = proportion_confint(correct, n, method="wilson")
    assert found["accuracy"] == pytest.approx({"share": correct / n, "low": low, "high": high})
    assert found["confusion"]["counts"] == confusion_matrix(true, predicted, labels=classes).tolist()
    report = classification_report(true, predicted, labels=classes, output_dict=True, zero_division=0)
    for place, name in enumerate(classes):
        for figure, key in (("recall", "recall"), ("precision", "precision"), ("f1", "f1-score")):
            assert (found["confusion"][figure][place] or 0) == pytest.approx(report[name][key])
    assert found["confusion"]["macro"]["f1"] == pytest.approx(report["macro avg"]["f1-score"])
    assert found["unknown"] == ({"dA": 20, "lA": 20} if which[0] == "letters" else {})


@pytest.mark.parametrize("which", PARTS)
def test_every_probability_is_the_sweeps_own(
    which: tuple[str, str], models: dict[tuple[str, str], Exported], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, expected, data = models[which]
    kept: dict[str, Any] = {}
    monkeypatch.setattr(
        "seqsweep.results.analysis.evaluation.evaluation", lambda *_, **given: kept.update(given)
    )
    model_use.evaluate(open_model(folder), folder, data, "test")
    assert sorted(kept["sequences"]) == sorted(expected.index)
    rows = expected.loc[kept["sequences"]]
    assert rows.true.astype(str).tolist() == kept["true"]
    classes = np.array(kept["classes"])
    assert classes[kept["probabilities"].argmax(1)].tolist() == rows.predicted.astype(str).tolist()
    np.testing.assert_allclose(kept["probabilities"], np.stack(rows.probabilities), atol=2e-6)


def test_files_are_predicted_as_the_sweep_did(
    model: Exported, strokes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [strokes / name for name in model.expected.index[::7]]
    lines = [
        json.loads(line) for line in said(capsys, "predict", model.folder, *files, "--json").splitlines()
    ]
    assert [each["id"] for each in lines] == [str(file) for file in files]
    rows = model.expected.iloc[::7]
    assert [each["class"] for each in lines] == rows.predicted.astype(str).tolist()
    for each, probabilities in zip(lines, rows.probabilities, strict=True):
        ranked = sorted(zip(probabilities, LETTERS, strict=True), reverse=True)[:3]
        assert [one["class"] for one in each["top"]] == [name for _, name in ranked]
        found = [one["probability"] for one in each["top"]]
        assert found == pytest.approx([probability for probability, _ in ranked], abs=2e-6)
        assert each["probability"] == found[0]
    text = said(capsys, "predict", model.folder, *files).splitlines()
    first = lines[0]
    assert text[0].split()[:4] == [str(files[0]), first["class"], f"{100 * first['probability']:.1f}", "%"]
    assert f"then {first['top'][1]['class']} {100 * first['top'][1]['probability']:.1f}, " in text[0]


def test_json_lines_files_and_standard_input_are_one(
    model: Exported,
    strokes: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = list(model.expected.index[:3])
    words = [(strokes / name).read_text().split()[1:] for name in names]
    values = [np.array(each, float).reshape(-1, 2).tolist() for each in words]
    lines = [json.dumps({"id": name, "values": rows}) for name, rows in zip(names, values, strict=True)]
    (tmp_path / "some.jsonl").write_text("\n".join(lines))
    by_file = said(capsys, "predict", model.folder, tmp_path / "some.jsonl", "--json")

    def given(content: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))

    given((tmp_path / "some.jsonl").read_bytes())
    assert said(capsys, "predict", model.folder, "-", "--json") == by_file
    assert [json.loads(line)["id"] for line in by_file.splitlines()] == names
    assert [json.loads(line)["class"] for line in by_file.splitlines()] == model.expected.predicted[
        :3
    ].astype(str).tolist()
    given((strokes / names[0]).read_bytes())
    alone = read(capsys, "predict", model.folder, "-")
    first = json.loads(by_file.splitlines()[0])
    assert alone["id"] == "standard input"
    assert alone["class"] == first["class"]
    assert alone["probability"] == pytest.approx(first["probability"], abs=1e-6)


def test_a_ts_file_is_predicted_line_by_line(
    models: dict[tuple[str, str], Exported],
    real_data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder, expected, _ = models["both", "vowels"]
    packed = real_data / "japanese-vowels" / "JapaneseVowels_TEST.ts.gz"
    lines = said(capsys, "predict", folder, packed, "--json").splitlines()
    by_number = expected.predicted.astype(str).rename(lambda name: int(name.partition("/")[2])).sort_index()
    assert [json.loads(line)["class"] for line in lines] == by_number.tolist()
    header, data = gzip.decompress(packed.read_bytes()).decode().split("@data\n")
    unlabelled = "\n".join(row.rpartition(":")[0] for row in data.strip().split("\n"))
    (tmp_path / "new.ts").write_text("@classLabel false\n@data\n" + unlabelled)
    again = said(capsys, "predict", folder, tmp_path / "new.ts", "--json").splitlines()
    assert [json.loads(line)["class"] for line in again] == by_number.tolist()
    assert "@classLabel true" in header


def test_good_sequences_are_answered_before_bad_ones_are_named(
    model: Exported, strokes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = strokes / model.expected.index[0]
    (tmp_path / "bad.txt").write_text("2 1 2 3\n")
    (tmp_path / "bad.jsonl").write_text('{"values": [[1, 2, 3]]}\n{"values": [[1, 2]]}\nnonsense\n')
    out, err = refused(
        capsys, "predict", model.folder, tmp_path / "bad.txt", good, tmp_path / "bad.jsonl", tmp_path
    )
    assert [line.split()[0] for line in out.splitlines()] == [str(good), f"{tmp_path / 'bad.jsonl'}:2"]
    assert err.splitlines()[:2] == [
        f"error: {tmp_path / 'bad.txt'}:1: N is 2, so 4 coordinates must follow, but there are 3",
        f"error: {tmp_path / 'bad.jsonl'}:1: has 3 numbers in a row, but the model reads 2",
    ]
    assert err.splitlines()[2].startswith(f"error: {tmp_path / 'bad.jsonl'}:3: is not JSON")
    assert "is a folder: name its files" in err.splitlines()[3]


def test_a_value_that_no_training_data_are_like(
    models: dict[tuple[str, str], Exported], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.jsonl").write_text(json.dumps({"values": [[3e38] * 12]}))
    _, err = refused(capsys, "predict", models["both", "vowels"].folder, tmp_path / "x.jsonl")
    assert "x.jsonl:1: a value is so far from the training values that it cannot be standardised" in err


def test_what_is_printed_cannot_steer_a_terminal(
    model: Exported, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "\x1b]0;title\x07[bold]\r\n\u202e漢"
    (tmp_path / "x.jsonl").write_text(json.dumps({"id": name, "values": [[1, 2]]}))
    text = said(capsys, "predict", model.folder, tmp_path / "x.jsonl")
    assert text.startswith("\\x1b]0;title\\x07[bold]\\r\\n\\u202e漢  ")
    assert text.count("\n") == 1
    assert read(capsys, "predict", model.folder, tmp_path / "x.jsonl")["id"] == name


def test_batches_of_any_lengths(model: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    """More sequences than are read at once, some longer than a batch may be; in their order."""
    monkeypatch.setattr(model_use, "CHUNK", 5)
    monkeypatch.setattr("seqsweep.seqmodels.export.prediction.BATCH_STEPS", 40)
    draw = np.random.default_rng(0)
    given = [
        RawSequence(str(number), "", draw.normal(size=(length, 2)))
        for number, length in enumerate([3, 50, 1, 7, 7, 90, 2, 41, 5, 5, 1])
    ]
    opened = open_model(model.folder)

    def answers(sequences: list[RawSequence]) -> Iterator[Any]:
        return (each for some in model_use.predictions(opened, sequences) for each in some)

    together = list(answers(given))
    assert [each.id for each in together] == [each.id for each in given]
    for each, one in zip(together, given, strict=True):
        (alone,) = answers([one])
        assert alone.top[0].name == each.top[0].name
        assert alone.top[0].probability == pytest.approx(each.top[0].probability, abs=1e-6)


def test_an_evaluation_says_what_was_left_out_and_what_is_missing(
    model: Exported,
    strokes: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    for name in ("a", "ai", "lA"):
        (tmp_path / "some" / name).mkdir(parents=True)
        for file in sorted((strokes / name / "dev").iterdir())[:4]:
            (tmp_path / "some" / name / file.name).write_bytes(file.read_bytes())
    text = said(capsys, "evaluate", model.folder, tmp_path / "some")
    assert "left out: 4 sequences of classes that the model does not know: lA (4)" in text
    assert "no sequences of: bA, chA, tA" in text
    found = read(capsys, "evaluate", model.folder, tmp_path / "some")
    assert (found["n"], found["unknown"], found["absent"]) == (8, {"lA": 4}, ["bA", "chA", "tA"])
    assert f"{found['correct']} of 8 sequences" in text


def test_data_that_are_not_the_models(
    models: dict[tuple[str, str], Exported], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = models["letters", "handwriting"].folder
    (tmp_path / "other" / "x").mkdir(parents=True)
    (tmp_path / "other" / "x" / "1.txt").write_text("1 2 3")
    _, err = refused(capsys, "evaluate", folder, tmp_path / "other")
    assert (
        err
        == f"error: {tmp_path / 'other'}: has the classes x, and the model none of them: it knows a, ai, bA, chA, tA\n"
    )
    _, err = refused(capsys, "evaluate", models["both", "vowels"].folder, "handwriting")
    assert "is not scaled as this model's data" in err
    unscaled = json.loads((folder / "model.json").read_text())
    unscaled["input"]["normalization"] = {"kind": "none"}
    (tmp_path / "model.json").write_text(json.dumps(unscaled))
    (tmp_path / "weights.safetensors").write_bytes((folder / "weights.safetensors").read_bytes())
    _, err = refused(capsys, "evaluate", tmp_path, "handwriting")
    assert "is not scaled as this model's data" in err
    _, err = refused(capsys, "evaluate", folder, models["both", "vowels"].data)
    assert "holds no files <class>/FILE or <class>/test/FILE that end in .txt; the model reads strokes" in err
    (tmp_path / "wide.ts").write_text("@classLabel true 1 2\n@data\n1,2:3,4:1\n")
    _, err = refused(capsys, "evaluate", models["both", "vowels"].folder, tmp_path / "wide.ts")
    assert err == f"error: {tmp_path / 'wide.ts'}:3: has 2 numbers in a row, but the model reads 12\n"


@pytest.mark.parametrize("verb", ["predict", "evaluate"])
def test_a_hostile_folder_is_refused_and_nothing_of_it_runs(
    verb: str, model: Exported, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "executed",)

    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.json").write_bytes((model.folder / "model.json").read_bytes())
    (folder / "model.py").write_text(f"open({str(tmp_path / 'executed')!r}, 'w')")
    (folder / "weights.safetensors").write_bytes(pickle.dumps(Trap()))
    _, err = refused(capsys, verb, folder, model.data)
    assert "weights.safetensors: is a pickle" in err
    assert not (tmp_path / "executed").exists()
    _, err = refused(capsys, verb, tmp_path / "none", model.data)
    assert err == f"error: {tmp_path / 'none'}: is no folder that `seqsweep export-model` wrote\n"


def test_predict_starts_without_what_it_does_not_need(model: Exported) -> None:
    code = f"""
import io, sys
from seqsweep.sweeps.cli.app import main
sys.stdin = io.TextIOWrapper(io.BytesIO(b'{{"values": [[1, 2]]}}'))
assert main(["predict", {str(model.folder)!r}, "-"]) == 0
needless = {{"ray", "pandas", "onnx", "onnxruntime", "torch._dynamo"}} & sys.modules.keys()
assert not needless, needless
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.startswith("standard input:1 ")
