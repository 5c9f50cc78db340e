"""The documented equations, written out step by step, against the torch modules that compute them."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from seqsweep.seqmodels.backends.torch_ import torch_module
from seqsweep.seqmodels.cells import RECURRENT_CELLS

FEATURES, HIDDEN, STEPS = 3, 5, 9
CELLS = list(RECURRENT_CELLS)


def built(name: str) -> tuple[torch.nn.RNNBase, dict[str, tuple[Tensor, Tensor, Tensor]]]:
    """A module and, by the documented gate order, each gate's `W`, `U` and biases (joined and recurrent)."""
    torch.manual_seed(1)
    cell = RECURRENT_CELLS[name]
    module = torch_module(name, FEATURES, HIDDEN).double()
    w, u, b_in, b_rec = (p.detach().chunk(len(cell.gates)) for p in module.parameters())
    return module, {gate: (w[i], u[i], b_in[i], b_rec[i]) for i, gate in enumerate(cell.gates)}


def pre(gate: tuple[Tensor, ...], x: Tensor, h: Tensor) -> Tensor:
    w, u, b_in, b_rec = gate
    return w @ x + b_in + u @ h + b_rec


def elman(gates: dict[str, tuple[Tensor, ...]], f: Callable[[Tensor], Tensor], xs: Tensor) -> list[Tensor]:
    h, hs = torch.zeros(HIDDEN, dtype=torch.float64), []
    for x in xs:
        h = f(pre(gates["hidden"], x, h))
        hs.append(h)
    return hs


def gru(gates: dict[str, tuple[Tensor, ...]], xs: Tensor) -> list[Tensor]:
    h, hs = torch.zeros(HIDDEN, dtype=torch.float64), []
    for x in xs:
        r, z = (torch.sigmoid(pre(gates[g], x, h)) for g in ("reset", "update"))
        w, u, b_in, b_rec = gates["new"]
        n = torch.tanh(w @ x + b_in + r * (u @ h + b_rec))
        h = (1 - z) * n + z * h
        hs.append(h)
    return hs


def lstm(gates: dict[str, tuple[Tensor, ...]], xs: Tensor) -> list[Tensor]:
    h = c = torch.zeros(HIDDEN, dtype=torch.float64)
    hs = []
    for x in xs:
        i, f, o = (torch.sigmoid(pre(gates[g], x, h)) for g in ("input", "forget", "output"))
        c = f * c + i * torch.tanh(pre(gates["cell"], x, h))
        h = o * torch.tanh(c)
        hs.append(h)
    return hs


def delayed_lstm(gates: dict[str, tuple[Tensor, ...]], xs: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """As the reference report draws it: a step hands on `tanh(c)` and `o`; the next one multiplies them."""
    c = handed = gate = torch.zeros(HIDDEN, dtype=torch.float64)
    handed_on, states = [], []
    for x in xs:
        h = gate * handed
        i, f, o = (torch.sigmoid(pre(gates[g], x, h)) for g in ("input", "forget", "output"))
        c = f * c + i * torch.tanh(pre(gates["cell"], x, h))
        handed, gate = torch.tanh(c), o
        handed_on.append(handed)
        states.append(gate * handed)
    return handed_on, states


EQUATIONS = {
    "rnn_tanh": lambda gates, xs: elman(gates, torch.tanh, xs),
    "rnn_relu": lambda gates, xs: elman(gates, lambda v: v.clamp(min=0), xs),
    "gru": gru,
    "lstm": lstm,
}


@pytest.mark.parametrize("name", CELLS)
def test_the_documented_equations_are_what_the_module_computes(name: str) -> None:
    module, gates = built(name)
    xs = torch.randn(STEPS, FEATURES, dtype=torch.float64)
    outputs, _ = module(xs[None])
    torch.testing.assert_close(torch.stack(EQUATIONS[name](gates, xs)), outputs[0].detach())


def test_the_reports_lstm_is_the_same_recurrence_and_differs_only_in_what_it_hands_on() -> None:
    module, gates = built("lstm")
    xs = torch.randn(STEPS, FEATURES, dtype=torch.float64)
    outputs = module(xs[None])[0][0].detach()
    handed_on, states = delayed_lstm(gates, xs)
    torch.testing.assert_close(torch.stack(states), outputs)
    assert (torch.stack(handed_on) - outputs).abs().max() > 0.05


@pytest.mark.parametrize("name", CELLS)
def test_shapes_are_the_modules(name: str) -> None:
    cell = RECURRENT_CELLS[name]
    module = torch_module(name, FEATURES, HIDDEN)
    shapes = {key.removesuffix("_l0"): tuple(value.shape) for key, value in module.named_parameters()}
    assert cell.parameter_shapes(FEATURES, HIDDEN) == shapes
    assert list(cell.parameter_shapes(FEATURES, HIDDEN)) == list(shapes)
