"""What of a spec's data is sent to a cluster, and what the job makes of it there: no Ray, only what it would carry."""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from seqsweep.results.store import Store
from seqsweep.sweeps import cluster_main
from seqsweep.sweeps.cli import running
from seqsweep.sweeps.errors import SpecError
from seqsweep.sweeps.remote import submission
from seqsweep.sweeps.running import prepare
from seqsweep.sweeps.running.prepare import Prepared
from seqsweep.sweeps.spec.loading import parse_spec
from seqsweep.sweeps.spec.model import Spec
from tests.support.object_server import BUCKET, S3Server
from tests.support.small_sweep import table

URI = f"s3://{BUCKET}/letters"


@pytest.fixture
def s3(strokes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    server = S3Server(tmp_path / "s3")
    shutil.copytree(strokes, server.objects / BUCKET / "letters")
    server.start()
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yield server
    server.kill()


def spec(*sources: Any) -> Spec:
    return parse_spec(table(Path()) | {"datasets": list(sources)}, base=Path(), source="test")


class Carried:
    """Takes a job, as a cluster's dashboard would, into a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def all(self) -> list[Any]:
        return []

    def get(self, name: str) -> Any:
        return SimpleNamespace(id=name)

    def submit(self, command: str, *, working_folder: Path, modules: tuple[Path, ...], **_: Any) -> None:
        shutil.copytree(working_folder, self.folder, ignore=shutil.ignore_patterns("packages"))
        for each in modules:
            shutil.copytree(each, self.folder / "modules" / each.name)


def test_what_is_here_is_sent_and_what_is_there_is_read_there(
    s3: S3Server,
    strokes: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    both = spec({"path": str(strokes), "name": "here"}, {"path": URI}, {"path": str(strokes), "name": "more"})
    jobs: Any = Carried(tmp_path / "job")
    told: list[str] = []
    monkeypatch.setattr(submission, "PIECE_BYTES", 5000)
    sent = submission.submit(both, jobs, store=str(tmp_path / "store"), tell=told.append)
    assert told[1:] == [f"{URI} is read by the cluster"]
    assert s3.requests == []
    sizes = json.loads((tmp_path / "job/sizes.json").read_text())
    assert [size is None for size in sizes] == [False, True, False]
    assert told[0] == f"sending {sum(filter(None, sizes)) / 1000:.0f} kB of data"

    made: list[Prepared] = []

    def run(prepared: Any, **_: Any) -> int:
        made.append(prepared())
        return 0

    monkeypatch.setattr(running, "run_prepared", run)
    monkeypatch.chdir(tmp_path / "job")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "job/modules")])
    assert cluster_main.main() == 0
    (prepared,) = made
    assert f"note: {URI}: fetched 48 files" in capfd.readouterr().err
    assert [each.id for each in prepared.plans] == [each.id for each in prepare.plan_all(both)[1]]
    kept = sorted(each.name for each in (tmp_path / "store" / sent.sweep / "data").glob("[!.]*"))
    assert kept == ["0.safetensors", "2.safetensors"]
    again = prepare.again(Store(tmp_path / "store"), sent.sweep, None, 1)
    assert [each.id for each in again.plans] == [each.id for each in prepared.plans]

    shutil.rmtree(s3.objects / BUCKET / "letters")
    shutil.rmtree(tmp_path / "store")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    assert cluster_main.main() == 2
    assert f"error: {URI}: cannot be reached: " in capfd.readouterr().err


def test_what_is_too_large_or_lies_in_two_places_is_not_sent(
    strokes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submission, "MOST_BYTES", 1000)
    with pytest.raises(SpecError) as caught:
        submission.packed_data(spec({"path": str(strokes), "name": "mine"}))
    assert str(caught.value).startswith("small: its data come to ")
    assert "kB), but at most 1.0 kB are sent to a cluster: put them into an object store" in str(caught.value)
    with pytest.raises(
        SpecError, match=r"data set `strokes.` lies partly on this disk and partly in an object store"
    ):
        submission.packed_data(spec({"path": [str(strokes), URI]}))
