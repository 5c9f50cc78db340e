"""The doctor's judgement of a cluster's nodes, from what was found there, and how it is printed. No Ray runs here."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from seqsweep.cluster.jobs import Job
from seqsweep.cluster.memory import Memory
from seqsweep.cluster.records import send
from seqsweep.sweeps.cli.app import main
from seqsweep.sweeps.doctor import job as doctor_job
from seqsweep.sweeps.doctor import node as doctor_node
from seqsweep.sweeps.doctor.checks import GIB, Check
from seqsweep.sweeps.doctor.job import ClusterDiagnosis, NodeDiagnosis
from seqsweep.sweeps.doctor.node import Clock, Disk, Listener, Node, RayFound, look_at_ray
from seqsweep.sweeps.doctor.node_checks import judge
from seqsweep.sweeps.doctor.probe import BackendFound, Gpu, Gpus, Package, Probe, StoreFound, look_at_store
from seqsweep.sweeps.doctor.view import grouped, render_cluster, table

HERE = {
    "python": "3.11.7",
    "seqsweep": "0.1.0",
    "torch": "2.13.0",
    "ray": "2.60.0",
    "numpy": "2.4.6",
    "pyarrow": "26.0.1",
}
H200 = Gpu("NVIDIA H200", 139 * GIB, "9.0")
Change = Callable[[Node], Node]


def package(name: str, version: str | None, fits: bool = True) -> Package:
    return Package(name, f"{name}>=2", ">=2", version, fits)


PROBE = Probe(
    python="3.11.7",
    executable="/usr/bin/python3",
    installed="0.1.0",
    shipped=False,
    packages=tuple(package(name, HERE[name]) for name in ("torch", "ray", "numpy", "pyarrow")),
    backend=BackendFound("cpu", "x86-64-v4"),
    gpus=Gpus(backend="torch"),
    usable_cpus=8,
    present_cpus=8,
    memory=Memory(64 * GIB, 60 * GIB),
    store=StoreFound("/shared/store", writable=True, free=500 * GIB),
)
RAY = RayFound(
    temporary=Disk("/tmp/ray", 50 * GIB, 100 * GIB),
    shared_memory=32 * GIB,
    open_files=65536,
    token=True,
    listeners=(Listener("raylet", "::", 10001),),
    variables={},
)
HEAD = Node(
    id="0" * 56,
    name="10.0.0.1",
    address="10.0.0.1",
    host="head",
    head=True,
    resources={"CPU": 8.0, "object_store_memory": 19.0 * GIB},
    probe=PROBE,
    ray=RAY,
    clock=Clock(0.0001, 0.001),
)
OTHER = replace(HEAD, id="1" * 56, name="10.0.0.2", address="10.0.0.2", host="other", head=False)


def probed(**changes: Any) -> Change:
    return lambda node: replace(node, probe=replace(PROBE, **changes))


def with_ray(**changes: Any) -> Change:
    return lambda node: replace(node, ray=replace(RAY, **changes))


def with_package(name: str, version: str | None, fits: bool = True) -> Change:
    changed = package(name, version, fits)
    return probed(packages=tuple(changed if each.name == name else each for each in PROBE.packages))


def told(**resources: float) -> Change:
    return lambda node: replace(node, resources={**node.resources, **resources})


def both(*changes: Change) -> Change:
    def change(node: Node) -> Node:
        for each in changes:
            node = each(node)
        return node

    return change


def found(change: Change, name: str) -> Check:
    """The check `name` of a node that differs from the head so; all others are as the head's."""
    head, other = judge([HEAD, change(OTHER)], HERE)
    if name != "answer":
        assert [each for each in other if each.name != name] == [each for each in head if each.name != name]
    (check,) = [check for check in other if check.name == name]
    return check


def test_a_node_like_the_head_is_well() -> None:
    head, other = judge([HEAD, OTHER], HERE)
    assert head == other
    assert {check.status for check in head} == {"ok"}
    assert [check.name for check in head] == [
        *("python", "seqsweep", "torch", "ray", "numpy", "pyarrow", "others", "backend", "gpus", "cores"),
        *("memory", "store", "clock", "ray's disk", "shared memory", "open files", "network"),
    ]


@pytest.mark.parametrize(
    ("change", "name", "status", "finding", "remedy"),
    [
        # versions
        (probed(python="3.12.1"), "python", "failed", "3.12.1, but the head has 3.11.7", "Python 3.11"),
        (probed(python="3.11.9"), "python", "ok", "3.11.9 (3.11.7 here)", None),
        (with_package("ray", "2.61.0"), "ray", "failed", "2.61.0, but the head has 2.60.0", "ray==2.60.0"),
        (with_package("torch", None, False), "torch", "failed", "not installed", "pip install"),
        (with_package("torch", "1.9", False), "torch", "failed", "1.9, but must be >=2", "pip install"),
        (with_package("torch", "2.6.0"), "torch", "warning", "2.6.0, but 2.13.0 here", "torch==2.13.0"),
        (with_package("torch", "2.13.0+cu128"), "torch", "ok", "2.13.0+cu128 (2.13.0 here)", None),
        (with_package("numpy", "2.0.1"), "numpy", "ok", "2.0.1 (2.4.6 here)", None),
        (
            probed(installed=None, shipped=True),
            "seqsweep",
            "ok",
            "0.1.0, shipped from here; none is installed there",
            None,
        ),
        (probed(shipped=True, installed="0.0.9"), "seqsweep", "ok", "shipped from here; 0.0.9 is", None),
        # backend
        (probed(backend=BackendFound("torch")), "backend", "warning", "`auto` is torch", "C++17 compiler"),
        (probed(backend=BackendFound("cpu", None, "OSError: x")), "backend", "failed", "OSError: x", "there"),
        # GPUs
        (
            both(probed(gpus=Gpus((H200,) * 8, "torch", "570.86", "12.8")), told(GPU=8)),
            "gpus",
            "ok",
            "8 x NVIDIA H200 (139 GiB); `auto` is torch for a trial with `gpus_per_trial`; driver 570.86, "
            "compute capability 9.0",
            None,
        ),
        (told(GPU=1), "gpus", "failed", "Ray was told of 1, but torch sees none", "--num-gpus=0"),
        (
            both(probed(gpus=Gpus((), "torch", "570.86", None)), told(GPU=1)),
            "gpus",
            "failed",
            "built without CUDA",
            "install torch with CUDA",
        ),
        (
            probed(gpus=Gpus((H200,), "torch", "570.86", "12.8")),
            "gpus",
            "warning",
            "; Ray was told of 0",
            "--num-gpus=1",
        ),
        # cores, memory
        (told(CPU=64), "cores", "warning", "8 of 8; Ray was told of 64", "--num-cpus=8"),
        (told(CPU=0), "cores", "ok", "Ray was told of 0: no trial runs there", None),
        (probed(memory=Memory(64 * GIB, 5 * GIB)), "memory", "ok", "5.0 of 64.0 GiB free", None),
        (probed(memory=Memory(64 * GIB, 4 * GIB)), "memory", "warning", "may need 5.0", "there"),
        # store
        (
            probed(store=StoreFound("/shared/store", writable=False, shared=False)),
            "store",
            "warning",
            "/shared/store is the head's alone",
            "s3://",
        ),
        (
            probed(
                store=StoreFound("/shared/store", writable=False, fault="/shared/store cannot be written: x")
            ),
            "store",
            "failed",
            "cannot be written: x",
            "--store",
        ),
        (
            with_ray(variables={"AWS_ACCESS_KEY_ID": True, "AWS_REGION": False}),
            "credentials",
            "ok",
            "AWS_ACCESS_KEY_ID set, AWS_REGION not set",
            None,
        ),
        # clock: what cannot be told from the way there and back is no fault
        (lambda node: replace(node, clock=Clock(5.0, 0.5)), "clock", "warning", "5.0 s ahead of", "NTP"),
        (lambda node: replace(node, clock=Clock(-9.0, 0.0)), "clock", "warning", "9.0 s behind", "NTP"),
        (lambda node: replace(node, clock=Clock(5.0, 2.5)), "clock", "ok", "within 7.5 s", None),
        # Ray's node
        (
            with_ray(temporary=Disk("/tmp/ray", 4 * GIB, 100 * GIB)),
            "ray's disk",
            "warning",
            "4.0 of 100.0 GiB free",
            "--temp-dir",
        ),
        (with_ray(shared_memory=GIB // 16), "shared memory", "warning", "/dev/shm 0.1 GiB", "--shm-size"),
        (with_ray(open_files=1024), "open files", "warning", "1024", "ulimit -n"),
        (with_ray(open_files=-1), "open files", "ok", "no limit", None),
        (
            with_ray(
                token=False, listeners=(Listener("raylet", "::", 1), Listener("gcs_server", "10.0.0.2", 2))
            ),
            "network",
            "warning",
            "gcs_server, raylet can be reached",
            "RAY_AUTH_MODE=token",
        ),
        (
            with_ray(token=False, listeners=(Listener("raylet", "127.0.0.1", 1), Listener("x", "::1", 2))),
            "network",
            "ok",
            "loopback",
            None,
        ),
        (with_ray(token=False, listeners=None), "network", "warning", "Ray can be reached", "firewall"),
        # a node that does not answer
        (
            lambda node: replace(node, probe=None, ray=None, fault="no answer within 60 s"),
            "answer",
            "failed",
            "no answer within 60 s",
            "raylet's log",
        ),
    ],
)
def test_a_node_that_differs(
    change: Change, name: str, status: str, finding: str, remedy: str | None
) -> None:
    check = found(change, name)
    assert check.status == status
    assert finding in check.finding
    assert (check.remedy is None) == (status == "ok")
    assert remedy is None or remedy in str(check.remedy)


def test_without_an_answer_of_the_head_the_others_are_judged() -> None:
    silent = replace(HEAD, probe=None, ray=None, fault="no answer within 60 s")
    head, other = judge([silent, OTHER], HERE)
    assert [check.name for check in head] == ["answer"]
    assert {check.status for check in other} == {"ok"}


# what is found


def test_a_store_is_shared_where_its_token_is_seen(tmp_path: Path) -> None:
    token = tmp_path / ".token"
    assert not look_at_store(str(tmp_path), str(token)).shared
    token.touch()
    seen = look_at_store(str(tmp_path), str(token))
    assert (seen.shared, seen.writable) == (True, True)
    assert list(tmp_path.iterdir()) == [token]


def test_of_credentials_only_the_names_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret")
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    seen = look_at_ray("s3://bucket/store", "no-such-session", str(tmp_path))
    assert seen.variables["AWS_SECRET_ACCESS_KEY"] is True
    assert seen.variables["AWS_SESSION_TOKEN"] is False
    assert "very-secret" not in repr(seen)
    assert look_at_ray("/store", "no-such-session", str(tmp_path)).variables == {}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::1", "::"])
def test_ports_of_a_session_are_found(address: str, tmp_path: Path) -> None:
    session = "session_2030-01-01_00-00-00_000000_1"
    script = tmp_path / "dashboard.py"
    script.write_text(
        "import signal, socket, sys\n"
        "family = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET\n"
        "server = socket.create_server((sys.argv[1], 0), family=family)\n"
        "print(server.getsockname()[1], flush=True)\n"
        "signal.pause()\n"
    )
    command = [sys.executable, str(script), address, f"--session={session}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            port = int(process.stdout.readline())
            assert look_at_ray("/store", session, str(tmp_path)).listeners == (
                Listener("dashboard", address, port),
            )
        finally:
            process.send_signal(signal.SIGKILL)


def test_the_job_needs_no_package_to_say_what_lacks() -> None:
    lacking = ("rich", "typer", "pydantic", "pandas", "numpy", "torch", "pyarrow", "jaxtyping", "safetensors")
    code = f"""
import sys
sys.modules.update(dict.fromkeys({lacking}))
import seqsweep.sweeps.cluster_main, seqsweep.sweeps.doctor.cluster
from seqsweep.sweeps.doctor.probe import probe
found = probe("/", ["torch>=2", "no-such-package"])
print(found.backend.name, found.packages[0].version, found.packages[1].fault)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("None None ModuleNotFoundError: ")


# the job's answer


def job(status: str, message: str = "") -> Job:
    return Job("seqsweep-doctor-1", status, message, {}, None, None)


def test_a_job_that_fails_says_why() -> None:
    lines = ["Traceback (most recent call last):", "ModuleNotFoundError: No module named 'packaging'"]
    (node,) = doctor_job._sorted(job("FAILED"), lines)
    (check,) = node.checks
    assert check.status == "failed"
    assert "No module named 'packaging'" in check.finding
    (node,) = doctor_job._sorted(job("PENDING", "no agent yet"), [])
    assert "still PENDING; no agent yet" in node.checks[0].finding


def test_half_an_answer_is_none() -> None:
    stream = StringIO()
    send({"node": "a", "facts": {}, "checks": [vars(Check("cores", "ok", "2 of 2"))]}, stream)
    (node,) = doctor_job._sorted(job("STOPPED"), stream.getvalue().split("\n"))
    assert node.checks[0].name == "job"
    send({"nodes": 1}, stream)
    (node,) = doctor_job._sorted(job("SUCCEEDED"), ["noise", *stream.getvalue().split("\n")])
    assert node == NodeDiagnosis("a", (Check("cores", "ok", "2 of 2"),), {})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--address", "http://127.0.0.1:1"], "no Ray dashboard answers at http://127.0.0.1:1"),
        (["--address", "127.0.0.1:1"], "--address is '127.0.0.1:1', but must be http://HOST:PORT"),
        (["--address", "http://127.0.0.1:1", "--store", "here"], "--store is here, but must be a URI"),
    ],
)
def test_mistakes(
    options: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", {**os.environ})  # the client settles Ray's variables
    assert main(["doctor", *options]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err


# view


def diagnosis(count: int, *more: Node) -> ClusterDiagnosis:
    alike = [
        replace(
            OTHER,
            name=f"10.0.1.{number}",
            probe=replace(PROBE, memory=Memory(64 * GIB, (40 + number % 7) * GIB)),
        )
        for number in range(count)
    ]
    nodes = [HEAD, *alike, *more]
    return ClusterDiagnosis(
        "http://head:8265",
        "/shared/store",
        tuple(
            NodeDiagnosis(node.name, checks, {})
            for node, checks in zip(nodes, judge(nodes, HERE), strict=True)
        ),
    )


def shown(data: ClusterDiagnosis, width: int) -> str:
    file = StringIO()
    render_cluster(data, Console(file=file, width=width))
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines())


def test_equal_nodes_are_one_row_a_check() -> None:
    data = diagnosis(63)
    rows = grouped(data)
    assert len({row.check.name for row in rows}) == len(rows)
    assert {len(row.nodes) for row in rows} == {64}
    text = shown(data, 140)
    assert "ok      memory         all 64  40.0-60.0 of 64.0 GiB free" in text
    assert text.endswith("\nall is well")


def test_nodes_that_differ_are_named() -> None:
    late = [
        replace(OTHER, name=f"10.0.2.{each}", probe=None, ray=None, fault="no answer") for each in range(9)
    ]
    full = replace(OTHER, name="10.0.3.1", ray=replace(RAY, temporary=Disk("/tmp/ray", 1, 100 * GIB)))
    text = shown(diagnosis(5, full, *late), 150)
    lines = [line[:37].rstrip() for line in text.splitlines()[-5:]]
    assert lines == [
        "failed   answer         10.0.2.0    n",
        "                        10.0.2.1    r",
        "                        10.0.2.2",
        "                        and 6 more",
        "1 failed · 1 warning",
    ]
    assert "\nok       python         7 of 16     3.11.7\n" in text
    assert "\nwarning  ray's disk     10.0.3.1    /tmp/ray, 0.0 of 100.0 GiB free\n" in text


def test_amounts_that_differ_become_a_range() -> None:
    tried = "cannot write s3://b/x: Failed to connect to 10.0.0.{} after {} ms (tried for {} s)"
    checks = [
        Check("store", "failed", tried.format(*each), "give another store")
        for each in ((9, 12, 8), (9, 3, 10), (7, 3, 8))
    ]
    data = ClusterDiagnosis(
        "http://head:8265", "s3://b/x", tuple(NodeDiagnosis(str(n), (c,), {}) for n, c in enumerate(checks))
    )
    first, second = grouped(data)
    assert (first.nodes, first.check.finding) == (("0", "1"), tried.format(9, "3-12", "8-10"))
    assert (second.nodes, second.check.finding) == (("2",), tried.format(7, 3, 8))


@pytest.mark.parametrize("width", [80, 140])
def test_lines_fit(width: int) -> None:
    silent = replace(OTHER, name="10.0.0.3", probe=None, ray=None, fault="no answer within 60 s")
    exposed = replace(OTHER, name="10.0.0.4", ray=replace(RAY, token=False))
    text = shown(diagnosis(2, silent, exposed), width)
    assert max(map(len, text.splitlines())) <= width
    assert "\x1b" not in text
    assert text.splitlines()[0] == "http://head:8265 · 5 nodes · store /shared/store"


def test_no_colour_where_none_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    file = StringIO()
    render_cluster(diagnosis(0), Console(file=file, width=80, force_terminal=True))
    assert "\x1b[3" not in file.getvalue()


def test_json_has_rows_and_nodes() -> None:
    silent = replace(OTHER, probe=None, ray=None, fault="no answer within 60 s")
    data = table(diagnosis(1, silent))
    assert data["status"] == "failed"
    (answer,) = [check for check in data["checks"] if check["name"] == "answer"]
    assert answer["nodes"] == ("10.0.0.2",)
    assert [node["name"] for node in data["nodes"]] == ["10.0.0.1", "10.0.1.0", "10.0.0.2"]


def test_what_ray_calls_its_processes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "cmdline").write_bytes(b"/usr/lib/raylet\0--session-name=session_1\0")
    assert doctor_node._ray_process(tmp_path, "session_1") == "raylet"
    assert doctor_node._ray_process(tmp_path, "session_2") is None
