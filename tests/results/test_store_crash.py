"""Writers that are killed or race: a reader never meets an error, a half file or a mixture."""

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from results.schema import SCHEMAS
from results.store import Store, Sweep

HERE = Path(__file__).parent
SWEEP = "s-000000"
ROWS = 300

WRITER = f"""
import sys
sys.path[:0] = [{str(HERE)!r}, {str(HERE.parent.parent)!r}]
import numpy as np
from test_store_crash import SWEEP, write
from results.store import Store
root, who, how = sys.argv[1:]
sweep = Store(root).find(SWEEP)
if how == "own":  # until killed: ever new trials
    for number in range(100000):
        write(sweep, f"{{who}}x{{number}}", number)
else:  # the same trial again and again, and a field of its own in sweep.json
    for number in range(int(how)):
        write(sweep, "shared", int(who))
        sweep.update(**{{f"writer{{who}}_{{number}}": number}})
"""


def write(sweep: Sweep, trial: str, mark: int) -> None:
    """Write a trial whose every file carries `mark`."""
    import pyarrow as pa

    def filled(name: str) -> pa.Table:
        fixed = {"sweep": sweep.id, "trial": trial}
        columns = []
        for field in SCHEMAS[name]:
            if pa.types.is_integer(field.type):
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
        seen = rows["seed"].unique().to_pylist()
        assert len(seen) == 1
        found.add(seen[0] - 1)
    for candidate in (1, 2):
        values = np.unique(sweep.model(trial, candidate, 0)["w"])
        assert len(values) == 1
        found.add(int(values[0]))
    return found


def start(root: Path, who: int, how: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", WRITER, str(root), str(who), how])


def test_a_writer_killed_at_any_moment_leaves_whole_trials(tmp_path: Path) -> None:
    sweep = Store(tmp_path).create(SWEEP, {})
    chance = random.Random()
    checked: set[str] = set()
    for round_ in range(5):
        with start(tmp_path, round_, "own") as writer:
            while not sweep.finished() - checked:
                assert writer.poll() is None
                time.sleep(0.005)
            deadline = time.monotonic() + chance.random() / 10
            while time.monotonic() < deadline:  # read while it writes
                sweep.read("lanes")
            writer.kill()
        for trial in sweep.finished() - checked:
            assert marks(sweep, trial) == {int(trial.split("x")[1])}
            checked.add(trial)
        assert Store(tmp_path).find().info == sweep.info


def test_two_writers_of_one_trial_leave_the_whole_result_of_one(tmp_path: Path) -> None:
    sweep = Store(tmp_path).create(SWEEP, {})
    with start(tmp_path, 11, "25") as one, start(tmp_path, 22, "25") as two:
        while one.poll() is None or two.poll() is None:
            if sweep.finished():
                # Between the renames of a rewrite the tables may differ, but each is whole.
                assert all(len(sweep.read(name)) == ROWS for name in SCHEMAS)
    assert (one.returncode, two.returncode) == (0, 0)
    assert marks(sweep, "shared") in ({11}, {22})
    info = json.loads((tmp_path / SWEEP / "sweep.json").read_text())
    missing = [f"writer{who}_{n}" for who in (11, 22) for n in range(25) if info.get(f"writer{who}_{n}") != n]
    assert not missing
    assert not list(tmp_path.rglob("*.tmp"))
