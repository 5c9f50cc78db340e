"""Data in an object store: read as those on a disk, fetched once; what is said of them names the URI."""

import json
import logging
import os
import shutil
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from seqsweep.results.location import open_location
from seqsweep.seqmodels.data.errors import DataError
from seqsweep.seqmodels.data.formats.base import RawSequence
from seqsweep.seqmodels.data.source import load
from seqsweep.sweeps.cli.app import main
from seqsweep.sweeps.datasets import fetching, near
from seqsweep.sweeps.datasets.loading import load_data
from seqsweep.sweeps.datasets.objects import find_objects, unfit
from seqsweep.sweeps.errors import SpecError
from seqsweep.sweeps.models.use import read_file
from seqsweep.sweeps.spec.loading import load_spec, parse_spec
from seqsweep.sweeps.spec.paths import relocated
from seqsweep.sweeps.spec.plan import plan
from tests.support.object_server import BUCKET, SECRET, S3Server
from tests.support.small_sweep import table

ROOT = f"s3://{BUCKET}"


@pytest.fixture(scope="module")
def server(strokes: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    made = S3Server(tmp_path_factory.mktemp("s3"))
    shutil.copytree(strokes, made.objects / BUCKET / "my data" / "strokes")
    made.start()
    yield made
    made.kill()


@pytest.fixture
def s3(server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the bucket's objects; an empty cache."""
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    server.requests.clear()
    return server.objects / BUCKET


URI = f"{ROOT}/my data/strokes"


def put(name: str, content: bytes | str) -> None:
    """Not behind the server's back: it keeps listings for a while."""
    system, path, _ = open_location(f"{ROOT}/{name}")
    with system.open_output_stream(path, compression=None) as stream:
        stream.write(content.encode() if isinstance(content, str) else content)


def fetched(server: S3Server) -> list[str]:
    return [each for each in server.requests if each.startswith("GET") and "list-type" not in each]


def test_a_spec_of_a_uri_plans_the_trials_of_the_same_bytes(
    s3: Path, server: S3Server, strokes: Path, caplog: pytest.LogCaptureFixture
) -> None:
    far = parse_spec(table(Path(URI)) | {"datasets": [{"path": URI + "/"}]}, base=Path(), source="far")
    here = parse_spec(
        table(strokes) | {"datasets": [{"path": str(strokes), "name": "strokes"}]}, base=Path(), source="here"
    )
    assert far.datasets[0]["path"] == far.to_table()["datasets"][0]["path"] == URI
    with caplog.at_level(logging.INFO, "seqsweep.seqmodels.data"):
        data = load_data(far)
    assert f"{URI}: fetched 48 files, " in caplog.text
    assert len(fetched(server)) == 48
    mine = [dataset for dataset, _ in data.values()]
    theirs = [dataset for dataset, _ in load_data(here).values()]
    assert [each.fingerprint for each in mine] == [each.fingerprint for each in theirs]
    assert [each.id for each in plan(far, mine)] == [each.id for each in plan(here, theirs)]
    assert mine[0].notes == theirs[0].notes != ()
    server.requests.clear()
    load_data(far)
    assert fetched(server) == []
    assert relocated(far, {}, ("/a", "/b"), "small") == far
    assert (
        relocated(far, {ROOT: "s3://other"}, None, "small").datasets[0]["path"]
        == "s3://other/my data/strokes"
    )


def test_the_verbs_take_it(
    s3: Path, strokes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "info", URI, "--json"]) == 0
    out, err = capsys.readouterr()
    assert err.startswith(f"note: {URI}: fetched 48 files")
    assert main(["data", "info", str(strokes), "--json"]) == 0
    assert json.loads(out) == json.loads(capsys.readouterr().out) | {"path": URI, "name": "strokes"}
    assert main(["data", "convert", URI, "-o", "all.parquet"]) == 0
    put("few/a/1.csv", "1,2\n3,4\n")
    put("few/b/1.csv", "1,2\n3,4\n")
    few = f"{ROOT}/few"
    assert main(["init", few]) == 2  # too few to be trained on, so that nothing is measured
    written = Path("sweep.toml").read_text()
    assert f"# {few}: 2 sequences" in written
    assert (
        tomllib.loads(written)["datasets"][0] | {"path": few, "format": "folder"}
        == tomllib.loads(written)["datasets"][0]
    )
    load_spec(Path("sweep.toml"))
    assert str(tmp_path) not in written + capsys.readouterr().err.replace(f"into {tmp_path}", "")


def test_what_is_wrong_names_the_uri(s3: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(4):
        put(f"bad/{'ab'[number % 2]}/{number}.csv", "1,2\nx,4\n" if number == 3 else "1,2\n3,4\n")
    assert main(["data", "info", f"{ROOT}/bad", "--format", "folder"]) == 2
    said = capsys.readouterr().err.splitlines()[1]
    assert said.startswith(f"error: {ROOT}/bad/b/3.csv:2")
    for uri, words in (
        (f"{ROOT}/none/x", f"error: {ROOT}/none/x: there is no object of this name, and none below it\n"),
        ("s3://nobody/x", "error: s3://nobody/x: there is no bucket nobody\n"),
        (
            f"s3://KEY:{SECRET}@b/x",
            "error: data set: the data's URI must be s3://BUCKET/FOLDER and nothing more",
        ),
        (f"s3:/KEY:{SECRET}@b/x", "error: data set: the data's URI must begin like s3://BUCKET"),
        (
            f"https://KEY:{SECRET}@b/x",
            "error: data set: `path` is a URI, https://..., but of URIs only s3:// and gs://",
        ),
    ):
        assert main(["data", "check", uri]) == 2
        err = capsys.readouterr().err
        assert err.startswith(words)
        assert SECRET not in err
        if "none" not in uri and "nobody" not in uri:
            with pytest.raises(SpecError, match=r"`datasets.0..path` is a URI, ") as caught:
                parse_spec(table(Path()) | {"datasets": [{"path": uri}]}, base=Path(), source="my.toml")
            assert SECRET not in str(caught.value)
    with pytest.raises(DataError, match="a URI is not read here"):
        load({"path": URI})


def test_a_pair_and_a_list_are_fetched_whole(s3: Path, real_data: Path) -> None:
    for part in ("TRAIN", "TEST"):
        put(
            f"JapaneseVowels_{part}.ts.gz",
            (real_data / f"japanese-vowels/JapaneseVowels_{part}.ts.gz").read_bytes(),
        )
    put("JapaneseVowelsElse.ts.gz", "no part of it")
    expected = load({"path": str(real_data / "japanese-vowels")}).fingerprint
    both = find_objects(f"{ROOT}/JapaneseVowels").files
    assert list(both) == ["JapaneseVowels_TEST.ts.gz", "JapaneseVowels_TRAIN.ts.gz"]
    assert find_objects(f"{ROOT}/JapaneseVowels_TRAIN.ts.gz").files == both
    parts = {part: f"{ROOT}/JapaneseVowels_{part.upper()}.ts.gz" for part in ("train", "test")}
    with near.near({"path": parts}) as here:
        assert load(here.source).fingerprint == expected
    with near.near({"path": [f"{ROOT}/my data/strokes/hook", f"{URI}/loop"]}) as here:
        assert [Path(each).name for each in here.source["path"]] == ["hook", "loop"]


def test_what_changed_is_fetched_again_and_what_is_old_goes(
    s3: Path, server: S3Server, tmp_path: Path
) -> None:
    put("one/a.csv", "1\n")
    put("one/b.csv", "1\n")
    first = fetching.fetch(f"{ROOT}/one")
    put("one/a.csv", "2\n")
    os.utime(first.parent, (1e9, 1e9))
    second = fetching.fetch(f"{ROOT}/one")
    assert (second / "a.csv").read_text() == "2\n"
    assert not first.exists()
    (second / "a.csv").unlink()  # by somebody who tidies up, or a process that was killed
    (second / "b.csv").write_bytes(b"")  # after a power cut
    half = second.parent.parent / f"{fetching.TEMPORARY}x"
    half.write_bytes(b"half")
    server.requests.clear()
    assert fetching.fetch(f"{ROOT}/one") == second
    assert {each.split("?")[0] for each in fetched(server)} == {
        f"GET /{BUCKET}/one/{name}.csv" for name in "ab"
    }
    assert half.exists(), "another process may be at it"
    os.utime(half, (1e9, 1e9))
    fetching.fetch(f"{ROOT}/one")
    assert not half.exists()
    assert [(second / name).read_text() for name in ("a.csv", "b.csv")] == ["2\n", "1\n"]


def test_what_changes_meanwhile_is_said(s3: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put("now/x.csv", "1\n")
    before = find_objects(f"{ROOT}/now")
    put("now/x.csv", "2\n")  # as long as it was
    looks = iter([before])
    monkeypatch.setattr(fetching, "find_objects", lambda uri: next(looks, None) or find_objects(uri))
    with pytest.raises(DataError, match=f"{ROOT}/now: has changed while it was fetched"):
        fetching.fetch(f"{ROOT}/now")
    looks = iter([replace(before, files={"now/x.csv": (1, 0)})])
    with pytest.raises(DataError, match=f"{ROOT}/now/x.csv: has changed while it was fetched"):
        fetching.fetch(f"{ROOT}/now")


def test_two_fetch_it_once(s3: Path, server: S3Server) -> None:
    with ThreadPoolExecutor(2) as both:  # each opens the lock's file for itself, as two processes do
        first, second = both.map(fetching.fetch, [URI, URI])
    assert first == second
    assert len(fetched(server)) == 48
    theirs = s3 / "my data/strokes"
    copies = [file for file in first.rglob("*") if file.is_file()]
    assert len(copies) == 48
    assert all(file.read_bytes() == (theirs / file.relative_to(first)).read_bytes() for file in copies)


def test_a_disk_without_room_and_one_that_cannot_be_written(
    s3: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(fetching, "SPARE_BYTES", 10**18)
    assert main(["data", "info", URI]) == 2
    assert "but the disk of the cache folder" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert main(["data", "info", URI]) == 2
    assert "cannot be kept in the cache folder" in capsys.readouterr().err


def test_wrong_credentials_and_a_server_that_is_gone_are_said(
    s3: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    assert main(["data", "info", URI]) == 2
    err = capsys.readouterr().err
    assert "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in err
    assert len(err.splitlines()) == 1


def test_files_to_predict_are_named_by_their_uris(s3: Path, strokes: Path) -> None:
    about: Any = SimpleNamespace(format="strokes", options=None, fills_missing=False)
    uri = f"{URI}/hook/dev/hook-0.txt"
    (found,) = read_file(uri, about)
    (expected,) = read_file(str(strokes / "hook/dev/hook-0.txt"), about)
    assert isinstance(found, RawSequence)
    assert isinstance(expected, RawSequence)
    assert (found.id, found.where) == (uri, uri)
    assert found.values.tolist() == expected.values.tolist()
    put("bad.txt", "3 0 0 1 x 2 2")
    assert [str(each) for each in read_file(f"{ROOT}/bad.txt", about)] == [
        f"{ROOT}/bad.txt:1: value 5 is `x`, but must be a number"
    ]
    assert [str(each) for each in read_file(f"{ROOT}/none.txt", about)] == [
        f"{ROOT}/none.txt: there is no object of this name, and none below it"
    ]


def test_names_that_no_disk_has() -> None:
    found = unfit(["a/../b", "a//b", "a/b", "x"], ["a", "x"], "s3://b/")
    assert [str(each).partition(":")[2][:60] for each in found] == [
        "//b: the object's name 'a/../b' has a part that no file can ",
        "//b: the object's name 'a//b' has a part that no file can be",
        "//b/x: is an object, and the beginning of other objects' nam",
    ]
