"""Writers that are killed or race: a reader never meets an error, a half file or a mixture."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from seqsweep.results.files import Folder, Staged
from seqsweep.results.schema import SCHEMAS
from seqsweep.results.store import Store, Sweep
from tests import REPOSITORY

SWEEP = "s-000000"
ROWS = 300
RACES = 10

WRITER = """
import sys
from tests.results.test_store_crash import main
main(*sys.argv[1:])
"""


def main(root: str, how: str, number: str) -> None:
    """Be a writer, in a process of its own."""
    sweep = Store(root).find(SWEEP)
    stage, publish = Folder.stage, Folder.publish
    calls = iter(range(10**6))
    if how == "until killed":
        for count in range(10**6):
            write(sweep, f"{number}x{count}", count)
    elif how == "killed staging":  # with half of the file written

        def half(self: Folder, name: str, content: Any) -> Staged:
            last = next(calls) == int(number)
            staged = stage(self, name, bytes(content)[: len(content) // 2] if last else content)
            if last:
                os.kill(os.getpid(), signal.SIGKILL)
            return staged

        Folder.stage = half  # type: ignore[method-assign]
        write(sweep, "victim", 7)
    elif how == "killed publishing":

        def none(self: Folder, staged: Staged) -> None:
            if next(calls) == int(number):
                os.kill(os.getpid(), signal.SIGKILL)
            publish(self, staged)

        Folder.publish = none  # type: ignore[method-assign]
        write(sweep, "victim", 7)
    else:  # "racing": the same trial again and again, and fields of its own in sweep.json

        def slow(self: Folder, staged: Staged) -> None:
            time.sleep(0.001)  # room for the other writer to come in between
            publish(self, staged)

        Folder.publish = slow  # type: ignore[method-assign]
        for count in range(RACES):
            write(sweep, "shared", int(number))
            sweep.update(**{f"writer{number}_{count}": count})


def write(sweep: Sweep, trial: str, mark: int) -> None:
    """Write a trial whose every file carries `mark`."""

    def filled(name: str) -> pa.Table:
        fixed = {"sweep": sweep.id, "trial": trial}
        columns = []
        for field in SCHEMAS[name]:
            if field.name == "seed":  # a lane is there once
                column = pa.array(range(ROWS), field.type)
            elif pa.types.is_integer(field.type):
                column = pa.array([mark % 1000 + 1] * ROWS, field.type)
            elif pa.types.is_floating(field.type):
                column = pa.array([0.5] * ROWS, field.type)
            elif pa.types.is_boolean(field.type):
                column = pa.array([True] * ROWS)
            elif pa.types.is_list(field.type):
                column = pa.array([[0.5]] * ROWS, field.type)
            else:
                column = pa.array([fixed.get(field.name, "x")] * ROWS, field.type)
            columns.append(column)
        return pa.table(columns, schema=SCHEMAS[name])

    models = {"c1-s0": {"w": np.full((64, 64), mark)}, "c2-s0": {"w": np.full((64, 64), mark)}}
    sweep.write_trial(trial, {name: filled(name) for name in SCHEMAS}, models)


def marks(sweep: Sweep, trial: str) -> set[int]:
    """The marks in all of a trial's files, which must be whole."""
    found = set()
    for name in SCHEMAS:
        rows = sweep.read(name, trials=[trial])
        assert len(rows) == ROWS
        seen = rows["candidate"].unique().to_pylist()
        assert len(seen) == 1
        found.add(seen[0] - 1)
    for candidate in (1, 2):
        values = np.unique(sweep.model(trial, candidate, 0)["w"])
        assert len(values) == 1
        found.add(int(values[0]))
    return found


def start(root: Path, how: str, number: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", WRITER, str(root), how, str(number)], cwd=REPOSITORY)


def test_a_writer_killed_at_any_moment_leaves_whole_trials(tmp_path: Path) -> None:
    sweep = Store(tmp_path).create(SWEEP, {})
    chance = random.Random()
    checked: set[str] = set()
    for round_ in range(3):
        with start(tmp_path, "until killed", round_) as writer:
            while not sweep.finished() - checked:
                assert writer.poll() is None
                time.sleep(0.005)
            deadline = time.monotonic() + chance.random() / 10
            while time.monotonic() < deadline:  # read while it writes
                sweep.read("epochs")
            writer.kill()
        for trial in sweep.finished() - checked:
            assert marks(sweep, trial) == {int(trial.split("x")[1])}
            checked.add(trial)
        assert Store(tmp_path).find().info == sweep.info


# Six files: two models and four tables, `lanes` last.
@pytest.mark.parametrize(
    ("how", "file"),
    [
        *(("killed staging", file) for file in (0, 3, 5)),
        *(("killed publishing", file) for file in (0, 1, 3, 5)),
    ],
)
def test_a_writer_killed_at_a_file_leaves_no_trial_or_the_earlier_one(
    tmp_path: Path, how: str, file: int
) -> None:
    sweep = Store(tmp_path).create(SWEEP, {})
    write(sweep, "earlier", 3)
    with start(tmp_path, how, file) as writer:
        assert writer.wait() == -signal.SIGKILL
    assert sweep.finished() == {"earlier"}
    assert marks(sweep, "earlier") == {3}
    assert all(len(sweep.read(name)) == ROWS for name in SCHEMAS)
    write(sweep, "victim", 8)  # its lock and litter are not in the way
    assert marks(sweep, "victim") == {8}
    assert Store(tmp_path).find().finished() == {"earlier", "victim"}


def test_two_writers_of_one_trial_leave_the_whole_result_of_one(tmp_path: Path) -> None:
    sweep = Store(tmp_path).create(SWEEP, {})
    with start(tmp_path, "racing", 11) as one, start(tmp_path, "racing", 22) as two:
        while one.poll() is None or two.poll() is None:
            if sweep.finished():
                assert all(len(sweep.read(name)) == ROWS for name in SCHEMAS)
                with sweep.folder.locked():  # between two writes
                    assert marks(sweep, "shared") in ({11}, {22})
    assert (one.returncode, two.returncode) == (0, 0)
    assert marks(sweep, "shared") in ({11}, {22})
    info = Store(tmp_path).find().info
    missing = [
        f"writer{who}_{n}" for who in (11, 22) for n in range(RACES) if info.get(f"writer{who}_{n}") != n
    ]
    assert not missing
    assert not list(tmp_path.rglob("*.tmp"))
