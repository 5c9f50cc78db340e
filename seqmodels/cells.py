r"""What each recurrent cell is: its equations, its gates, the shapes of its weights. Needs no torch.

`x_t` is the input of step t (`[D]`), `h_t` the output (`[H]`), `h_0 = c_0 = 0`, `*` is element-wise. Weights are stacked gate by
gate in the order of `Cell.gates`, exactly as in `torch.nn`: `weight_ih [G*H, D]`, `weight_hh [G*H, H]`, `bias_ih [G*H]`,
`bias_hh [G*H]`.

`rnn_tanh`, `rnn_relu` (Elman, 1990):

    h_t = f(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh)              f = tanh or max(0, .)

`gru` (Cho et al., 2014, with the reset gate after the product, as in cuDNN and PyTorch):

    r_t = s(W_ir x_t + b_ir + W_hr h_{t-1} + b_hr)              s = logistic sigmoid
    z_t = s(W_iz x_t + b_iz + W_hz h_{t-1} + b_hz)
    n_t = tanh(W_in x_t + b_in + r_t * (W_hn h_{t-1} + b_hn))
    h_t = (1 - z_t) * n_t + z_t * h_{t-1}

`lstm` (Hochreiter & Schmidhuber, 1997, with Gers' forget gate, no peepholes):

    i_t = s(W_ii x_t + b_ii + W_hi h_{t-1} + b_hi)
    f_t = s(W_if x_t + b_if + W_hf h_{t-1} + b_hf)
    g_t = tanh(W_ig x_t + b_ig + W_hg h_{t-1} + b_hg)
    o_t = s(W_io x_t + b_io + W_ho h_{t-1} + b_ho)
    c_t = f_t * c_{t-1} + i_t * g_t
    h_t = o_t * tanh(c_t)

The reference report draws its LSTM with the output gate applied one step later: a step hands on `tanh(c_t)` and `o_t`, and
the next step multiplies them before it uses them. With `h_t := o_t * tanh(c_t)` formed at the start of step t + 1 the gates
of every step see the same values as above, so the recurrence is the same function of the same weights; only a readout that
takes the last hand-over itself, `tanh(c_T)`, would see it before the gate. Here the readout sees `h_T`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cell:
    """A kind of recurrent unit.

    Args:
        name: as in a spec.
        gates: names of the blocks stacked in the weights, in torch's order.
    """

    name: str
    gates: tuple[str, ...]

    def parameter_shapes(self, features: int, hidden: int) -> dict[str, tuple[int, ...]]:
        """Give the shapes of one direction of one layer, in torch's order."""
        rows = len(self.gates) * hidden
        return {
            "weight_ih": (rows, features),
            "weight_hh": (rows, hidden),
            "bias_ih": (rows,),
            "bias_hh": (rows,),
        }


RECURRENT_CELLS: dict[str, Cell] = {
    cell.name: cell
    for cell in (
        Cell("rnn_tanh", ("hidden",)),
        Cell("rnn_relu", ("hidden",)),
        Cell("gru", ("reset", "update", "new")),
        Cell("lstm", ("input", "forget", "cell", "output")),
    )
}
CELLS = tuple(RECURRENT_CELLS)
"""Their names, in the order of `Cell` in api.h."""
