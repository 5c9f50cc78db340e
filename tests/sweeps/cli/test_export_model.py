"""`seqsweep export-model`: the right model of a real sweep, and everything that the store knows of it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqsweep.results.analysis.verdict import verdict
from seqsweep.results.store import Store, Sweep
from seqsweep.sweeps.cli.app import main
from tests.support.trained import LETTERS, plainly_exported


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, trained_store: Path) -> None:
    monkeypatch.setenv("SEQSWEEP_STORE", str(trained_store))
    plainly_exported(monkeypatch)


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert main(arguments) == code
    out, err = capsys.readouterr()
    return err if code else out


def exported(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str) -> dict[str, Any]:
    said(capsys, "export-model", *arguments, "-o", str(folder))
    return json.loads((folder / "model.json").read_text())


def sweep(store: Path) -> Sweep:
    return Store(store).find("letters")


def test_the_best_architecture_and_the_seed_that_validation_prefers(
    trained_store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    about = exported(capsys, tmp_path / "model", "letters")
    lanes = sweep(trained_store).read("lanes").to_pandas()
    test = lanes.groupby("trial").test_accuracy.mean()
    assert about["source"]["trial"] == test.idxmax()
    own = lanes[lanes.trial == about["source"]["trial"]].sort_values(
        ["validation_accuracy", "validation_loss", "seed"], ascending=[False, True, True]
    )
    lane = own.iloc[0]
    assert about["source"]["seed"] == lane.seed
    assert about["figures"]["validation_accuracy"] == lane.validation_accuracy
    assert about["figures"]["test"]["accuracy"] == pytest.approx(lane.test_accuracy)
    assert about["source"]["hyperparameters"]["lr"] == 1e-2
    assert about["source"]["fingerprint"] == sweep(trained_store).info["datasets"][0]["fingerprint"]
    assert about["classes"] == list(LETTERS)
    assert about["input"] == {
        "format": "strokes",
        "features": 2,
        "normalization": {"kind": "per_sequence_minmax"},
    }


def test_figures_are_the_stores_and_statsmodels(
    trained_store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from sklearn.metrics import precision_recall_fscore_support
    from statsmodels.stats.proportion import proportion_confint

    about = exported(
        capsys, tmp_path / "model", "letters", "--architecture", "rnn_tanh x 1 x 8 bi last+max", "--seed", "1"
    )
    assert (about["source"]["architecture"], about["source"]["seed"]) == ("rnn_tanh x 1 x 8 bi last+max", 1)
    assert about["source"]["named"] == ["architecture", "seed"]
    rows = sweep(trained_store).read("predictions", trials=[about["source"]["trial"]]).to_pandas()
    rows = rows[(rows.split == "test") & (rows.seed == 1)]
    hits = int((rows.true.astype(str) == rows.predicted.astype(str)).sum())
    test = about["figures"]["test"]
    assert (test["n"], round(test["accuracy"] * test["n"])) == (len(rows), hits)
    assert (test["low"], test["high"]) == pytest.approx(proportion_confint(hits, len(rows), method="wilson"))
    precision, recall, _, n = precision_recall_fscore_support(
        rows.true, rows.predicted, labels=LETTERS, zero_division=0
    )
    for place, each in enumerate(about["figures"]["classes"]):
        assert each["n"] == n[place]
        assert each["recall"] == pytest.approx(recall[place])
        assert (each["precision"] or 0) == pytest.approx(precision[place])
    found = next(row for row in verdict(sweep(trained_store)).datasets[0].rows if row.cell == "rnn_tanh")
    assert about["figures"]["seeds"]["test"]["half_width"] == found.test.half_width


def test_weights_are_the_stores(
    trained_store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from safetensors.numpy import load_file

    about = exported(capsys, tmp_path / "model", "letters")["source"]
    kept = sweep(trained_store).model(about["trial"], about["candidate"], about["seed"])
    found = load_file(tmp_path / "model" / "weights.safetensors")
    assert found.keys() == kept.keys()
    for name, value in kept.items():
        np.testing.assert_array_equal(found[name], value)


def test_the_card_says_it_all(
    trained_store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    about = exported(capsys, tmp_path / "model", "letters")
    card = (tmp_path / "model" / "README.md").read_text()
    figures = about["figures"]
    for text in (
        f"{100 * figures['test']['accuracy']:.1f} ({100 * figures['test']['low']:.1f}-",
        about["source"]["sweep"],
        about["source"]["fingerprint"],
        "has the best validation accuracy; this choice saw no test figure",
        "trained again on training and validation data",
        "best mean test accuracy of the sweep's 2 on this data set",
        "sequences of 19 to 178 steps",
        f"torch {about['versions']['torch']}",
        "lr 0.01, optimizer adam.",
        *(f"`{name}`" for name in LETTERS),
    ):
        assert text in card
    assert "synthetic" not in card
    exported(capsys, tmp_path / "generated", "both", "--dataset", "handwriting")
    assert "**synthetic**" in (tmp_path / "generated" / "README.md").read_text()


def test_several_data_sets_need_a_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    err = said(capsys, "export-model", "both", "-o", str(tmp_path / "model"), code=2)
    assert err == "error: sweep both-3d4e5f has 2 data sets, name one of them: handwriting, vowels\n"
    about = exported(capsys, tmp_path / "model", "both", "--dataset", "vowels")
    assert about["input"]["normalization"]["kind"] == "standardize"
    assert (about["input"]["format"], len(about["input"]["normalization"]["mean"])) == ("ts", 12)


def test_a_wrong_name_is_told_what_there_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "model")
    wrong = {
        ("--architecture", "lstm x 9 x 8"): "gru x 1 x 8",
        ("--dataset", "handwritng"): "nearest: handwriting",
        ("--seed", "7"): "its seeds are 0, 1",
    }
    for arguments, hint in wrong.items():
        assert hint in said(capsys, "export-model", "letters", *arguments, "-o", out, code=2)
    assert list(tmp_path.iterdir()) == []


def test_json_and_text_name_the_same_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = json.loads(said(capsys, "export-model", "letters", "-o", str(tmp_path / "one"), "--json"))
    text = said(capsys, "export-model", "letters", "-o", str(tmp_path / "two"))
    assert data["folder"] == str(tmp_path / "one")
    assert data["largest_difference"].keys() == {"weights.safetensors", "model.pt2", "model.onnx"}
    assert data["model"]["label"] in text
    assert f"{100 * data['model']['test']['share']:.1f}" in text
    err = said(capsys, "export-model", "letters", "-o", str(tmp_path / "two"), code=2)
    assert err == f"error: {tmp_path / 'two'}: is there already: name a new folder\n"


@pytest.fixture
def old(trained_store: Path, real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sweep:
    """The sweep as an older seqsweep wrote it, its data no longer where they were."""
    import shutil

    shutil.copytree(trained_store / "letters-0a1b2c", tmp_path / "store" / "letters-0a1b2c")
    monkeypatch.setenv("SEQSWEEP_STORE", str(tmp_path / "store"))
    found = Store(tmp_path / "store").find("letters")
    [entry] = found.info["datasets"]
    del entry["normalization"], entry["format"]
    spec = found.info["spec"]
    spec["datasets"][0]["path"] = str(tmp_path / "gone.tar.xz")
    found.update(datasets=[entry], spec=spec)
    return found


def test_a_sweep_of_an_older_version_says_so(
    old: Sweep, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    err = said(capsys, "export-model", "letters", "-o", str(tmp_path / "model"), code=2)
    assert (
        "is of an older seqsweep and does not say how `handwriting` was read and normalised: run it again"
        in err
    )
    assert not (tmp_path / "model").exists()
