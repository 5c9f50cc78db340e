"""Packed equals zero-padded with a mask: the reference report's way, as Keras does it, with the same weights.

Keras runs on its torch backend, in float32 (it multiplies matrices in no wider type there), against our float64.
Its layers loop over every padded step, and a `Masking` layer tells them which to skip.
"""

import os

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.support.plain import small_dataset, tokens_of
from tests.support.steps import gradients

os.environ["KERAS_BACKEND"] = "torch"  # read once, when keras is first imported
import keras

from seqsweep.seqmodels.architecture import Architecture
from seqsweep.seqmodels.backends.torch_ import TorchBackend
from seqsweep.seqmodels.engine import create_engine
from seqsweep.seqmodels.hyperparameters import Hyperparameters, Lane
from seqsweep.seqmodels.lanes import LaneArray
from seqsweep.seqmodels.layout import Layout

DATA = small_dataset(24, longest=9)
BATCH = torch.arange(3, 24)
LAYERS = {
    "rnn_tanh": lambda units, **o: keras.layers.SimpleRNN(units, activation="tanh", **o),
    "rnn_relu": lambda units, **o: keras.layers.SimpleRNN(units, activation="relu", **o),
    "gru": lambda units, **o: keras.layers.GRU(units, reset_after=True, **o),
    "lstm": keras.layers.LSTM,
}


def keras_weights(cell: str, state: dict[str, Tensor], suffix: str) -> list[np.ndarray]:
    """`kernel`, `recurrent_kernel` and `bias` of one direction of one layer, from torch's names."""
    w, u, b_in, b_rec = (
        state[f"rnn.{part}_{suffix}"] for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    if cell == "gru":  # torch: reset, update, new; Keras: update, reset, new, and both biases
        w, u, b_in, b_rec = (
            torch.cat([p.chunk(3)[1], p.chunk(3)[0], p.chunk(3)[2]]) for p in (w, u, b_in, b_rec)
        )
        return [w.T.numpy(), u.T.numpy(), torch.stack([b_in, b_rec]).numpy()]
    return [w.T.numpy(), u.T.numpy(), (b_in + b_rec).numpy()]


def keras_model(
    architecture: Architecture, weights: list[np.ndarray], *, features: int, classes: int, masked: bool = True
) -> keras.Sequential:
    model = keras.Sequential([keras.Input((None, features))])
    if masked:
        model.add(keras.layers.Masking(mask_value=0.0))
    for layer in range(architecture.layers):
        more = layer + 1 < architecture.layers
        recurrent = LAYERS[architecture.cell](architecture.hidden, return_sequences=more)
        model.add(keras.layers.Bidirectional(recurrent) if architecture.bidirectional else recurrent)
    model.add(keras.layers.Dense(classes))
    model.set_weights(weights)
    return model


@pytest.mark.parametrize(
    "architecture",
    [
        *(Architecture(cell, 1, 7) for cell in LAYERS),
        *(Architecture(cell, 2, 5, bidirectional=True) for cell in LAYERS),
        Architecture("lstm", 3, 6),
    ],
    ids=lambda a: a.label,
)
def test_packed_equals_zero_padded_with_a_mask(architecture: Architecture) -> None:
    layout = Layout(architecture, DATA.feature_count, DATA.class_count)
    lanes = LaneArray(
        layout, [Lane(0, 5, Hyperparameters())], create_engine(layout, TorchBackend()), dtype=torch.float64
    )
    logits = lanes.logits(tokens_of(DATA), BATCH)[0][0]
    result = gradients(lanes, tokens_of(DATA), BATCH[None], epoch=1, step=0)

    cell, state, suffixes = architecture.cell, layout.state_dict(lanes.params[0]), []
    for layer in range(architecture.layers):
        suffixes += [f"l{layer}", f"l{layer}_reverse"] if architecture.bidirectional else [f"l{layer}"]
    weights = [w for suffix in suffixes for w in keras_weights(cell, state, suffix)]
    weights += [state["head.weight"].T.numpy(), state["head.bias"].numpy()]
    sizes = {"features": DATA.feature_count, "classes": DATA.class_count}
    model = keras_model(architecture, weights, **sizes)

    length = DATA.length[BATCH]
    padded = torch.zeros(len(BATCH), length.max(), DATA.feature_count)
    for row, index in zip(padded, BATCH, strict=True):
        row[: DATA.length[index]] = torch.from_numpy(DATA.sequence(int(index)))
    output = model(padded)
    torch.testing.assert_close(output.detach().double(), logits, rtol=0, atol=2e-6)
    # the mask is what makes them equal
    unmasked = keras_model(architecture, weights, **sizes, masked=False)(padded).detach()
    assert (unmasked - logits).abs().max() > 1e-2

    loss = torch.nn.functional.cross_entropy(output, torch.from_numpy(DATA.label)[BATCH])
    loss.backward()
    assert loss.item() == pytest.approx(result.loss[0].item(), abs=2e-6)
    found = layout.state_dict(result.grads[0])
    if cell != "gru":  # one bias where torch adds two, each of which has its whole gradient
        found |= {name: torch.zeros_like(value) for name, value in found.items() if "bias_hh" in name}
    expected = [w for suffix in suffixes for w in keras_weights(cell, found, suffix)]
    expected += [found["head.weight"].T.numpy(), found["head.bias"].numpy()]
    for variable, gradient in zip(model.trainable_variables, expected, strict=True):
        np.testing.assert_allclose(variable.value.grad.numpy(), gradient, rtol=0, atol=2e-6)
