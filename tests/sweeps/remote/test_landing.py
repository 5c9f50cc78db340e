"""What is received from a cluster: nothing leaves the sweep's folder, nothing partial is shown, nothing is overwritten."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqsweep.results.errors import StoreError
from seqsweep.results.store import Store
from seqsweep.sweeps.remote.pull.landing import Incoming, Landing
from seqsweep.sweeps.remote.pull.offer import Have, Offer, Sender
from tests.support.example_sweep import SWEEP_ID, write_example


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the example sweep."""
    root = tmp_path_factory.mktemp("far")
    write_example(root)
    return root


def files(sender: Sender) -> Iterator[Incoming]:
    for name, _ in sender.offer.send:
        content = memoryview(sender.read(name))
        yield Incoming(name, len(content), [content[:7], content[7:]])


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def receive(sender: Sender, store: Path, count: int | None = None) -> Landing:
    with Landing(str(store), SWEEP_ID) as landing:
        landing.accept(sender.offer)
        for place, file in enumerate(files(sender)):
            if place == count:
                return landing
            landing.take(file)
        landing.complete()
    return landing


def test_everything_comes_once(far: Path, tmp_path: Path) -> None:
    landing = receive(Sender(str(far), SWEEP_ID, Have(), None), tmp_path)
    shown = {name: content for name, content in everything(tmp_path).items() if "/." not in name}
    assert shown == {name: content for name, content in everything(far).items() if "/." not in name}
    again = Sender(str(far), SWEEP_ID, landing.have, None)
    assert [name for name, _ in again.offer.send] == ["sweep.json"]
    assert Store(tmp_path).find(SWEEP_ID).finished() == Store(far).find(SWEEP_ID).finished()
    examples = Store(tmp_path).find(SWEEP_ID).examples()
    assert examples is not None
    assert examples.equals(Store(far).find(SWEEP_ID).examples())


def test_a_sweep_without_examples_comes_without_them(far: Path, tmp_path: Path) -> None:
    shutil.copytree(far, tmp_path / "old")
    (tmp_path / "old" / SWEEP_ID / "examples.parquet").unlink()
    receive(Sender(str(tmp_path / "old"), SWEEP_ID, Have(), None), tmp_path / "store")
    assert Store(tmp_path / "store").find(SWEEP_ID).examples() is None


def test_broken_off_anywhere_only_whole_trials_are_shown(far: Path, tmp_path: Path) -> None:
    sender = Sender(str(far), SWEEP_ID, Have(), None)
    for count in range(1, len(sender.offer.send)):
        store = tmp_path / str(count)
        receive(sender, store, count)
        finished = Store(store).find(SWEEP_ID).finished()
        for name, _ in sender.offer.send[:count]:
            if name.startswith("lanes/"):
                finished.discard(Path(name).stem)
        assert not finished, "no trial is shown before its last file"
        assert not (store / SWEEP_ID / ".pull").exists()
        landing = receive(sender, store)
        assert landing.have.markers.keys() == Store(far).find(SWEEP_ID).finished()
        shutil.rmtree(store)


def test_a_limit_makes_several_rounds(far: Path, tmp_path: Path) -> None:
    have, rounds = Have(), 0
    while True:
        sender = Sender(str(far), SWEEP_ID, have, 1)
        have = receive(sender, tmp_path).have
        rounds += 1
        if not sender.offer.later:
            break
    assert rounds == len(Store(far).find(SWEEP_ID).finished())


HOSTILE = st.one_of(
    st.sampled_from(
        [
            "../x.parquet",
            "lanes/../../x.parquet",
            "/etc/passwd",
            "lanes/.x.parquet",
            "lanes\\x.parquet",
            "checkpoints/a.safetensors",
            "data/0.safetensors",
            ".running",
            "lanes/a/b.parquet",
            "models/x.safetensors",
            "lanes/a\0.parquet",
            "sweep.json",
            "lanes",
            "",
        ]
    ),
    st.text(max_size=20),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(HOSTILE)
def test_hostile_names_are_refused_before_anything_is_written(tmp_path: Path, far: Path, name: str) -> None:
    info = (far / SWEEP_ID / "sweep.json").read_bytes()
    with (
        pytest.raises(StoreError, match=r"must not be one|does not begin with"),
        Landing(str(tmp_path / "store"), SWEEP_ID) as landing,
    ):
        landing.accept(Offer(["a"], [("sweep.json", len(info)), (name, 3)], 0))
    assert not (tmp_path / "store" / SWEEP_ID).exists()


@pytest.mark.parametrize("sweep", ["..", "a/b", "/tmp/x", "a\0b", ""])
def test_hostile_ids(tmp_path: Path, sweep: str) -> None:
    with pytest.raises(StoreError, match="sweep id"):
        Landing(str(tmp_path), sweep)


def test_a_link_is_not_followed(tmp_path: Path, far: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "store" / SWEEP_ID).mkdir(parents=True)
    (tmp_path / "store" / SWEEP_ID / "lanes").symlink_to(outside)
    with pytest.raises(StoreError, match="lanes is a link"):
        receive(Sender(str(far), SWEEP_ID, Have(), None), tmp_path / "store")
    assert not list(outside.iterdir())


def test_out_of_turn_and_of_another_size(tmp_path: Path, far: Path) -> None:
    sender = Sender(str(far), SWEEP_ID, Have(), None)
    info, *others = files(sender)
    with Landing(str(tmp_path), SWEEP_ID) as landing:
        landing.accept(sender.offer)
        with pytest.raises(StoreError, match="out of its turn"):
            landing.take(others[0])
        with pytest.raises(StoreError, match="another size"):
            landing.take(Incoming(info.name, info.size, [b"x" * (info.size + 1)]))


def test_what_is_here_is_not_destroyed(tmp_path: Path, far: Path) -> None:
    shutil.copytree(far, tmp_path / "store")
    mine = tmp_path / "store" / SWEEP_ID
    before = everything(mine)
    trial = min((mine / "lanes").glob("*.parquet"))
    shutil.copy(trial, trial.with_name("mine.parquet"))
    with pytest.raises(StoreError, match=r"has trial `mine`, which the cluster's has not: .* move it away"):
        receive(Sender(str(far), SWEEP_ID, Have(), None), tmp_path / "store")
    trial.with_name("mine.parquet").unlink()
    assert everything(mine).items() >= before.items()

    other = tmp_path / "other"
    shutil.copytree(far, other)
    file = other / SWEEP_ID / "sweep.json"
    told = json.loads(file.read_text())
    told["created"] = "2001-01-01T00:00:00+00:00"
    told.pop("seqsweep.sha256", None)
    file.write_text(json.dumps(told))
    with pytest.raises(StoreError, match="another sweep of the same id: `created` differs"):
        receive(Sender(str(other), SWEEP_ID, Have(), None), tmp_path / "store")
    assert everything(mine).items() >= before.items()


def test_a_sweep_that_is_being_written_is_left_alone(tmp_path: Path, far: Path) -> None:
    with Landing(str(tmp_path), SWEEP_ID), pytest.raises(StoreError, match="another process of this machine"):
        receive(Sender(str(far), SWEEP_ID, Have(), None), tmp_path)
