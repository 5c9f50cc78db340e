"""The Slurm script: read by bash and shellcheck, and run for real between a stand-in for srun and real Ray processes."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from seqsweep.cluster.render import Wanted, render
from tests.support import fake_slurm

PLAIN = Wanted(nodes=2, cpus=1)
FULL = Wanted(nodes=64, gpus=4, gpu_type="a100", cpus=32, partition="gpu,long", time="1-12", name="big")
BIN = Path(sys.executable).parent


def written(folder: Path, wanted: Wanted, old: str = "", new: str = "") -> Path:
    script = folder / "cluster.sh"
    text = render("slurm", wanted)
    assert old in text
    script.write_text(text.replace(old, new) if old else text)
    return script


def shellcheck(script: Path) -> subprocess.CompletedProcess[str]:
    command = [str(BIN / "shellcheck"), "--severity=style", str(script)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("wanted", [PLAIN, FULL])
def test_bash_and_shellcheck_have_no_complaint(tmp_path: Path, wanted: Wanted) -> None:
    script = written(tmp_path, wanted)
    parsed = subprocess.run(["bash", "-n", str(script)], capture_output=True, text=True, check=False)
    assert (parsed.returncode, parsed.stderr) == (0, "")
    checked = shellcheck(script)
    assert (checked.returncode, checked.stdout) == (0, "")
    [node] = re.findall(r"<<'NODE' \|\| true\n(.*?)^NODE$", script.read_text(), re.M | re.S)
    inner = tmp_path / "node.sh"
    # what the outer script exports
    given = ': "${CPUS:=1}" "${GPUS:=0}" "${DASHBOARD:=1}" "${CLIENT:=1}" "${RAY_ADDRESS:=a:1}" "${SLURMD_NODENAME:=a}"\n'
    inner.write_text("#!/bin/bash\n" + given + node)
    checked = shellcheck(inner)
    assert (checked.returncode, checked.stdout) == (0, "")


@pytest.mark.parametrize(
    ("old", "new"),
    [('kill "$waiting"', 'kill "$wating"'), ("mapfile -t hosts", "mapfile -t host"), ("steps=()", "steps=(")],
)
def test_shellcheck_refuses_a_typo(tmp_path: Path, old: str, new: str) -> None:
    assert shellcheck(written(tmp_path, PLAIN, old, new)).returncode == 1


def test_directives() -> None:
    lines = render("slurm", FULL).splitlines()
    body = next(number for number, line in enumerate(lines) if line and not line.startswith("#"))
    assert all(line.startswith("#") or not line for line in lines[:body]), (
        "sbatch reads directives before commands only"
    )
    directives = [
        line.removeprefix("#SBATCH ").split("#")[0].strip()
        for line in lines[:body]
        if line.startswith("#SBATCH")
    ]
    assert directives == [
        "--job-name=big",
        "--nodes=64",
        "--ntasks-per-node=1",
        "--cpus-per-task=32",
        "--gpus-per-node=a100:4",
        "--time=1-12",
        "--partition=gpu,long",
        "--output=%x-%j.log",
        "--no-kill",
        "--signal=B:TERM@180",
    ]
    assert "symmetric-run" not in render("slurm", FULL)
    assert not re.search(r"\bray stop\b", render("slurm", FULL))


class Job:
    """The script, run as Slurm would run it on the first of two nodes; `seqsweep` and `ray` may be stand-ins."""

    def __init__(self, folder: Path, arguments: tuple[str, ...], stand_ins: dict[str, str]) -> None:
        tools = folder / "bin"
        tools.mkdir()
        fake = f"#!{sys.executable}\n{Path(fake_slurm.__file__).read_text()}"
        for name in ("srun", "scontrol"):
            stand_ins = {**stand_ins, name: fake}
        for name, text in stand_ins.items():
            (tools / name).write_text(text)
            (tools / name).chmod(0o755)
        environment = folder / "env" / "bin"
        environment.mkdir(parents=True)
        (environment / "activate").write_text(f'PATH="{tools}:{BIN}:$PATH"\n')
        self.folder, self.token = folder, folder / f".seqsweep-{os.getpid()}.token"
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "SLURM_"))}
        self.log = folder / "job.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                ["bash", str(written(folder, PLAIN)), *arguments],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env={
                    **clean,
                    "HOME": str(folder),
                    "SEQSWEEP_ENV": str(folder / "env"),
                    "SLURM_JOB_ID": str(os.getpid()),
                    "SLURM_JOB_NODELIST": "127.0.0.2,127.0.0.3",
                    "SLURM_CPUS_PER_TASK": "1",
                },
            )

    def left(self) -> list[int]:
        """Process ids of everything that the job started and that still runs: it has the token's path in its environment."""
        mine = f"RAY_AUTH_TOKEN_PATH={self.token}".encode()
        found = []
        for each in Path("/proc").glob("[0-9]*"):
            try:
                if mine in (each / "environ").read_bytes().split(b"\0"):
                    found.append(int(each.name))
            except OSError:  # gone meanwhile, or somebody else's
                continue
        return found

    def wait_for(self, ready: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not ready():
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)

    def end(self) -> None:
        for process_id in {self.process.pid, *self.left()}:
            try:
                os.kill(process_id, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait()


SWEEP = f"""#!{sys.executable}
# stands for `seqsweep run SPEC`: says what it was told and what it sees, and goes on until it is asked to stop
import json, os, signal, sys
from pathlib import Path
import ray
ray.init(address=sys.argv[sys.argv.index("--address") + 1], log_to_driver=False)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
nodes = [(node["NodeManagerAddress"], node["Resources"].get("CPU")) for node in ray.nodes() if node["Alive"]]
Path("seen").write_text(json.dumps([sys.argv[1:], sorted(nodes)]))
Path("seen").rename("sweep.json")
while True:
    signal.pause()
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Job]]:
    jobs: list[Job] = []

    def begin(*arguments: str, **stand_ins: str) -> Job:
        jobs.append(Job(tmp_path, arguments, stand_ins))
        return jobs[-1]

    yield begin
    for job in jobs:
        job.end()


def folders() -> set[Path]:
    return set(Path("/tmp").glob("ray-??????"))


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds processes in Linux's /proc")
def test_two_nodes_join_and_everything_ends_when_the_job_is_told_to(start: Callable[..., Job]) -> None:
    before = folders()
    job = start("my spec.toml", "--json", seqsweep=SWEEP)
    seen = job.folder / "sweep.json"
    job.wait_for(lambda: seen.exists() or job.process.poll() is not None, 180)
    log = job.log.read_text()
    assert seen.exists(), log
    arguments, nodes = json.loads(seen.read_text())
    assert nodes == [["127.0.0.2", 1.0], ["127.0.0.3", 1.0]]
    assert arguments[:3] == ["run", "my spec.toml", "--json"]
    assert re.fullmatch(r"127\.0\.0\.2:\d+", arguments[arguments.index("--address") + 1])
    assert arguments[-2:] == ["--store", str(job.folder / "store")]
    assert "2 of 2 nodes have joined" in log

    assert (job.token.stat().st_mode & 0o777, len(job.token.read_text().strip())) == (0o600, 64)
    made = folders() - before
    assert [path.stat().st_mode & 0o777 for path in made] == [0o700, 0o700], (
        "no other user reads what Ray keeps there"
    )
    [dashboard] = re.findall(r"-L 8265:(127\.0\.0\.1:\d+) 127\.0\.0\.2", log)
    jobs_api = f"http://{dashboard}/api/jobs/"
    with pytest.raises(urllib.error.HTTPError, match="401") as refused:
        urllib.request.urlopen(jobs_api, timeout=30)
    refused.value.close()
    token = {"Authorization": f"Bearer {job.token.read_text().strip()}"}
    with urllib.request.urlopen(urllib.request.Request(jobs_api, headers=token), timeout=30) as answer:
        assert answer.status == 200
    assert len(job.left()) > 5

    job.process.send_signal(signal.SIGTERM)
    assert job.process.wait(60) == 7, "the sweep's own exit code"
    job.wait_for(lambda: not job.left(), 30)
    assert not job.token.exists()
    assert folders() & made == set()


def test_a_head_that_does_not_start_ends_the_job(start: Callable[..., Job]) -> None:
    before = folders()
    job = start(ray="#!/bin/sh\nexit 3\n")
    assert job.process.wait(60) == 1
    assert "seqsweep: the head did not start" in job.log.read_text()
    assert (job.token.exists(), folders() - before) == (False, set())
