"""The lane array: initial weights, one pass forward and back, and the independence of its lanes."""

import math

import pytest
import torch
from scipy import stats
from torch import Tensor

from seqsweep.seqmodels.architecture import Architecture
from seqsweep.seqmodels.backends.torch_ import TorchBackend
from seqsweep.seqmodels.cells import CELLS
from seqsweep.seqmodels.engine import create_engine
from seqsweep.seqmodels.hyperparameters import Hyperparameters, Lane
from seqsweep.seqmodels.lanes import LaneArray
from seqsweep.seqmodels.layout import Layout
from seqsweep.seqmodels.testing.conformance import same_bits
from tests.support.plain import PlainModel, dropout_masks, small_dataset, tokens_of
from tests.support.steps import gradients

DATA = small_dataset()
ARCHITECTURES = [
    *(Architecture(cell, 1, 7) for cell in CELLS),
    *(Architecture(cell, 2, 5, bidirectional=True, readout=("last", "max")) for cell in CELLS),
    Architecture("gru", 3, 4, readout=("mean",), head_hidden=6),
    Architecture("lstm", 1, 6, bidirectional=True, readout=("mean",)),
    Architecture("rnn_tanh", 2, 63, readout=("max",)),
    Architecture("rnn_relu", 1, 5, bidirectional=True, readout=("mean", "max"), head_hidden=3),
    Architecture("lstm", 2, 100, readout=("last", "mean")),
]


def array(
    architecture: Architecture,
    lanes: list[Lane],
    *,
    threads: int = 1,
    dtype: torch.dtype = torch.float64,
) -> LaneArray:
    layout = Layout(architecture, DATA.feature_count, DATA.class_count)
    return LaneArray(layout, lanes, create_engine(layout, TorchBackend(), threads=threads), dtype=dtype)


def plain(lanes: LaneArray, row: int) -> PlainModel:
    """The plain model, of the lane's exported weights."""
    model = PlainModel(lanes.layout.architecture, DATA.feature_count, DATA.class_count).double()
    model.load_state_dict(lanes.layout.state_dict(lanes.params[row]))
    return model


def sequences(index: Tensor) -> list[Tensor]:
    return [torch.from_numpy(DATA.sequence(int(i))).double() for i in index]


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda a: a.label)
def test_exported_weights_in_plain_modules_reproduce_the_logits(architecture: Architecture) -> None:
    lanes = array(architecture, [Lane(c, s, Hyperparameters()) for c in (0, 1) for s in (3, 4)])
    index = torch.tensor([7, 0, 2, 31, 1, 2, 5])  # unsorted lengths, length 1, one sequence twice
    logits, _ = lanes.logits(tokens_of(DATA), index)
    for row in range(4):
        expected = plain(lanes, row)(sequences(index)).detach()
        torch.testing.assert_close(logits[row], expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("dropout", [0.0, 0.4], ids=["", "dropout"])
@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda a: a.label)
def test_loss_and_every_gradient_are_the_plain_models(architecture: Architecture, dropout: float) -> None:
    settings = [
        Hyperparameters(dropout=dropout),
        Hyperparameters(label_smoothing=0.2),
        Hyperparameters(dropout=dropout / 2, label_smoothing=0.1),
    ]
    members = [Lane(i, 10 + i, h) for i, h in enumerate(settings)]
    lanes = array(architecture, members)
    batch = torch.tensor([[0, 5, 2, 9, 33], [1, 1, 0, 8, 13], [39, 3, 2, 1, 20]])
    result = gradients(lanes, tokens_of(DATA), batch, epoch=3, step=2)
    for row, lane in enumerate(members):
        model = plain(lanes, row)
        masks = dropout_masks(architecture, lane, DATA.length[batch[row]].tolist(), 3, 2)
        logits = model(sequences(batch[row]), masks)
        label = torch.from_numpy(DATA.label)[batch[row]]
        loss = torch.nn.functional.cross_entropy(
            logits, label, label_smoothing=lane.hyperparameters.label_smoothing
        )
        loss.backward()
        torch.testing.assert_close(result.loss[row], loss.detach(), rtol=1e-13, atol=1e-13)
        assert int(result.correct[row]) == int((logits.argmax(1) == label).sum())
        found = lanes.layout.state_dict(result.grads[row])
        for name, parameter in model.named_parameters():
            torch.testing.assert_close(found[name], parameter.grad, rtol=0, atol=1e-13)


def test_truncated_gradients_are_those_of_the_detach_loop() -> None:
    architecture = Architecture("lstm", 1, 7)
    lanes = array(architecture, [Lane(0, 1, Hyperparameters())])
    index = torch.tensor([1, 3, 0, 6])
    result = gradients(lanes, tokens_of(DATA), index[None], epoch=1, step=0, bptt=4)
    model = plain(lanes, 0)
    finals = []
    for sequence in sequences(index):
        state = None
        for chunk in sequence.split(4):
            _, state = model.rnn(chunk[None], state and tuple(s.detach() for s in state))
        finals.append(state[0][0, 0])
    logits = model.head(torch.stack(finals))
    torch.nn.functional.cross_entropy(logits, torch.from_numpy(DATA.label)[index]).backward()
    found = lanes.layout.state_dict(result.grads[0])
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(found[name], parameter.grad, rtol=0, atol=1e-13)


@pytest.mark.parametrize("cell", CELLS)
def test_initial_weights_follow_torchs_distribution(cell: str) -> None:
    architecture = Architecture(cell, 2, 5, bidirectional=True, readout=("last", "mean"), head_hidden=4)
    count = 300
    lanes = array(architecture, [Lane(0, seed, Hyperparameters()) for seed in range(count)])
    ours = [lanes.layout.state_dict(row) for row in lanes.params]
    torch.manual_seed(0)
    theirs = [
        PlainModel(architecture, DATA.feature_count, DATA.class_count).state_dict() for _ in range(count)
    ]
    for name in theirs[0]:
        a = torch.stack([state[name].flatten() for state in ours])
        b = torch.stack([state[name].flatten() for state in theirs])
        inputs = {"head.0": 20, "head.2": 4}.get(name.rpartition(".")[0], 5)
        bound = 1 / math.sqrt(inputs)
        assert a.abs().max() <= bound
        assert b.abs().max() <= bound * (1 + 1e-6)  # the bound written here is torch's
        assert stats.kstest(a.flatten() / bound, stats.uniform(-1, 2).cdf).pvalue > 1e-4, name
        assert stats.ks_2samp(a.flatten(), b.flatten()).pvalue > 1e-4, name
        # one element's values over the seeds are as many draws
        assert stats.kstest(a[:, 0] / bound, stats.uniform(-1, 2).cdf).pvalue > 1e-4, name
    values = torch.cat([torch.cat([v.flatten() for v in state.values()])[None] for state in ours])
    correlation = torch.corrcoef(values[:50])
    assert (correlation - torch.eye(50)).abs().max() < 6 / math.sqrt(values.shape[1])  # seeds are independent


def test_seeds_decide_the_initial_weights_and_candidates_share_them() -> None:
    h = [Hyperparameters(lr=0.1), Hyperparameters(lr=0.2)]
    lanes = array(Architecture("gru", 1, 5), [Lane(0, 1, h[0]), Lane(1, 1, h[1]), Lane(0, 2, h[0])])
    assert same_bits(lanes.params[0], lanes.params[1])
    assert not torch.equal(lanes.params[0], lanes.params[2])


def members(count: int) -> list[Lane]:
    return [
        Lane(
            i, 20 + i, Hyperparameters(dropout=0.1 * (i % 3), input_noise=0.05 * (i % 2), label_smoothing=0.1)
        )
        for i in range(count)
    ]


BATCH = torch.stack([torch.randperm(40, generator=torch.Generator().manual_seed(i))[:13] for i in range(7)])


@pytest.mark.parametrize(
    "architecture",
    [
        Architecture("lstm", 2, 63, bidirectional=True, readout=("last", "mean")),
        Architecture("rnn_tanh", 1, 100),
    ],
    ids=lambda a: a.label,
)
def test_bits_depend_neither_on_neighbours_nor_on_place_nor_on_threads(architecture: Architecture) -> None:
    data = tokens_of(DATA, torch.float32)
    everyone, index = members(7), torch.arange(40)

    def run(who: list[int], threads: int = 1) -> dict[int, tuple[Tensor, ...]]:
        lanes = array(architecture, [everyone[i] for i in who], threads=threads, dtype=torch.float32)
        result = gradients(lanes, data, BATCH[who], epoch=2, step=5)
        logits, _ = lanes.logits(data, index)
        return {
            i: (lanes.params[row], result.loss[row], result.grads[row].clone(), logits[row])
            for row, i in enumerate(who)
        }

    together = run(list(range(7)))
    torch.set_num_threads(2)
    try:
        others = [run([6, 2, 4]), run(list(range(7)), threads=3), *(run([i]) for i in range(7))]
    finally:
        torch.set_num_threads(1)
    for other in others:
        for i, values in other.items():
            assert all(same_bits(a, b) for a, b in zip(values, together[i], strict=True))


def test_a_lane_of_nans_is_not_noticed_by_the_others() -> None:
    data = tokens_of(DATA, torch.float32)
    lanes = array(ARCHITECTURES[7], members(4), dtype=torch.float32)
    expected = gradients(lanes, data, BATCH[:4], epoch=1, step=0)
    loss, grads, logits = expected.loss, expected.grads.clone(), lanes.logits(data, torch.arange(40))[0]
    lanes.params[2] = torch.nan
    found = gradients(lanes, data, BATCH[:4], epoch=1, step=0)
    healthy = [0, 1, 3]
    assert found.loss[2].isnan()
    assert same_bits(found.loss[healthy], loss[healthy])
    assert same_bits(found.grads[healthy], grads[healthy])
    assert same_bits(lanes.logits(data, torch.arange(40))[0][healthy], logits[healthy])


def test_padding_of_the_rows_is_never_read_and_gets_no_gradient() -> None:
    data = tokens_of(DATA, torch.float32)
    lanes = array(Architecture("gru", 2, 5, head_hidden=3), members(3), dtype=torch.float32)
    padding = torch.ones(lanes.layout.width, dtype=torch.bool)
    for part in lanes.layout.slices.values():
        padding[part.offset : part.offset + part.size] = False
    assert padding.any()
    clean = gradients(lanes, data, BATCH[:3], epoch=1, step=0).grads.clone()
    assert (clean[:, padding] == 0).all()
    lanes.params[:, padding] = torch.nan
    assert same_bits(gradients(lanes, data, BATCH[:3], epoch=1, step=0).grads, clean)


def test_selected_lanes_keep_their_rows() -> None:
    data = tokens_of(DATA, torch.float32)
    lanes = array(Architecture("gru", 1, 5), members(5), dtype=torch.float32)
    before = lanes.params.clone()
    grads = gradients(lanes, data, BATCH[:5], epoch=1, step=0).grads.clone()
    lanes.select([3, 1])
    assert [lane.seed for lane in lanes.lanes] == [23, 21]
    assert same_bits(lanes.params, before[[3, 1]])
    assert same_bits(gradients(lanes, data, BATCH[[3, 1]], epoch=1, step=0).grads, grads[[3, 1]])


def test_logits_do_not_depend_on_what_else_is_asked_for_beyond_rounding() -> None:
    data = small_dataset(300)
    lanes = array(Architecture("lstm", 1, 5), members(1))
    everything, _ = lanes.logits(tokens_of(data), torch.arange(300))
    few, _ = lanes.logits(tokens_of(data), torch.tensor([299, 4]))
    torch.testing.assert_close(everything[:, [299, 4]], few, rtol=0, atol=1e-14)
