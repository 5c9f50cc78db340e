"""docs/reference-study.md is rebuilt from a store, and its findings are judged by the figures."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from seqsweep.results.store import Store, Sweep
from tests import REPOSITORY
from tests.support import example_sweep
from tests.support.example_sweep import write_example, write_example_trial

DOCS = REPOSITORY / "docs"
ERRORS = {"rnn_tanh": 0.2, "gru": 0.04, "lstm": 0.06}
CLASSES = ("a", "ai", "bA", "chA", "tA")


@pytest.fixture(scope="module")
def study() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference_study", DOCS / "tools" / "reference_study.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["reference_study"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def written(root: Path, errors: dict[str, float]) -> list[Sweep]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(example_sweep, "CANDIDATES", example_sweep.CANDIDATES[:1])
        patch.setattr(example_sweep, "EPOCHS", 4)
        return _written(root, errors)


def _written(root: Path, errors: dict[str, float]) -> list[Sweep]:
    sweeps = []
    for name, dataset in (("strokes", "kannada-telugu"), ("speech", "hindi-cv")):
        sweep = write_example(root, sweep_id=f"{name}-000000", missing=10)
        for cell, error in errors.items():
            for layers in (1, 2, 3):
                architecture = (cell, layers, 100, False, "last", error, 0.02, 2.0)
                write_example_trial(sweep, (dataset, False, CLASSES, 100), architecture, range(5))
        sweeps.append(sweep)
    best = write_example(root, sweep_id="best-000000", missing=10)
    architecture = ("lstm", 1, 100, True, "last+max", 0.02, 0.01, 2.0)
    write_example_trial(best, ("hindi-cv", False, CLASSES, 100), architecture, range(3))
    return [*sweeps, best]


@pytest.fixture(scope="module")
def sweeps(tmp_path_factory: pytest.TempPathFactory) -> list[Sweep]:
    return written(tmp_path_factory.mktemp("study"), ERRORS)


def test_the_page_is_rebuilt(study: ModuleType, sweeps: list[Sweep]) -> None:
    before = (DOCS / "reference-study.md").read_text()
    text, findings = study.rebuilt(before, sweeps)
    assert not [str(finding) for finding in findings if not finding.holds]
    assert study.rebuilt(text, sweeps) == (text, findings), "the marks stay"
    assert text.count("| rnn_tanh |") == text.count("| gru |") == text.count("| lstm |") == 6
    assert "| 71.9 |" in text
    assert "| 18.7 |" in text
    assert "lstm x 1 x 100 bi last+max reached" in text
    assert all(f"`{sweep.id}`" in text for sweep in sweeps)
    prose = before.partition("<!-- measured -->")[0]
    assert text.startswith(prose)
    result = dict(study.results(sweeps[0]))["kannada-telugu"]
    tests = list(result.test.values())
    assert sum(tests) / len(tests) == pytest.approx(result.row.test.mean)


def test_a_finding_that_the_figures_do_not_bear_out_says_so(
    study: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path / "store", ERRORS | {"lstm": 0.4})
    page = tmp_path / "page.md"
    page.write_text((DOCS / "reference-study.md").read_text())
    monkeypatch.setattr(study, "PAGE", page)
    monkeypatch.setattr(sys, "argv", ["reference_study.py", "--store", str(tmp_path / "store")])
    assert study.main() == 1
    said = capsys.readouterr().out
    assert "- (does **not** hold) **Deeper gated models beat the report's best.**" in said
    assert "- (does **not** hold) **The cell decides" in said
    assert "- **More layers are not seen to hurt**" in said
    assert "(does **not** hold)" in page.read_text()


def test_what_is_missing_is_named(study: ModuleType, sweeps: list[Sweep], tmp_path: Path) -> None:
    text = (DOCS / "reference-study.md").read_text()
    with pytest.raises(ValueError, match=r"the sweeps have no .* on hindi-cv"):
        study.rebuilt(text, sweeps[:1])
    with pytest.raises(ValueError, match="there twice"):
        study.rebuilt(text, [*sweeps, sweeps[0]])
    with pytest.raises(ValueError, match="0 places marked `findings`"):
        study.rebuilt(text.replace("<!-- findings -->", ""), sweeps)
    assert study.newest(Store(sweeps[0].folder.shown.rpartition("/")[0]), "strokes").id == "strokes-000000"
