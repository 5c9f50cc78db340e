"""Backends with training steps of their own against autograd over the torch backend in float64."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from seqsweep.seqmodels.architecture import Architecture
from seqsweep.seqmodels.backends.base import Batch, Rows, StepBackend
from seqsweep.seqmodels.backends.choosing import BACKENDS
from seqsweep.seqmodels.backends.cpu.backend import CpuBackend
from seqsweep.seqmodels.backends.cpu.library import instruction_sets
from seqsweep.seqmodels.backends.torch_ import TorchBackend
from seqsweep.seqmodels.cells import CELLS
from seqsweep.seqmodels.gradients import AutogradSteps
from seqsweep.seqmodels.layout import Layout
from seqsweep.seqmodels.testing.conformance import same_bits

READOUTS = [("last",), ("mean",), ("max",), ("last", "mean"), ("last", "max"), ("mean", "max")]


class Problem:
    """Lanes with rows, labels and dropout masks of their own."""

    def __init__(
        self,
        architecture: Architecture,
        *,
        features: int = 3,
        classes: int = 4,
        lengths: tuple[int, ...] = (5, 1, 9, 9, 2, 13, 7),
        lanes: int = 2,
        dropout: bool = False,
        smoothing: float = 0.0,
        weighted: bool = False,
        bptt: int | None = None,
    ) -> None:
        g = torch.Generator().manual_seed(7)
        self.layout = Layout(architecture, features, classes)
        self.bptt = bptt
        self.params = torch.zeros(lanes, self.layout.width)
        for part in self.layout.slices.values():
            draw = torch.rand(lanes, part.size, generator=g) * 2 - 1
            self.params[:, part.offset : part.offset + part.size] = draw * part.bound
        if (
            architecture.cell == "rnn_relu"
        ):  # keep sums away from the kink, where rounding decides the gradient
            for name, view in self.layout.views(self.params).items():
                if name.endswith("bias_ih"):
                    view += 2
                elif name.startswith("layer"):
                    view *= 0.5
        count = len(lengths)
        length = torch.cat([torch.tensor(lengths)[torch.randperm(count, generator=g)] for _ in range(lanes)])
        gaps = torch.arange(len(length))
        start = length.cumsum(0) - length + gaps
        tokens = torch.randn(int(length.sum()) + len(length), features, generator=g)
        rows = Rows(torch.arange(lanes).repeat_interleave(count), start, length)
        label = torch.randint(classes, (len(length),), generator=g)
        masks = None
        if dropout:
            width = architecture.hidden * architecture.directions
            shapes = [(rows.tokens, width)] * (architecture.layers - 1)
            shapes.append((len(length), architecture.readout_features))
            masks = [(torch.rand(shape, generator=g) >= 0.3) / 0.7 for shape in shapes]
        weights = torch.rand(classes, generator=g) * 3 if weighted else None
        smoothings = [smoothing * (lane % 2) for lane in range(lanes)][::-1]
        self.batch = Batch(tokens, rows, label, masks, smoothings, weights)

    def run(self, backend: StepBackend, threads: int = 1) -> list[Tensor]:
        """Losses, right answers, gradients."""
        grads = torch.full_like(self.params, torch.inf)  # not to be added to
        loss, correct = backend.gradients(
            self.layout, self.params, self.batch, self.bptt, grads, threads=threads
        )
        return [loss, correct, grads]

    def oracle(self) -> list[Tensor]:
        batch = self.batch
        masks = None if batch.masks is None else [mask.double() for mask in batch.masks]
        weights = None if batch.class_weights is None else batch.class_weights.double()
        batch = replace(batch, tokens=batch.tokens.double(), masks=masks, class_weights=weights)
        grads = torch.full_like(self.params, torch.inf, dtype=torch.float64)
        steps = AutogradSteps(TorchBackend())
        loss, correct = steps.gradients(self.layout, self.params.double(), batch, self.bptt, grads)
        return [loss, correct, grads]

    def lane(self, k: int) -> "Problem":
        """That lane alone."""
        rows, batch = self.batch.rows, self.batch
        part = rows.of_lane(k)
        own = Rows(torch.zeros_like(rows.lane[part]), rows.start[part], rows.length[part])
        first = int(rows.offset[part][0])
        masks = batch.masks
        if masks is not None:
            masks = [*(mask[first : first + own.tokens] for mask in masks[:-1]), masks[-1][part]]
        alone = object.__new__(Problem)
        alone.layout, alone.bptt, alone.params = self.layout, self.bptt, self.params[k : k + 1].clone()
        alone.batch = Batch(
            batch.tokens, own, batch.label[part], masks, [batch.smoothing[k]], batch.class_weights
        )
        return alone


def check(problem: Problem, backend: StepBackend, tolerance: float = 2e-6) -> None:
    loss, correct, grads = problem.run(backend)
    expected_loss, expected_correct, expected = problem.oracle()
    torch.testing.assert_close(loss.double(), expected_loss, rtol=tolerance, atol=tolerance)
    assert torch.equal(correct, expected_correct)
    found_views, expected_views = problem.layout.views(grads), problem.layout.views(expected)
    for name, view in found_views.items():
        scale = float(expected_views[name].abs().max())
        error = float((view - expected_views[name]).abs().max())
        assert error <= tolerance * max(scale, 1e-2), f"{name}: {error / scale:.2e} of {scale:.2e}"
    inside = torch.zeros(grads.shape[1], dtype=torch.bool)
    for part in problem.layout.slices.values():
        inside[part.offset : part.offset + part.size] = True
    assert (grads[:, ~inside] == torch.inf).all()


STEP_BACKENDS = [cls for cls in BACKENDS.values() if hasattr(cls, "gradients")]
every_step_backend = pytest.mark.parametrize("make", STEP_BACKENDS)


def test_the_cpu_backend_has_steps_of_its_own() -> None:
    assert set(STEP_BACKENDS) == {CpuBackend}


@every_step_backend
@pytest.mark.parametrize("bidirectional", [False, True], ids=["one-way", "both-ways"])
@pytest.mark.parametrize("readout", READOUTS, ids="+".join)
@pytest.mark.parametrize("cell", CELLS)
def test_a_step_is_autograds(make, cell, readout, bidirectional) -> None:
    architecture = Architecture(cell, 2, 19, bidirectional=bidirectional, readout=readout, head_hidden=11)
    check(Problem(architecture, dropout=True, smoothing=0.1, bptt=4), make())
    check(Problem(replace(architecture, layers=1, head_hidden=0)), make())
    check(Problem(replace(architecture, layers=1, head_hidden=0), smoothing=0.1, weighted=True), make())


@every_step_backend
@given(
    cell=st.sampled_from(CELLS),
    layers=st.integers(1, 4),
    hidden=st.integers(1, 40),
    bidirectional=st.booleans(),
    readout=st.sampled_from(READOUTS),
    head_hidden=st.sampled_from([0, 1, 16, 33]),
    features=st.integers(1, 40),
    classes=st.integers(2, 40),
    lengths=st.lists(st.integers(1, 20), min_size=1, max_size=14).map(tuple),
    dropout=st.booleans(),
    smoothing=st.sampled_from([0.0, 0.2]),
    weighted=st.booleans(),
    bptt=st.none() | st.integers(1, 8),
)
@settings(max_examples=40, deadline=None)
def test_any_step_is_autograds(
    make,
    cell,
    layers,
    hidden,
    bidirectional,
    readout,
    head_hidden,
    features,
    classes,
    lengths,
    dropout,
    smoothing,
    weighted,
    bptt,
) -> None:
    architecture = Architecture(
        cell, layers, hidden, bidirectional=bidirectional, readout=readout, head_hidden=head_hidden
    )
    problem = Problem(
        architecture,
        features=features,
        classes=classes,
        lengths=lengths,
        dropout=dropout,
        smoothing=smoothing,
        weighted=weighted,
        bptt=bptt,
    )
    check(problem, make(), 1e-5)  # a sum over classes may cancel: hypothesis finds the worst


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("instruction_set", instruction_sets())
def test_threads_neighbours_and_poison_change_no_bit(cell: str, instruction_set: str) -> None:
    architecture = Architecture(cell, 2, 100, bidirectional=True, readout=("mean", "max"), head_hidden=20)

    def make() -> Problem:
        return Problem(
            architecture,
            features=30,
            lengths=(60, 7, 55, 44, 1, 60, 31, 29, 12),
            lanes=3,
            dropout=True,
            smoothing=0.1,
            weighted=True,
            bptt=11,
        )

    problem = make()
    expected = problem.run(CpuBackend(instruction_set=instruction_set))
    for threads in (2, 16):
        backend = CpuBackend(instruction_set=instruction_set, poison=True)
        assert all(same_bits(a, b) for a, b in zip(problem.run(backend, threads), expected, strict=True))
    problem.params[1] = torch.nan
    beside_nan = problem.run(backend, threads)
    for k in (0, 2):
        alone = make().lane(k).run(backend, threads)
        assert all(same_bits(a[0], b[k]) for a, b in zip(alone, expected, strict=True))
        assert all(same_bits(a[k], b[k]) for a, b in zip(beside_nan, expected, strict=True))


@pytest.mark.parametrize("place", ["weights", "tokens"])
def test_what_is_not_a_number_shows_in_the_loss(place: str) -> None:
    for readout in READOUTS:
        problem = Problem(Architecture("gru", 1, 9, readout=readout))
        value = problem.params if place == "weights" else problem.batch.tokens
        value[..., 0] = torch.nan
        assert problem.run(CpuBackend())[0].isnan().all()


def test_other_types_are_refused() -> None:
    problem = Problem(Architecture("gru", 1, 9))
    problem.params = problem.params.double()
    with pytest.raises(ValueError, match=r"float32 on the CPU, not in torch\.float64 on cpu"):
        problem.run(CpuBackend())
