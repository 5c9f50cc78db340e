"""A lane's row holds exactly the parameters of the plain torch model, aligned and apart."""

import itertools

import pytest
import torch

from seqsweep.seqmodels.architecture import Architecture
from seqsweep.seqmodels.cells import CELLS
from seqsweep.seqmodels.layout import ALIGNMENT, Layout
from tests.support.plain import PlainModel

ARCHITECTURES = [
    Architecture(cell, layers, hidden, bidirectional, readout, head)
    for cell, layers, hidden, (bidirectional, readout, head) in itertools.product(
        CELLS,
        (1, 3),
        (1, 7),
        [
            (False, ("last",), 0),
            (True, ("mean",), 5),
            (True, ("last", "max"), 0),
            (False, ("mean", "max"), 3),
        ],
    )
]


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda a: a.label)
def test_names_and_shapes_are_the_plain_models(architecture: Architecture) -> None:
    layout = Layout(architecture, features=3, classes=4)
    plain = PlainModel(architecture, 3, 4)
    expected = {name: tuple(value.shape) for name, value in plain.state_dict().items()}
    assert {part.torch_name: part.shape for part in layout.slices.values()} == expected
    assert layout.parameter_count == sum(p.numel() for p in plain.parameters())


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda a: a.label)
def test_slices_are_aligned_and_do_not_overlap(architecture: Architecture) -> None:
    layout = Layout(architecture, features=3, classes=4)
    owners = torch.zeros(layout.width, dtype=torch.int64)
    for part in layout.slices.values():
        assert part.offset % ALIGNMENT == 0
        owners[part.offset : part.offset + part.size] += 1
    assert owners.max() == 1
    assert layout.width % ALIGNMENT == 0
    assert int(owners.sum()) == layout.parameter_count


def test_views_share_memory_and_a_state_dict_does_not() -> None:
    layout = Layout(Architecture("gru", 2, 5, bidirectional=True), features=3, classes=4)
    rows = torch.arange(2 * layout.width, dtype=torch.float64).view(2, -1)
    views = layout.views(rows)
    exported = layout.state_dict(rows[1])
    for name, part in layout.slices.items():
        assert views[name].shape == (2, *part.shape)
        assert torch.equal(views[name][1], exported[part.torch_name])
    views["layer1.reverse.weight_hh"][1] = -1
    assert (rows[1] == -1).sum() == 15 * 5
    assert (exported["rnn.weight_hh_l1_reverse"] >= 0).all()
