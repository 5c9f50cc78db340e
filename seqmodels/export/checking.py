"""Whether a folder's files are the model: each is read back and compared with plain torch.nn, a sequence at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqsweep.seqmodels.backends.torch_ import torch_module
from seqsweep.seqmodels.data.registry import normalize, transform_of
from seqsweep.seqmodels.export.model import pad
from seqsweep.seqmodels.export.program import open_program
from seqsweep.seqmodels.export.reading import WEIGHTS, open_model

if TYPE_CHECKING:
    from seqsweep.seqmodels.export.description import Description

PROGRAM, ONNX = "model.pt2", "model.onnx"
TOLERANCE = 1e-4  # of the largest logit, or of 1 where that is more
LENGTHS = (17, 1, 40, 3, 8)
MISSING = 0.2  # of the numbers of such a sequence

Array = NDArray[np.float64]
Logits = NDArray[np.float32]


class ExportError(RuntimeError):
    """A file does not compute what the model computes."""


def check(folder: Path, description: Description, state: Mapping[str, Tensor]) -> dict[str, float]:
    """Find the largest difference of a logit, for each file, over sequences of unequal lengths padded with NaN.

    Raises:
        ExportError: a difference is beyond `TOLERANCE`.
    """
    sequences = samples(description)
    expected = np.stack([alone(description, state, sequence) for sequence in sequences])
    values, lengths = pad([sequence.tolist() for sequence in sequences])
    for row, length in zip(values, lengths, strict=True):
        row[length:] = torch.nan
    opened: dict[str, Callable[[], Tensor | Logits]] = {
        WEIGHTS: lambda: open_model(folder).network(values, lengths),
        PROGRAM: lambda: open_program(folder / PROGRAM)(values, lengths),
    }
    if (folder / ONNX).exists():
        opened[ONNX] = lambda: _by_onnxruntime(folder / ONNX, values, lengths)
    found = {}
    allowed = TOLERANCE * max(1.0, float(np.abs(expected).max()))
    for name, compute in opened.items():
        logits = np.asarray(compute())
        found[name] = float(np.abs(logits - expected).max())
        if logits.shape != expected.shape or not found[name] <= allowed:
            raise ExportError(
                f"{name} differs from torch.nn by {found[name]:.3g} in a logit, but at most {allowed:.3g} is right"
            )
    return found


def samples(description: Description) -> list[Array]:
    """Draw raw sequences `[t, D]` about as large as the training data's, always the same; with gaps where they may have some."""
    draw = np.random.default_rng(0)
    record, features, width = description.normalization, description.features, description.width
    transform = transform_of(record)
    mean, std = transform.typical(record, features, (np.zeros(width), np.ones(width)))
    found = [mean + std * draw.normal(size=(length, features)) for length in LENGTHS]
    if transform.fills_missing:
        for each in found:
            each[draw.random(each.shape) < MISSING] = np.nan
    return found


def alone(description: Description, state: Mapping[str, Tensor], sequence: Array) -> Logits:
    """Compute logits `[C]` of one raw sequence by bare torch.nn modules: nothing is padded or packed."""
    architecture = description.architecture
    rnn = torch_module(
        architecture.cell,
        description.width,
        architecture.hidden,
        num_layers=architecture.layers,
        bidirectional=architecture.bidirectional,
    )
    rnn.load_state_dict(_part(state, "rnn."))
    with torch.no_grad():
        tokens = torch.from_numpy(normalize(sequence, description.normalization)).float()
        steps, last = rnn(tokens[None])
        ends = last[0] if isinstance(last, tuple) else last
        parts = {
            "last": ends[-architecture.directions :, 0].flatten(),
            "mean": steps[0].mean(0),
            "max": steps[0].amax(0),
        }
        summary = torch.cat([parts[name] for name in architecture.readout])
        for layer in ("head.0", "head.2") if architecture.head_hidden else ("head",):
            weight, bias = state[f"{layer}.weight"], state[f"{layer}.bias"]
            linear = nn.Linear(weight.shape[1], weight.shape[0])
            linear.load_state_dict({"weight": weight, "bias": bias})
            summary = torch.tanh(linear(summary)) if layer == "head.0" else linear(summary)
        logits: Logits = summary.numpy()
    return logits


def _part(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def _by_onnxruntime(path: Path, values: Tensor, lengths: Tensor) -> Logits:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    [logits] = session.run(None, {"values": values.numpy(), "lengths": lengths.numpy()})
    found: Logits = logits
    return found
