"""An axis of the architecture stands in three files; everybody else takes it from there."""

import re
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path

import pytest

from seqsweep.results.architecture import ARCHITECTURE, LEAST, NETWORK, ArchitectureRow
from seqsweep.seqmodels.architecture import LATER, Architecture
from seqsweep.sweeps.spec import plan as planning
from seqsweep.sweeps.spec.axes import ArchitectureAxes
from seqsweep.sweeps.spec.fields import Axis
from seqsweep.sweeps.spec.plan import plan
from tests.sweeps.spec.test_plan import dataset, spec

ROOT = Path(__file__).parents[2]
HOMES = {"results/architecture.py", "sweeps/spec/axes.py"}


def sources() -> Iterator[tuple[str, str]]:
    for path in (each for name in ("results", "sweeps") for each in (ROOT / name).rglob("*.py")):
        yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")


def test_the_three_say_the_same() -> None:
    assert [each.name for each in fields(Architecture)] == list(NETWORK)
    assert [each.name for each in fields(ArchitectureRow)] == list(ARCHITECTURE)
    assert list(ArchitectureAxes.model_fields) == list(ARCHITECTURE)
    axes = ArchitectureAxes(cell=("gru",))
    for each in fields(Architecture):
        if each.default is not MISSING:
            assert getattr(axes, each.name) == (each.default,)
    smallest = Architecture("gru", 1, 1).record()
    assert {name: least for name, least in LEAST.items() if name in smallest} == {
        name: smallest[name] for name in ("layers", "hidden", "head_hidden")
    }


def test_a_record_is_read_back() -> None:
    built = Architecture("lstm", 2, 100, True, ("last", "max"), 64)
    assert built.record()["readout"] == "last+max"
    assert Architecture.from_record(built.record()) == built


def test_nobody_else_lists_the_axes() -> None:
    """These two are said by no one who does not list them all."""
    listed = {path for path, text in sources() if re.search(r"\b(readout|head_hidden)\b", text)}
    assert listed == HOMES


@dataclass(frozen=True)
class Gated(Architecture):
    gate: bool = field(default=False, metadata=LATER)


class GatedAxes(ArchitectureAxes):
    gate: Axis[bool] = (False,)


def test_a_new_axis_is_planned_and_old_trials_are_known_again(monkeypatch: pytest.MonkeyPatch) -> None:
    before = spec()
    (old,) = plan(before, [dataset()])
    after = before.model_copy(update={"architecture": (GatedAxes(cell=("gru",), gate=(False, True)),)})
    monkeypatch.setattr(planning, "Architecture", Gated)
    without, gated = plan(after, [dataset()])
    assert (without.id, without.lanes) == (old.id, old.lanes)
    assert gated.id != old.id
    assert gated.architecture.record() == {**old.architecture.record(), "gate": True}
    assert after.to_table()["architecture"]["gate"] == [False, True]
