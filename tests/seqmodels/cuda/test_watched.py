"""Every access of every kernel: inside of its arrays, ordered by barriers, of words that were written."""

import re
from functools import partial
from pathlib import Path

import pytest
import torch

from seqsweep.seqmodels.architecture import Architecture
from seqsweep.seqmodels.backends.cuda.backend import CudaBackend
from seqsweep.seqmodels.backends.cuda.device import SOURCES
from seqsweep.seqmodels.backends.cuda.shapes import backward_shape, forward_shape
from seqsweep.seqmodels.cells import CELLS
from seqsweep.seqmodels.testing.conformance import Problem
from tests.seqmodels.cuda.test_epochs import CONFIG, LANES, trainer
from tests.support.cuda.changes import changeable, only
from tests.support.cuda.emulator import COMPILER, EmulationError, Emulator
from tests.support.cuda.specialisations import recurrence_kernels

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler: none of g++, c++ is there")
HIDDEN = 21  # a multiple of nothing


def run(
    cell: str,
    features: int,
    precision: str,
    *,
    hidden: int = HIDDEN,
    shared_bytes: int = 232448,
    sources: Path = SOURCES,
    reverse: bool = False,
    bptt: int | None = None,
) -> None:
    """More rows than a block has slots; what is around the rows' tokens is NaN."""
    device = Emulator(1, sources=sources, shared_bytes=shared_bytes, watch=True)
    device.build(recurrence_kernels(device, precision, [cell], [hidden], features))
    lengths = [2, 5, 1, 3] * 9
    problem = Problem.make(cell, features, hidden, lengths, dtype=torch.float32, gap=torch.nan)
    problem.run(CudaBackend(device, precision), cell, reverse=reverse, bptt=bptt)


@pytest.mark.parametrize("cell", CELLS)
def test_the_recurrence(cell: str) -> None:
    run(cell, 3, "tf32", bptt=3)
    run(cell, 45, "tf32", reverse=True)


def test_the_recurrence_with_streamed_weights() -> None:
    hidden, shared_bytes = 45, 54 * 1024
    device = Emulator(shared_bytes=shared_bytes)
    for shape in (
        forward_shape(device, "lstm", 3, hidden, "float32"),
        backward_shape(device, "lstm", hidden, "float32"),
    ):
        assert shape.shared_steps
        assert shape.streamed_steps
    run("lstm", 3, "float32", hidden=hidden, shared_bytes=shared_bytes)


def test_whole_steps() -> None:
    architecture = Architecture("gru", 2, 7, bidirectional=True, readout=("last", "max"), head_hidden=5)
    one = trainer(CudaBackend(Emulator(1, watch=True), "float32"), LANES, CONFIG, architecture)
    while not one.done:
        one.run_epoch()
    assert one.kept.isfinite().all()


FAULTS = [  # a change in the sources, on where `emulator::changed(<its place here>)`
    (
        "recurrence_forward.cuh",
        "unit < hidden && token >= 0",
        "unit < hidden && (emulator::changed(0) || token >= 0)",
        "outside of its arrays",
    ),
    (
        "fragments.cuh",
        "unit < hidden && column < columns",
        "(emulator::changed(1) || unit < hidden) && column < columns",
        "reads outside",
    ),
    (
        "recurrence_forward.cuh",
        "step % 2 * state_words",
        "(emulator::changed(2) ? 0 : step % 2 * state_words)",
        "a race in shared memory",
    ),
]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The kernels with all these faults."""

    def faulty(file: str, text: str) -> str:
        for changed, right, wrong, _ in FAULTS:
            if changed == file:
                assert right in text
                text = text.replace(right, wrong)
        return text

    changes = {file: partial(faulty, file) for file, *_ in FAULTS}
    return changeable(tmp_path_factory.mktemp("sources"), changes)


@pytest.mark.parametrize(
    ("number", "message"),
    [(n, fault[-1]) for n, fault in enumerate(FAULTS)],
    ids=[fault[1] for fault in FAULTS],
)
def test_a_fault_in_the_recurrence_is_an_error(
    number: int, message: str, sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("lstm", 3, "tf32", sources=sources)
    monkeypatch.setenv(*only(number))
    with pytest.raises(EmulationError, match=re.escape(message)):
        run("lstm", 3, "tf32", sources=sources)
