"""On a real GPU: the conformance suite, whole epochs, graphs, memory. `pytest -m gpu`; elsewhere these are skipped.

Elsewhere is where torch sees no GPU, or one that is too old. On any other a backend that cannot be used is a failure.
"""

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from seqsweep.seqmodels.architecture import Architecture
from seqsweep.seqmodels.backends.base import Backend, Rows, Weights
from seqsweep.seqmodels.backends.choosing import create_backend, cuda_fault
from seqsweep.seqmodels.backends.cuda.backend import CudaBackend
from seqsweep.seqmodels.backends.cuda.gpu import LEAST_CAPABILITY, first_gpu
from seqsweep.seqmodels.backends.torch_ import TorchBackend
from seqsweep.seqmodels.cells import CELLS
from seqsweep.seqmodels.hyperparameters import Hyperparameters, Lane
from seqsweep.seqmodels.lanes import Tokens
from seqsweep.seqmodels.layout import Layout
from seqsweep.seqmodels.testing.conformance import SIZES, Problem, same_bits, stepwise_relu
from seqsweep.seqmodels.training import Trainer
from seqsweep.seqmodels.training_config import TrainingConfig
from tests.seqmodels import test_backends
from tests.support.plain import small_dataset, tokens_of

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(
        not torch.cuda.is_available() or torch.cuda.get_device_capability() < LEAST_CAPABILITY,
        reason="torch sees no GPU of compute capability 8.0 or newer",
    ),
]
DEVICE = "cuda"


def test_the_backend_can_be_used() -> None:
    assert cuda_fault() is None


class OnGpu(CudaBackend):
    """Takes tensors from the CPU and gives them back there, as the conformance suite has them."""

    def recurrence(
        self,
        cell: str,
        weights: Weights,
        tokens: Tensor,
        rows: Rows,
        *,
        reverse: bool,
        bptt: int | None,
        threads: int = 1,
    ) -> Tensor:
        there = Weights(*(weight.to(DEVICE) for weight in weights))
        own = Rows(rows.lane.to(DEVICE), rows.start.to(DEVICE), rows.length.to(DEVICE))
        return super().recurrence(cell, there, tokens.to(DEVICE), own, reverse=reverse, bptt=bptt).cpu()


class TestConformance(test_backends.TestTorch):
    """At the sizes of the other backends, not at the emulator's; tensor cores round towards zero, which it does not either."""

    tolerances: ClassVar = {torch.float32: 4e-6}
    sizes: ClassVar = [
        *SIZES,
        pytest.param(2, 128, [60, 178, 99, 3], id="128"),
        pytest.param(39, 256, [30, 9] * 17, id="256"),
        pytest.param(7, 512, [5, 20, 11], id="512"),
    ]

    @staticmethod
    def make() -> Backend:
        return OnGpu(first_gpu(), "float32")


class TestConformanceTf32(TestConformance):
    tolerances: ClassVar = {torch.float32: 4e-3}

    @staticmethod
    def make() -> Backend:
        return OnGpu(first_gpu(), "tf32")

    def expected(
        self, problem: Problem, cell: str, found: list[Tensor], *, reverse: bool, bptt: int | None = None
    ) -> list[Tensor]:
        """As for the emulator: the oracle follows a relu's rounded sums."""
        if cell == "rnn_relu":
            return problem.oracle(stepwise_relu(found[0], bptt, reverse))
        return super().expected(problem, cell, found, reverse=reverse, bptt=bptt)


DATA = small_dataset(90, longest=40)
SETTINGS = [
    Hyperparameters(optimizer="adam", lr=0.01, clip_norm=1.0),
    Hyperparameters(optimizer="sgd", lr=0.05, momentum=0.9, nesterov=True, clip_norm=0.5, weight_decay=0.01),
    Hyperparameters(optimizer="rmsprop", lr=0.003, momentum=0.5, schedule="cosine", label_smoothing=0.1),
    Hyperparameters(optimizer="adamw", lr=0.02, weight_decay=0.05, schedule="one_cycle", dropout=0.3),
    Hyperparameters(optimizer="adam", lr=0.01, dropout=0.1, input_noise=0.2),
]
LANES = [Lane(i, 100 + i, h) for i, h in enumerate(SETTINGS)]
CONFIG = TrainingConfig(epochs=3, batch_size=32, min_change=0.0, keep="last")


def trained(
    backend: Backend,
    device: str,
    lanes: list[Lane] = LANES,
    architecture: Architecture = Architecture("lstm", 1, 20),  # noqa: B008
    config: TrainingConfig = CONFIG,
) -> Trainer:
    here = tokens_of(DATA, torch.float32)
    data = Tokens(*(part.to(device) for part in (here.tokens, here.start, here.length, here.label)))
    layout = Layout(architecture, DATA.feature_count, DATA.class_count)
    one = Trainer(layout, lanes, data, np.arange(70), np.arange(70, 90), config, backend)
    while not one.done:
        one.run_epoch()
    return one


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("hidden", [5, 100])
def test_a_training_is_the_torch_backends(cell: str, hidden: int) -> None:
    architecture = Architecture(
        cell, 2, hidden, bidirectional=True, readout=("last", "max"), head_hidden=hidden % 64
    )
    expected = trained(TorchBackend(), "cpu", architecture=architecture)
    found = trained(create_backend("cuda", DEVICE, precision="float32"), DEVICE, architecture=architecture)
    for a, b in zip(found.history, expected.history, strict=True):
        assert a.train_loss == pytest.approx(b.train_loss, abs=1e-3)
        assert a.validation_loss == pytest.approx(b.validation_loss, abs=1e-3)
    error = (found.kept.cpu() - expected.kept).norm() / expected.kept.norm()
    assert float(error) < 5e-3


@pytest.mark.parametrize("precision", ["tf32", "float32"])
@pytest.mark.parametrize("cell", CELLS)
def test_a_lanes_bits_are_those_it_has_alone(cell: str, precision: str) -> None:
    architecture = Architecture(cell, 2, 100, bidirectional=True, readout=("mean", "max"))
    backend = create_backend("cuda", DEVICE, precision=precision)
    many = [replace(lane, seed=lane.seed + 10 * turn) for turn in range(27) for lane in LANES]
    together = trained(backend, DEVICE, many, architecture).kept.cpu()
    again = trained(backend, DEVICE, many[::-1], architecture).kept.cpu()
    assert same_bits(together, again.flip(0))
    for place in (0, 77, 134):
        alone = trained(backend, DEVICE, many[place : place + 1], architecture).kept.cpu()
        assert same_bits(together[place], alone[0])


def test_small() -> None:
    """Every kernel once, for compute-sanitizer."""
    for cell in CELLS:
        for precision in ("tf32", "float32"):
            architecture = Architecture(
                cell, 2, 33, bidirectional=True, readout=("mean", "max"), head_hidden=9
            )
            backend = create_backend("cuda", DEVICE, precision=precision)
            one = trained(
                backend, DEVICE, architecture=architecture, config=replace(CONFIG, epochs=1, bptt=7)
            )
            assert one.kept.isfinite().all()


def test_a_lane_that_diverges_is_frozen() -> None:
    wild = Lane(9, 9, Hyperparameters(optimizer="sgd", lr=1e30))
    found = trained(create_backend("cuda", DEVICE), DEVICE, [*LANES, wild], Architecture("rnn_relu", 1, 7))
    assert [p.stopped == "diverged" for p in found.progress] == [False] * 5 + [True]
    assert found.kept.isfinite().all()


def test_memory_is_predicted() -> None:
    architecture = Architecture("lstm", 1, 100)
    lanes = [replace(LANES[0], seed=seed) for seed in range(64)]
    backend = create_backend("cuda", DEVICE)
    layout = Layout(architecture, DATA.feature_count, DATA.class_count)
    longest = np.sort(DATA.length[:70])[::-1][: CONFIG.batch_size]
    said = len(lanes) * backend.call_bytes(layout, longest, training=True)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    trained(backend, DEVICE, lanes, architecture, replace(CONFIG, epochs=1))
    others = 8 * 4 * len(lanes) * layout.width  # parameters, gradients, moments, kept
    assert 0.5 * said < torch.cuda.max_memory_allocated() - before < said + others
