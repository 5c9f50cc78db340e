"""`sweep.json` as strangers, editors and disks may leave it: named with field and rule, and the other sweeps still there."""

import contextlib
import copy
import io
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqsweep.results.analysis.comparison import compare_sweeps
from seqsweep.results.analysis.confusion import confusion
from seqsweep.results.analysis.dataset_facts import datasets
from seqsweep.results.analysis.provenance import provenance
from seqsweep.results.analysis.summary import summary
from seqsweep.results.analysis.verdict import verdict
from seqsweep.results.errors import Damaged, Newer, StoreError
from seqsweep.results.info import Info, read
from seqsweep.results.seal import FIELD
from seqsweep.results.store import Store
from seqsweep.sweeps.cli.app import main
from tests.support.example_sweep import SWEEP_ID, write_example

OTHER = "other-0123ab"


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a small sweep, and a newer one that tests spoil: `spoiled`."""
    root = tmp_path_factory.mktemp("two")
    write_example(root, missing=8)
    write_example(root, sweep_id=OTHER, created="2026-11-24T08:00:00+00:00", missing=8)
    return root


@pytest.fixture(scope="module")
def good(two: Path) -> dict[str, Any]:
    fields = json.loads((two / OTHER / "sweep.json").read_text())
    del fields[FIELD]
    return fields


@pytest.fixture
def spoil(two: Path) -> Iterator[Callable[[bytes], Path]]:
    path = two / OTHER / "sweep.json"
    before = path.read_bytes()

    def write(content: bytes) -> Path:
        path.write_bytes(content)
        return path

    yield write
    if path.is_dir():
        path.rmdir()
    path.write_bytes(before)


DEEP = b"[" * 100_000 + b"]" * 100_000
CONTENTS = {
    "empty": (b"", "EOF while parsing"),
    "not UTF-8": (b'{"name": "\xff"}', "invalid"),
    "UTF-16": ("{}".encode("utf-16"), "expected value at line 1"),
    "deep": (b'{"spec": ' + DEEP + b"}", "recursion limit"),
    "deeper than a spec": (b'{"schema_version": 1, "x": ' + b"[" * 60 + b"]" * 60 + b"}", "32 levels"),
    "no JSON": (b"<html>", "expected value"),
    "a list": (b"[]", "it holds no object"),
    "NaN": (b'{"seconds": NaN}', "expected value"),
    "a lone surrogate": (b'{"name": "\\ud800"}', "hex escape"),
    "a very long number": (b'{"trials": ' + b"9" * 10_000 + b"}", "number out of range"),
}


@pytest.mark.parametrize("case", CONTENTS)
def test_a_file_that_is_no_sweep_json_is_named_and_hides_nothing(
    case: str, two: Path, spoil: Callable[[bytes], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    content, said = CONTENTS[case]
    path = spoil(content)
    check_both(two, path, said, capsys)


FIELDS: dict[str, tuple[str, Any, str]] = {
    "name": ("name", ["a"], "`name` is a list, but must be text"),
    "empty name": ("name", "", "`name` is '', but must be text that is not empty"),
    "status": ("status", 3, "`status` is 3, but must be text"),
    "created": ("created", None, "`created` is null, but must be text"),
    "created when": ("created", "yesterday", "`created` is 'yesterday', but must be an ISO time"),
    "created too early": ("created", "0001-01-01T00:00:00+14:00", "must be an ISO time of the years 1970"),
    "seconds": ("seconds", "62", "`seconds` is '62', but must be a number"),
    "seconds beyond floats": ("seconds", 10**400, "number out of range|greater|less|lie between"),
    "negative seconds": ("seconds", -1, "`seconds` is -1, but must be greater than or equal to 0"),
    "trials": ("trials", "10", "`trials` is '10', but must be an integer"),
    "trials beyond": ("trials", 2**64, "`trials` is 18446744073709551616, but must lie between"),
    "trials true": ("trials", True, "`trials` is True, but must be an integer"),
    "lanes": ("lanes", 1.5, "`lanes` is 1.5, but must be an integer"),
    "datasets": ("datasets", {"name": "a"}, "`datasets` is an object, but must be a list"),
    "a data set": ("datasets", ["a"], r"`datasets\[0\]` is 'a', but must be an object"),
    "a data set's name": ("datasets", [{}], r"`datasets\[0\].name` is missing"),
    "data sets twice": (
        "datasets",
        [{"name": "a"}] * 2,
        "`datasets` is a list, but must be a list without rep",
    ),
    "classes": (
        "datasets",
        [{"name": "a", "classes": "ab"}],
        r"`datasets\[0\].classes` is 'ab', but must be",
    ),
    "a class": (
        "datasets",
        [{"name": "a", "classes": [1]}],
        r"`datasets\[0\].classes\[0\]` is 1, but must be t",
    ),
    "counts": (
        "datasets",
        [{"name": "a", "class_counts": []}],
        "class_counts` is a list, but must be an obj",
    ),
    "spec": ("spec", "x", "`spec` is 'x', but must be an object"),
    "hyperparameters": (
        "spec",
        {"hyperparameters": []},
        "`spec.hyperparameters` is a list, but must be an obj",
    ),
    "a range": (
        "spec",
        {"hyperparameters": {"lr": {}}},
        "`spec.hyperparameters.lr` is an object, but must be",
    ),
    "a range of 0": (
        "spec",
        {"hyperparameters": {"lr": {"log_uniform": [0, 1]}}},
        "`spec.hyperparameters.lr` is an object, but must be a table with positive numbers",
    ),
    "versions": ("versions", {"torch": 2.6}, "`versions.torch` is 2.6, but must be text"),
    "failed": ("failed", ["a"], "`failed` is a list, but must be an object"),
    "cores": ("cores", "two", "`cores` is 'two', but must be an integer"),
    "version": ("schema_version", "1", "`schema_version` is '1', but must be an integer"),
    "another field": ("mine", {"deep": [2**70]}, r"`mine.deep\[0\]` is 1180591620717411303424, but must lie"),
}


@pytest.mark.parametrize("case", FIELDS)
def test_a_wrong_field_is_named_with_its_rule(
    case: str,
    two: Path,
    good: dict[str, Any],
    spoil: Callable[[bytes], Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    field, value, said = FIELDS[case]
    path = spoil(json.dumps(good | {field: value}).encode())
    check_both(two, path, said, capsys)


def check_both(root: Path, path: Path, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The broken sweep is named by `list` and when asked for; the other is listed, and the newest that can be read."""
    for arguments, code in (("list",), 2), (("show",), 0), (("show", OTHER), 2), (("lanes", "other"), 2):
        assert main([*arguments, "--store", str(root)]) == code
        out, err = capsys.readouterr()
        assert f"{path}" in err
        assert "Traceback" not in err
        assert "fault of seqsweep" not in err
        assert (SWEEP_ID in out) == (arguments in (("list",), ("show",)))
    with pytest.raises(Damaged, match=said):
        Store(root).find(OTHER)
    assert [sweep.id for sweep in Store(root).survey()[0]] == [SWEEP_ID]


@pytest.mark.parametrize("kind", ["folder", "loop", "unreadable", "newer"])
def test_what_cannot_be_read_at_all_hides_nothing(
    kind: str, two: Path, good: dict[str, Any], spoil: Callable[[bytes], Path]
) -> None:
    path = spoil(json.dumps(good | {"schema_version": 99}).encode())
    if kind == "unreadable":
        path.chmod(0)
        if os.access(path, os.R_OK):
            path.chmod(0o644)
            pytest.skip("this user may read everything")
    elif kind != "newer":
        path.unlink()
        if kind == "folder":
            path.mkdir()
        else:
            path.symlink_to(path)
    found, complaints = Store(two).survey()
    assert [sweep.id for sweep in found] == [SWEEP_ID]
    (complaint,) = complaints
    assert str(path) in str(complaint)
    assert isinstance(complaint, Newer) == (kind == "newer")
    assert Store(two).find(note=lambda _: None).id == SWEEP_ID
    if path.is_symlink():
        path.unlink()
    path.exists() and path.is_file() and path.chmod(0o644)


def test_what_older_versions_and_editors_write_is_read(good: dict[str, Any]) -> None:
    least = {"schema_version": 1, "created": "2026-11-23T14:02:00"}
    assert read(json.dumps(least).encode(), "x") == least
    assert read(b"\xef\xbb\xbf" + json.dumps(good, indent=3).encode(), "x") == good
    later = good | {"spec": good["spec"] | {"new": {"a": [1, None]}}, "note": "newer versions may add fields"}
    assert read(json.dumps(later).encode(), "x") == later


def test_the_page_lists_every_field_that_is_checked(pytestconfig: pytest.Config) -> None:
    page = (pytestconfig.rootpath / "docs" / "store.md").read_text()
    table = page[page.index("### sweep.json") :]
    for field in Info.model_fields:
        assert field in table


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**25), 10**25),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=6),
    st.lists(st.integers(0, 3), max_size=3),
    st.dictionaries(
        st.sampled_from(["name", "kind", "lr", "choice"]), st.integers(-1, 3) | st.text(max_size=2)
    ),
)


def places(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield (*before, key)
        yield from places(each, (*before, key))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_a_mutated_sweep_json_is_damaged_or_every_figure_is_told(
    data: st.DataObject, two: Path, good: dict[str, Any], spoil: Callable[[bytes], Path]
) -> None:
    fields = copy.deepcopy(good)
    fields["spec"]["hyperparameters"] = {"lr": {"log_uniform": [0.001, 0.1]}, "dropout": 0.1}
    for _ in range(data.draw(st.integers(1, 2))):
        *outer, key = data.draw(st.sampled_from(list(places(fields))))
        target: Any = fields
        for each in outer:
            target = target[each]
        if data.draw(st.booleans()):
            target[key] = data.draw(ODD)
        else:
            del target[key]
    spoil(json.dumps(fields).encode())
    with contextlib.suppress(StoreError):
        sweep = Store(two).find(OTHER)
        summary(sweep)
        verdict(sweep)
        provenance(sweep)
        datasets(sweep)
        confusion(sweep)
        compare_sweeps([sweep, Store(two).find(SWEEP_ID)])
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        codes = [main([*each, "--store", str(two)]) for each in (("list",), ("show", OTHER))]
    assert set(codes) <= {0, 2}, err.getvalue()


def test_a_bit_flipped_by_a_disk_is_found_by_the_checksum(two: Path, tmp_path: Path) -> None:
    shutil.copytree(two / OTHER, tmp_path / OTHER)
    path = tmp_path / OTHER / "sweep.json"
    path.write_bytes(path.read_bytes().replace(b'"cores": 2', b'"cores": 3'))
    with pytest.raises(Damaged, match="its checksum does not fit"):
        Store(tmp_path).find(OTHER)
