"""A sweep into S3 as a user runs it, with the server gone for a while: the tables are those of a local store."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from tests.support.object_server import BUCKET, KEY, SECRET, S3Server
from tests.support.small_sweep import LONG, assert_same, newest, table, toml

PATIENCE = 120.0
OUTAGE = 8.0  # seconds; longer than pyarrow waits by itself, and than a trial takes here
# a checkpoint after every epoch
DRIVER = """
import sys
from seqsweep.sweeps.running import sweep
sweep.CHECKPOINT_SECONDS = 0.0
from seqsweep.sweeps.cli.app import main
sys.exit(main())
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    made = S3Server(tmp_path_factory.mktemp("s3"))
    made.start()
    yield made
    made.kill()


def test_a_sweep_into_s3_through_an_outage(
    server: S3Server,
    strokes: Path,
    tmp_path: Path,
    undisturbed: dict[str, pd.DataFrame],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    store = f"s3://{BUCKET}/store"
    (tmp_path / "small.toml").write_text(toml(table(strokes, epochs=LONG)))
    temporary = Path(tempfile.mkdtemp(prefix="sq-", dir="/tmp"))  # short, for Ray's sockets
    environment = {**os.environ, "TMPDIR": str(temporary), "OMP_NUM_THREADS": "1"}
    command = ["run", str(tmp_path / "small.toml"), "--store", store, "--cpus", "1"]
    output = tmp_path / "output.txt"
    with output.open("w") as file:
        driver = subprocess.Popen(
            [sys.executable, "-c", DRIVER, *command],
            stdout=file,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + PATIENCE
        while not list(server.objects.glob(f"{BUCKET}/store/*/checkpoints/*")):
            assert driver.poll() is None, output.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        server.kill()
        time.sleep(OUTAGE)
        assert driver.poll() is None, output.read_text()
        server.start()
        assert driver.wait(PATIENCE) == 0, output.read_text()
    finally:
        if driver.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(driver.pid, signal.SIGKILL)
            driver.wait()
    sweep = newest(store)  # type: ignore[arg-type]
    assert sweep.info["status"] == "finished"
    assert_same(sweep, undisturbed)
    assert not list(server.objects.glob(f"{BUCKET}/store/*/checkpoints/*")), "cleared at the end"

    said = output.read_text()
    for verb in (["list"], ["show"], ["confusion"], ["show", "--json"]):
        done = subprocess.run(
            [sys.executable, "-c", DRIVER, *verb, "--store", store],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        said += done.stdout + done.stderr
    assert json.loads(done.stdout)
    written = list(temporary.rglob("*.log")) + [path for path in server.objects.rglob("*") if path.is_file()]
    assert len(written) > 10
    for where, text in [("output", said.encode()), *((str(path), path.read_bytes()) for path in written)]:
        for secret in (KEY, SECRET):
            assert secret.encode() not in text, where
    shutil.rmtree(temporary, ignore_errors=True)
