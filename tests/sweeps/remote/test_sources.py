"""What a cluster sends for `pull`: read back whole, or refused; the job that sent it leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqsweep.cluster.records import received
from seqsweep.results.errors import StoreError
from seqsweep.sweeps.remote.pull.landing import Landing
from seqsweep.sweeps.remote.pull.offer import Have
from seqsweep.sweeps.remote.pull.packing import INDEX
from seqsweep.sweeps.remote.pull.sources import arriving, read_offer
from tests.support.example_sweep import SWEEP_ID, write_example

PACK = (
    "import json, sys; from seqsweep.sweeps.remote.pull.packing import pack; "
    "sys.exit(pack(json.loads(sys.argv[1]), sys.stdout))"
)
LINE = 20_000  # characters that Ray hands on at a time


def wait_for_end(log: Path) -> None:
    deadline = time.monotonic() + 60
    while not any(word in log.read_text() for word in ('{"end":true}', '{"problem":')):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def packed(tmp_path: Path, **task: Any) -> list[str]:
    """The lines that the job prints; it is told to end as Ray tells it."""
    log = tmp_path / "log"
    whole = {"sweep": SWEEP_ID, "have": asdict(Have()), "limit": None, **task}
    with (
        log.open("a") as output,
        subprocess.Popen([sys.executable, "-c", PACK, json.dumps(whole)], stdout=output) as job,
    ):
        try:
            wait_for_end(log)
            lines = log.read_text().split("\n")[:-1]
            job.send_signal(signal.SIGTERM)
            assert job.wait(30) == 0
        finally:
            job.kill()
    assert log.read_bytes() == b"", "the sweep does not lie on the head twice"
    return lines


def records(lines: list[str]) -> list[dict[str, Any]]:
    return [each for each in received(lines) if isinstance(each, dict)]


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("far")
    write_example(root)
    # several lines of data, and a last one that is short
    models = next((root / SWEEP_ID / "models").glob("*.safetensors"))
    models.with_name(f"{models.stem.rsplit('-c', 1)[0]}-c77-s0.safetensors").write_bytes(os.urandom(100_001))
    return root


@pytest.fixture(scope="module")
def sent(far: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return packed(tmp_path_factory.mktemp("job"), store=str(far))


def test_what_is_packed_arrives_bit_for_bit(far: Path, sent: list[str], tmp_path: Path) -> None:
    assert max(map(len, sent)) < LINE
    *told, end = records(sent)
    assert end == {"end": True}
    files = arriving(iter(told))
    with Landing(str(tmp_path), SWEEP_ID) as landing:
        index = next(files)
        assert index.name == INDEX
        offer = read_offer(b"".join(index.content))
        landing.accept(offer)
        for file in files:
            landing.take(file)
        landing.complete()
    for name, size in offer.send:
        content = (tmp_path / SWEEP_ID / name).read_bytes()
        assert content == (far / SWEEP_ID / name).read_bytes()
        assert len(content) == size


@pytest.mark.parametrize(
    ("store", "sweep", "says"),
    [("none", SWEEP_ID, "there is no folder"), ("", "other-123456", "no sweep `other-123456`")],
)
def test_what_is_not_there_is_said(far: Path, tmp_path: Path, store: str, sweep: str, says: str) -> None:
    (told,) = records(packed(tmp_path, store=str(far / store), sweep=sweep))
    assert says in told["problem"]


@given(st.data())
def test_a_line_that_is_lost_doubled_or_changed_is_noticed(data: st.DataObject) -> None:
    good = [
        {"file": "a", "size": 6},
        {"data": "AAEC"},
        {"data": "AwQF"},
        {"sha256": "17e88db187afd62c16e5debf3e6527cd006bc012bc90b51a810cd80c2d511f43"},
    ]
    assert [b"".join(file.content) for file in arriving(iter(good))] == [bytes(range(6))]
    place = data.draw(st.integers(0, 3))
    how = data.draw(st.sampled_from(["lost", "doubled", "changed", "cut"]))
    bad: list[Any] = list(good)
    if how == "lost":
        del bad[place]
    elif how == "doubled":
        bad.insert(place, good[place])
    elif how == "cut":
        bad = bad[: max(1, place)]
    else:
        values = st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.integers())
        key = data.draw(st.sampled_from(sorted(good[place])))
        bad[place] = {**good[place], key: data.draw(values)}
    if bad == good or (bad[0] or {}).get("file") not in (None, "a"):
        return  # another name is no fault of the line's; `Landing` knows which names may come
    with pytest.raises(StoreError):
        [b"".join(file.content) for file in arriving(iter(bad))]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def indices() -> Iterator[st.SearchStrategy[bytes]]:
    yield st.binary()
    yield JSON.map(lambda value: json.dumps(value).encode())
    fields = {"finished": JSON, "send": JSON, "later": JSON}
    yield st.fixed_dictionaries(fields).map(lambda value: json.dumps(value).encode())


@given(st.one_of(*indices()))
def test_an_index_is_read_or_refused(content: bytes) -> None:
    try:
        offer = read_offer(content)
    except StoreError:
        return
    assert all(isinstance(trial, str) for trial in offer.finished)
    assert all(isinstance(name, str) and size >= 0 for name, size in offer.send)
    assert isinstance(offer.later, int)


def test_a_disk_that_fills_is_said_and_nothing_is_left(far: Path, tmp_path: Path) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("no limits of a file's size as here")
    code = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        "from io import StringIO\n"
        "from rich.console import Console\n"
        "from seqsweep.sweeps.remote.pull import pull\n"
        "from seqsweep.sweeps.remote.submission import Submitted\n"
        "from seqsweep.sweeps.faults import explain\n"
        "pull.DIRECT = ('/',)\n"  # the store is read as an object store would be
        "try:\n"
        f"    pull.pull(None, Submitted({SWEEP_ID!r}, sys.argv[1], None), sys.argv[2], Console(file=StringIO()))\n"
        "except Exception as error:\n"
        "    sys.exit(explain(error))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(far), str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    assert "error: cannot write" in done.stderr
    assert "File too large" in done.stderr
    assert not (tmp_path / SWEEP_ID / ".pull").exists()
    assert (tmp_path / SWEEP_ID / "sweep.json").is_file()
