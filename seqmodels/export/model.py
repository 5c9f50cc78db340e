"""A model that seqsweep trained, in plain torch.nn. This file needs torch and safetensors, nothing of seqsweep.

from model import load, pad

model = load("FOLDER")                            # the folder that `seqsweep export-model` wrote
logits = model(*pad([[[12.0, 40.5], [13.5, 41.0]]]))   # sequences of raw rows, as they are in the data files
model.classes[logits[0].argmax()]
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from seqsweep.seqmodels.export.scalings import scalings

MODULES: dict[str, tuple[type[nn.RNNBase], dict[str, str]]] = {
    "rnn_tanh": (nn.RNN, {"nonlinearity": "tanh"}),
    "rnn_relu": (nn.RNN, {"nonlinearity": "relu"}),
    "gru": (nn.GRU, {}),
    "lstm": (nn.LSTM, {}),
}


class Model(nn.Module):
    """A recurrent classifier. Its state dict is that of `self.rnn` and `self.head` alone.

    Args:
        about: the content of `model.json`.
    """

    def __init__(self, about: Mapping[str, Any]) -> None:
        super().__init__()
        shape, given = about["architecture"], about["input"]
        self.classes: tuple[str, ...] = tuple(about["classes"])
        self.hidden: int = shape["hidden"]
        self.directions = 2 if shape["bidirectional"] else 1
        self.readout: tuple[str, ...] = tuple(shape["readout"])
        module, options = MODULES[shape["cell"]]
        self.rnn = module(
            given.get("width", given["features"]),
            self.hidden,
            num_layers=shape["layers"],
            bidirectional=shape["bidirectional"],
            batch_first=True,
            **options,  # type: ignore[arg-type]
        )
        summary, units = self.hidden * self.directions * len(self.readout), shape["head_hidden"]
        self.head: nn.Module = nn.Linear(units or summary, len(self.classes))
        if units:
            self.head = nn.Sequential(nn.Linear(summary, units), nn.Tanh(), self.head)
        normalization = given["normalization"]
        self.steps: list[dict[str, Any]] = normalization.get("steps", [normalization])
        for place, step in enumerate(self.steps):
            for name in scalings()[step["kind"]][1]:
                values = torch.tensor(step[name], dtype=torch.float64)
                self.register_buffer(f"{name}{place}", values, persistent=False)

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        """Logits `[B, C]` float32 of raw `values` `[B, T, D]` float64; `lengths` `[B]` int64 are their steps, 1..T.

        What lies behind a sequence's end changes nothing.
        """
        return self.logits(*self.normalize(values, lengths))

    def normalize(self, values: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Raw values as the training data were brought to scale, float32, and their lengths: calculated in float64, as there."""
        values = values.double()
        for place, step in enumerate(self.steps):
            change, numbers = scalings()[step["kind"]]
            values, lengths = change(
                values, lengths, {**step, **{name: getattr(self, f"{name}{place}") for name in numbers}}
            )
        return values.float(), lengths

    def logits(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Logits `[B, C]` of normalised tokens `[B, T, D]` float32 and their lengths."""
        steps = self.recurrence(tokens, lengths)
        inside = self._inside(steps, lengths)
        parts = []
        for name in self.readout:
            if name == "last":  # where each direction ends: forwards at the last step, backwards at the first
                end = (lengths - 1)[:, None, None].expand(-1, 1, self.hidden)
                parts.append(steps[..., : self.hidden].gather(1, end)[:, 0])
                if self.directions == 2:
                    parts.append(steps[:, 0, self.hidden :])
            elif name == "mean":
                parts.append(torch.where(inside, steps, 0.0).sum(1) / lengths[:, None])
            else:
                parts.append(torch.where(inside, steps, -torch.inf).amax(1))
        logits: Tensor = self.head(torch.cat(parts, 1))
        return logits

    def recurrence(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Outputs of the top layer, `[B, T, directions * hidden]`."""
        packed = pack_padded_sequence(tokens, lengths.cpu(), batch_first=True, enforce_sorted=False)
        steps, _ = pad_packed_sequence(self.rnn(packed)[0], batch_first=True, total_length=tokens.shape[1])
        return steps

    @staticmethod
    def _inside(values: Tensor, lengths: Tensor) -> Tensor:
        """Which steps belong to a sequence, `[B, T, 1]`."""
        return (torch.arange(values.shape[1], device=values.device) < lengths[:, None])[..., None]


def pad(sequences: Sequence[Sequence[Sequence[float]]]) -> tuple[Tensor, Tensor]:
    """Sequences `[t, D]` of unequal lengths as `values` `[B, T, D]` float64 and `lengths` `[B]`."""
    tensors = [torch.as_tensor(sequence, dtype=torch.float64) for sequence in sequences]
    return pad_sequence(tensors, batch_first=True), torch.tensor([len(tensor) for tensor in tensors])


def load(folder: str | Path) -> Model:
    """The model in a folder, ready to predict. Nothing is unpickled."""
    from safetensors.torch import load_file

    about = json.loads(Path(folder, "model.json").read_text(encoding="utf-8"))
    model = Model(about)
    model.load_state_dict(load_file(Path(folder, "weights.safetensors")))
    return model.eval().requires_grad_(False)
