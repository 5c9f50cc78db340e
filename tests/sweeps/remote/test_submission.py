"""A sweep as a job of a real cluster, driven by the command line as it is installed, from an empty folder."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from seqsweep.results.store import Store
from tests.support.nodes import TRAINS, Nodes, wait_for
from tests.support.object_server import BUCKET, SECRET, S3Server
from tests.support.prompt import Prompt
from tests.support.small_sweep import LONG, assert_same, figures, newest, table, toml
from tests.support.trained import train

SEQSWEEP = [sys.executable, "-c", "import sys; from seqsweep.sweeps.cli.app import main; sys.exit(main())"]
PATIENCE = 180.0
TRAINING = r"ray::\w+\.train\b"
"""Title of a worker within an epoch."""


class User:
    """Somebody at a machine that has nothing but seqsweep and the cluster's address."""

    def __init__(self, nodes: Nodes, folder: Path, prompt: Prompt) -> None:
        self.folder, self.prompt = folder, prompt
        self.environment = {
            **nodes.environment,
            "SEQSWEEP_ADDRESS": nodes.dashboard,
            "COLUMNS": "140",
            "HOME": str(folder),
        }

    def __call__(self, *arguments: str, code: int = 0, **environment: str) -> str:
        """What the command prints; standard error comes behind it."""
        done = self.prompt.run(
            arguments, folder=self.folder, environment=self.environment | environment, patience=PATIENCE
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "--json"))

    def wait_for(self, sweep: str, what: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Until the sweep's status is such: told of each change, as asking anew takes longer than a short trial."""
        deadline = time.monotonic() + PATIENCE
        line = ""
        while (
            time.monotonic() < deadline
        ):  # again where it ended before the cluster had noticed what was killed
            with subprocess.Popen(
                [*SEQSWEEP, "watch", sweep, "--json"],
                cwd=self.folder,
                env=self.environment,
                stdout=subprocess.PIPE,
                text=True,
            ) as watching:
                guard = threading.Timer(deadline - time.monotonic(), watching.kill)
                guard.start()
                assert watching.stdout is not None
                try:
                    for line in watching.stdout:
                        if what(status := json.loads(line)):
                            return dict(status)
                finally:
                    guard.cancel()
                    watching.kill()
        raise AssertionError(f"{line}\n{self('logs', sweep)}")


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    server = S3Server(tmp_path_factory.mktemp("s3"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def nodes(s3: S3Server) -> Iterator[Nodes]:
    environment = s3.environment | {"XDG_CACHE_HOME": str(s3.log.parent / "cache")}
    with Nodes([0, 1], dashboard=True, environment=environment) as made:
        yield made


@pytest.fixture(scope="module")
def prompt(nodes: Nodes) -> Iterator[Prompt]:
    with Prompt(nodes.environment) as made:
        yield made


@pytest.fixture
def user(nodes: Nodes, tmp_path: Path, prompt: Prompt) -> User:
    return User(nodes, tmp_path, prompt)


def spec_file(folder: Path, strokes: Path, **changes: Any) -> Path:
    file = folder / "small.toml"
    file.write_text(toml(table(strokes, **changes)))
    return file


def hold(nodes: Nodes, since: Collection[int] = ()) -> None:
    """Let the first worker that trains stand still, so that the sweep does not end before something is done to it.

    The processes of workers are looked at, as a sweep's status comes seconds later, when all of its trials may have ended.
    Those of the processes `since` are an earlier run's.
    """

    def held() -> bool:
        workers = [worker for worker in nodes.having(TRAINING) if worker not in since]
        for worker in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGSTOP)
        return bool(workers)

    wait_for(held, lambda: f"no worker trains: {nodes.having('ray::')}")


def files(folder: Path) -> dict[str, bytes]:
    """Everything that is not hidden, but for Ray's log."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != "ray.log")
    names = {str(path.relative_to(folder)): path for path in found}
    return {
        name: path.read_bytes()
        for name, path in names.items()
        if not any(part.startswith(".") for part in Path(name).parts)
    }


def drivers(nodes: Nodes) -> list[int]:
    """Processes of the cluster that run a submitted sweep."""
    found = []
    for pid in nodes[0].pids():
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[1:2] == [b"shipped.py"]:
                found.append(pid)
    return found


def test_submitted_stopped_resumed_killed_and_resumed(
    user: User, nodes: Nodes, strokes: Path, tmp_path: Path, undisturbed: dict[str, pd.DataFrame]
) -> None:
    data = shutil.copytree(strokes, tmp_path / "data")
    spec = spec_file(tmp_path, data, epochs=LONG)
    store = tmp_path / "cluster" / "store"
    sweep, hint, sent = user("submit", str(spec), "--store", str(store)).splitlines()
    assert sent == "sending 7.0 kB of data"
    assert hint == f"watch it: seqsweep watch {sweep} --address {user.environment['SEQSWEEP_ADDRESS']}"
    shutil.rmtree(data)  # it has been sent
    spec.unlink()

    hold(nodes)
    status = user.wait_for(sweep, lambda told: "trials" in told)
    assert status["status"] == "running"
    assert status["trials"]["total"] == 3
    assert user("stop", sweep).splitlines() == [
        f"{sweep} is stopped: stopped",
        f"go on with: seqsweep resume {sweep} --address {user.environment['SEQSWEEP_ADDRESS']}",
    ]
    assert user.json("status", sweep)["status"] == "stopped"
    assert Store(store).find(sweep).info["status"] == "interrupted"
    assert sorted(each.name for each in (store / sweep / "data").glob("[!.]*")) == ["0.safetensors"]
    user("pull", sweep)  # as far as it has come
    assert Store(tmp_path / "store").find(sweep).finished() == Store(store).find(sweep).finished()

    # a shell that has the address from the option alone, and an id from its digits
    address = user.environment["SEQSWEEP_ADDRESS"]
    before = nodes.having(TRAINS)  # that have been stopped, and perhaps not ended yet
    resumed = user("resume", sweep.rpartition("-")[2], "--address", address, SEQSWEEP_ADDRESS="")
    assert resumed.splitlines()[0] == sweep
    hold(nodes, since=before)
    assert "is running on" in user("resume", sweep, "--address", address, code=2)
    (driver,) = drivers(nodes)
    os.kill(driver, signal.SIGKILL)
    status = user.wait_for(sweep, lambda told: told["status"] == "failed")
    assert status["job"] == f"{sweep}.2"
    assert "failed" in user("status", sweep)

    # as a cluster is told that has forgotten the sweep, or never knew it
    again = user("resume", sweep, "--address", address, "--store", str(store)).splitlines()[0]
    assert again == sweep
    watched = user("watch", sweep)
    assert "3 of 3 trials finished" in watched
    assert "\x1e" not in watched
    found = Store(store).find(sweep)
    assert found.info["status"] == "finished"
    assert found.info["command"].startswith("-c submit")
    assert_same(found, undisturbed)
    assert not (store / sweep / "data").exists()
    assert not (store / sweep / "checkpoints").exists()

    with subprocess.Popen([*SEQSWEEP, "pull", sweep], cwd=tmp_path, env=user.environment) as killed:
        deadline = time.monotonic() + PATIENCE
        while killed.poll() is None and not (tmp_path / "store" / sweep / ".pull").exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        killed.kill()
    pulled = user.json("pull", sweep)
    assert (pulled["status"], pulled["finished"], pulled["trials"]) == ("finished", 3, 3)
    here = Store(tmp_path / "store").find(sweep)
    assert_same(here, undisturbed)
    assert here.info == found.info
    assert files(tmp_path / "store" / sweep) == files(store / sweep)
    assert "nothing new" in user("pull", sweep)
    assert user("show", sweep) == user("show", sweep, "--store", str(store)).replace(f" --store {store}", "")

    status = user.json("status", sweep)
    assert status["status"] == "succeeded"
    assert json.loads(user("watch", sweep, "--json").splitlines()[-1]) == status
    assert status["gpus"] == {"total": 0, "busy": 0}
    assert status["best"]["strokes"]["test_accuracy"] > 0.4
    assert "see it: seqsweep pull" in user("status", sweep)
    logged = user("logs", sweep).splitlines()
    assert user("logs", "-f", sweep).splitlines() == logged
    told = [json.loads(line)["line"] for line in user("logs", "--json", sweep).splitlines()]
    assert [line.expandtabs() for line in told] == logged
    assert f"{sweep} had ended before: finished" in user("stop", sweep)
    (listed,) = [each for each in user.json("list", "--cluster") if each["sweep"] == sweep]
    assert listed["status"] == "succeeded"
    assert sweep in user("list", "--address", address, SEQSWEEP_ADDRESS="")


def test_a_store_of_objects(user: User, s3: S3Server, strokes: Path, tmp_path: Path) -> None:
    shutil.copytree(strokes, s3.objects / BUCKET / "letters")
    letters = f"s3://{BUCKET}/letters"
    spec = spec_file(tmp_path, Path("letters"))
    spec.write_text(spec.read_text().replace('"letters"', f'"{letters}"'))
    uri = f"s3://{BUCKET}/sweeps"
    said = user("submit", str(spec), "--store", uri)
    assert said.splitlines()[2:] == [f"{letters} is read by the cluster"]
    sweep = said.splitlines()[0]
    said += user("watch", sweep)
    assert f"see it: seqsweep show {sweep} --store {uri}" in said
    said += user("pull", sweep)
    for verb in ("list", "show", "confusion", "curves"):
        far, near = user(verb, "--json", "--store", uri), user(verb, "--json")
        assert json.loads(far) == json.loads(near)
        said += far + near
    expected = train(table(strokes), tmp_path / "expected", "small-000000")
    assert_same(newest(tmp_path / "store"), figures(expected))
    said += user("logs", sweep) + user("status", sweep, "--json")
    assert SECRET not in said
    kept = [path for folder in (s3.objects, tmp_path) for path in folder.rglob("*") if path.is_file()]
    assert len(kept) > 30
    assert not [path for path in kept if SECRET.encode() in path.read_bytes()]
    assert not list(s3.objects.rglob("*.tmp"))
    assert not [path for path in s3.objects.rglob("*") if path.is_file() and "data" in path.parts]


def test_a_mistake_that_only_the_cluster_can_see(user: User, strokes: Path, tmp_path: Path) -> None:
    spec = spec_file(tmp_path, strokes, resources={"cpus_per_trial": 64})
    sweep = user("submit", str(spec), "--store", str(tmp_path / "store")).splitlines()[0]
    user.wait_for(sweep, lambda told: told["status"] == "failed")
    shown = user("status", sweep)
    assert "`resources.cpus_per_trial` is 64, but must be at most 1" in shown
    assert "go on with: seqsweep resume" in shown


def test_what_is_wrong_is_said_before_anything_is_sent(user: User, strokes: Path, tmp_path: Path) -> None:
    before = len(user.json("list", "--cluster"))
    spec = spec_file(tmp_path, strokes)
    assert "--store is results, but must be a URI" in user("submit", str(spec), "--store", "results", code=2)
    secret = user("submit", str(spec), "--store", "s3://KEY:hidden@bucket/x", code=2)
    assert "no credentials" in secret
    assert "hidden" not in secret
    bad = tmp_path / "bad.toml"
    bad.write_text(spec.read_text().replace("'gru'", "'gro'"))
    assert "did you mean 'gru'?" in user("submit", str(bad), code=2)
    bad.write_text(spec.read_text().replace(str(strokes), str(strokes / "nowhere")))
    assert "nowhere" in user("submit", str(bad), code=2)
    assert len(user.json("list", "--cluster")) == before


def test_sweeps_that_are_not_there(user: User) -> None:
    assert "no sweep `nope` on the cluster" in user("status", "nope", code=2)
    for evil in ("../../etc", "a/b", "x\ny"):
        refused = user(
            "resume", evil, "--address", user.environment["SEQSWEEP_ADDRESS"], "--store", "/s", code=2
        )
        assert "must be 1 to 128 letters" in refused


def test_a_token_is_asked_for(user: User) -> None:
    wrong = user("list", "--cluster", code=2, RAY_AUTH_TOKEN="0" * 64)
    assert "wants its token, and refused ours" in wrong
    nothing = user(
        "list", "--cluster", code=2, RAY_AUTH_TOKEN_PATH=str(user.folder / "none"), RAY_AUTH_MODE=""
    )
    assert "$RAY_AUTH_TOKEN" in nothing


def test_nobody_answers(user: User) -> None:
    for verb in ("status", "logs", "stop", "watch", "submit"):
        said = user(verb, "--address", "http://127.0.0.2:9", code=2)
        assert "no Ray dashboard answers at http://127.0.0.2:9: Connection refused; is the cluster up" in said
    assert "no cluster is named: give --address" in user("status", code=2, SEQSWEEP_ADDRESS="")
