"""A Ray of our own heeds nothing that the user set for another Ray or for `uv run`, and needs no home."""

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from seqsweep.cluster import authentication, session
from seqsweep.cluster.errors import ClusterError
from tests import REPOSITORY

HOSTILE = {
    "RAY_RUNTIME_ENV_HOOK": "antigravity.hook",
    "RAY_JOB_CONFIG_JSON_ENV_VAR": '{"runtime_env": {"working_dir": "/"}}',
    "RAY_OVERRIDE_JOB_RUNTIME_ENV": "1",
    "RAY_RUNTIME_ENV": '{"working_dir": "/"}',
    "RAY_RUNTIME_ENV_PLUGINS": '[{"class": "antigravity.Plugin"}]',
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "1",
    "RAY_ADDRESS": "192.0.2.1:6379",
    "RAY_API_SERVER_ADDRESS": "http://192.0.2.1:8265",
    "RAY_REDIS_ADDRESS": "192.0.2.1:6379",
    "RAY_NAMESPACE": "theirs",
    "RAY_USE_TLS": "1",
    "RAY_AUTH_MODE": "disabled",
    "RAY_AUTH_TOKEN": "theirs",
    "RAY_OVERRIDE_RESOURCES": '{"CPU": 1000}',
    "RAY_grpc_enable_http_proxy": "1",
    "RAY_gcs_storage": "redis",
    "RAY_object_spilling_config": "{}",
}
HARMLESS = {"RAY_memory_usage_threshold": "0.9", "RAY_DEDUP_LOGS": "0", "RAY_worker_niceness": "5"}


def test_the_users_variables_are_hidden_and_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray")  # sets a variable itself when it is imported
    for name, value in (HOSTILE | HARMLESS).items():
        monkeypatch.setenv(name, value)
    before = dict(os.environ)
    with session.own(tmp_path):
        there = {name: value for name, value in os.environ.items() if name.startswith("RAY_")}
        assert there == HARMLESS | {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(tmp_path / "token"),
            "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
        } | {
            name: value for name, value in session.QUIET.items() if name in before and name.startswith("RAY_")
        }
        assert stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o600
        from ray._private.worker import _maybe_modify_runtime_env

        monkeypatch.setattr(
            "ray._private.runtime_env.uv_runtime_env_hook._get_uv_run_cmdline", lambda: ["uv", "run"]
        )
        assert _maybe_modify_runtime_env(None, True) is None
    assert dict(os.environ) == before


NO_HOME = """
import os, pwd, sys
def nobody(_):
    raise KeyError("no entry")
pwd.getpwuid = pwd.getpwnam = nobody
os.environ.pop("HOME", None)
from seqsweep.sweeps.cli.app import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["status"], "error: no cluster is named: give --address"),
        (
            ["status", "--address", "http://127.0.0.1:9"],
            "error: no Ray dashboard answers at http://127.0.0.1:9",
        ),
        (["list", "--store", "~/store"], "error: the store ~/store: there is no such home folder"),
    ],
)
def test_verbs_of_a_user_without_home_or_name(tmp_path: Path, arguments: list[str], message: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", NO_HOME, *arguments], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr.splitlines()[0][: len(message)]) == (2, message)
    assert "fault of seqsweep" not in done.stderr


def test_a_token_is_found_wherever_ray_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (authentication.MODE, authentication.TOKEN, authentication.TOKEN_PATH):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/proc/nowhere")
    assert not authentication.has_token()
    (tmp_path / ".ray").write_text("a file")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert not authentication.has_token()
    (tmp_path / ".ray").unlink()
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text("f00")
    assert authentication.has_token()
    monkeypatch.setenv(authentication.TOKEN_PATH, str(tmp_path / "none"))
    assert not authentication.has_token()
    monkeypatch.setenv(authentication.TOKEN, "f00")
    assert authentication.has_token()


RUN = """
import os, sys
from pathlib import Path
from seqsweep.cluster.local import cluster
from seqsweep.cluster.output import divert
with divert(Path(sys.argv[1])) as terminal, cluster(cpus=1):
    import ray
    found = ray.get(ray.remote(lambda: (6 * 7, ray.get_runtime_context().runtime_env)).remote())
    print(found[0], dict(found[1]), file=terminal.stdout)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder for `uv run`, with the environment of these tests as its own."""
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "mine"\nversion = "0"\n')
    (tmp_path / ".venv").symlink_to(sys.prefix)
    return tmp_path


def below_uv(project: Path, *command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a command as README has it: `uv run --no-sync ...`."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "VIRTUAL_ENV"))
    }
    return subprocess.run(
        [str(Path(sys.executable).with_name("uv")), "run", "--no-sync", *command],
        cwd=project,
        env=inherited | {"UV_OFFLINE": "1", "UV_NO_CACHE": "1"} | environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_a_ray_starts_below_uv_without_a_home_and_behind_a_proxy(project: Path) -> None:
    others = {"HOME": "/proc/nowhere", "http_proxy": "http://127.0.0.1:9"}
    done = below_uv(project, "python", "-c", RUN, str(project / "log"), **HOSTILE, **others)
    assert (done.returncode, done.stdout) == (0, "42 {}\n"), done.stderr


@pytest.mark.parametrize(("wants", "mode"), [(False, "disabled"), (True, "token")])
@pytest.mark.parametrize("set_before", [None, "token", "disabled"])
def test_a_token_is_shown_exactly_to_a_cluster_that_wants_one(
    wants: bool, mode: str, set_before: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authentication, "apply", lambda: None)
    monkeypatch.setattr(
        authentication, "_lets_in", lambda _: not wants or os.environ[authentication.MODE] == "token"
    )
    monkeypatch.setenv(authentication.TOKEN, "f00")
    monkeypatch.setenv(authentication.MODE, set_before or "")
    authentication.agree("192.0.2.1:6379")
    assert os.environ[authentication.MODE] == mode
    monkeypatch.delenv(authentication.TOKEN)
    monkeypatch.setenv(authentication.TOKEN_PATH, "/proc/nowhere")
    if wants:
        with pytest.raises(ClusterError, match="wants its token, and refused us without one: put the head's"):
            authentication.agree("192.0.2.1:6379")


def test_uv_starts_it_as_the_readme_says(project: Path) -> None:
    assert "uv run --no-sync seqsweep" in (REPOSITORY / "README.md").read_text()
    done = below_uv(project, "seqsweep", "--version")
    assert (done.returncode, done.stdout[:9]) == (0, "seqsweep "), done.stderr


def test_the_page_lists_the_variables_that_act() -> None:
    page = (REPOSITORY / "docs" / "cluster.md").read_text(encoding="utf-8")
    part = page.partition("## Which `RAY_` variables act")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.*) \| (.*) \|$", part, re.MULTILINE)[2:]
    acting = [name for named, _ in rows for name in re.findall(r"`(RAY_\w+\*?)`", named)]
    assert len(acting) > 10
    assert not [name for name in acting if not session.KEPT.fullmatch(name.replace("*", "X"))]
    hidden = [*re.findall(r"`(RAY_\w+\*?)`", rows[-1][1]), "RAY_ADDRESS", "RAY_TMPDIR", "RAY_AUTH_MODE"]
    assert not [name for name in hidden if session.KEPT.fullmatch(name.replace("*", "X"))]
