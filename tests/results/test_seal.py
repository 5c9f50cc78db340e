"""A damaged file is an error that names it, never other numbers."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqsweep.results.errors import StoreError
from seqsweep.results.schema import SCHEMAS
from seqsweep.results.seal import FIELD, intact
from seqsweep.results.store import Store, Sweep
from tests import REPOSITORY
from tests.support.example_sweep import SWEEP_ID, write_example

MODELS = ("models",)


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    """Two trials, to be damaged and mended."""
    return write_example(tmp_path_factory.mktemp("damaged"), missing=8)


def file_of(sweep: Sweep, table: str) -> Path:
    assert sweep.folder.local is not None
    return max((sweep.folder.local / table).glob("[!.]*"), key=lambda path: path.stat().st_size)


def content(sweep: Sweep, table: str, name: str) -> object:
    if table == "models":
        trial, candidate, seed = name.removesuffix(".safetensors").split("-")
        state = sweep.model(trial, int(candidate[1:]), int(seed[1:]))
        return {part: (array.dtype.str, array.shape, array.tobytes()) for part, array in state.items()}
    found = sweep.read(table)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, found.schema) as stream:
        stream.write_table(found)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize("table", [*SCHEMAS, *MODELS])
@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_any_changed_byte_is_noticed_or_changes_nothing(
    sweep: Sweep, table: str, data: st.DataObject
) -> None:
    path = file_of(sweep, table)
    whole = path.read_bytes()
    expected = content(sweep, table, path.name)
    # half of them where the damage would be subtle: the footer, the header
    ends = st.integers(0, 400) | st.integers(len(whole) - 1500, len(whole) - 1)
    place = data.draw(
        (st.integers(0, len(whole) - 1) | ends).filter(lambda at: 0 <= at < len(whole)), "place"
    )
    value = data.draw(st.integers(0, 255).filter(lambda value: value != whole[place]), "value")
    path.write_bytes(whole[:place] + bytes([value]) + whole[place + 1 :])
    said = found = None
    try:
        found = content(sweep, table, path.name)
    except StoreError as error:
        said = str(error)
    finally:
        path.write_bytes(whole)
    assert str(path) in said if said else found == expected


def test_every_bit_of_the_data_is_covered(sweep: Sweep) -> None:
    for table in (*SCHEMAS, *MODELS):
        whole = file_of(sweep, table).read_bytes()
        assert intact(whole)
        name = whole.rindex(FIELD.encode()) if table != "models" else whole.index(FIELD.encode())
        for place in np.random.default_rng(0).integers(0, len(whole), 200):
            damaged = bytearray(whole)
            damaged[place] ^= 1 << int(place) % 8
            if not name <= place < name + len(FIELD):  # there it is taken for a file of an older version
                assert intact(bytes(damaged)) is False


def test_a_changed_bit_of_sweep_json_is_noticed(sweep: Sweep) -> None:
    assert sweep.folder.local is not None
    path = sweep.folder.local / "sweep.json"
    whole = path.read_bytes()
    try:
        path.write_bytes(whole.replace(b'"seconds": 62.4', b'"seconds": 62.5'))
        with pytest.raises(StoreError, match=r"sweep\.json is damaged: its checksum"):
            Store(sweep.folder.local.parent).find()
    finally:
        path.write_bytes(whole)


def test_files_of_older_versions_are_read(sweep: Sweep) -> None:
    path = file_of(sweep, "lanes")
    whole = path.read_bytes()
    expected = content(sweep, "lanes", path.name)
    try:
        pq.write_table(pq.read_table(path), path)
        assert intact(path.read_bytes()) is None
        assert content(sweep, "lanes", path.name) == expected
    finally:
        path.write_bytes(whole)


def test_reading_a_store_unpickles_nothing(example_root: Path) -> None:
    program = f"""
import sys
from seqsweep.results.store import Store
import safetensors.numpy, pyarrow.parquet
def hook(event, arguments):
    if event in ("pickle.find_class", "marshal.loads", "exec", "compile") and started:
        raise SystemExit(f"{{event}} {{arguments}}")
started = False
sys.addaudithook(hook)
sweep = Store({str(example_root)!r}).find({SWEEP_ID!r})
def read():
    for name in ("lanes", "epochs", "confusions", "predictions"):
        sweep.read(name)
    for file in sorted((sweep.folder.local / "models").iterdir())[:3]:
        trial, candidate, seed = file.stem.split("-")
        sweep.model(trial, int(candidate[1:]), int(seed[1:]))
read()  # imports what it needs
started = True
read()
started = False
print("read")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=REPOSITORY
    )
    assert done.stdout == "read\n", done.stderr
