"""What is exported in tests, and the oracle's answer."""

from collections.abc import Sequence

import numpy as np
import torch
from sklearn.preprocessing import MinMaxScaler

from seqsweep.seqmodels.architecture import Architecture
from seqsweep.seqmodels.export.description import Description
from seqsweep.seqmodels.layout import Layout
from tests.support.plain import PlainModel

FEATURES, CLASSES = 3, ("ka", "kaa", "sa", "tA")
NORMALIZATIONS = {
    "none": {"kind": "none"},
    "minmax": {"kind": "per_sequence_minmax"},
    "standardize": {"kind": "standardize", "mean": [1.0, -200.0, 3e4], "std": [0.5, 20.0, 1e3]},
}
State = dict[str, np.ndarray]


def description(architecture: Architecture, normalization: str = "standardize") -> Description:
    """A model of three features and four classes."""
    return Description(architecture, FEATURES, CLASSES, {"format": "mfcc"}, NORMALIZATIONS[normalization])


def weights(architecture: Architecture, seed: int = 0) -> State:
    """A state dict as the store keeps it."""
    layout = Layout(architecture, FEATURES, len(CLASSES))
    row = torch.rand(layout.width, generator=torch.Generator().manual_seed(seed)) - 0.5
    return {name: value.numpy() for name, value in layout.state_dict(row).items()}


def raw(lengths: Sequence[int], seed: int = 0) -> list[np.ndarray]:
    """Sequences [t, D] of unlike columns; the last is constant in the first sequence."""
    draw = np.random.default_rng(seed)
    sequences = [
        draw.normal([1.0, -200.0, 3e4], [0.5, 20.0, 1e3], size=(length, FEATURES)) for length in lengths
    ]
    sequences[0][:, -1] = 29_000.0
    return sequences


def answers(
    architecture: Architecture, normalization: str, state: State, sequences: Sequence[np.ndarray]
) -> np.ndarray:
    """Logits [B, C] of the oracle, one sequence after the other, scaled by scikit-learn."""
    model = PlainModel(architecture, FEATURES, len(CLASSES))
    model.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
    with torch.no_grad():
        rows = [
            model([torch.from_numpy(_scaled(sequence, normalization)).float()])[0] for sequence in sequences
        ]
    return torch.stack(rows).numpy()


def _scaled(sequence: np.ndarray, normalization: str) -> np.ndarray:
    if normalization == "minmax":
        return MinMaxScaler().fit_transform(sequence)
    if normalization == "standardize":
        record = NORMALIZATIONS["standardize"]
        return (sequence - np.array(record["mean"])) / np.array(record["std"])
    return sequence


def padded(sequences: Sequence[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
    """As all artefacts take them; behind each sequence's end lies NaN, which must not matter."""
    lengths = torch.tensor([len(sequence) for sequence in sequences])
    values = torch.full((len(sequences), int(lengths.max()), FEATURES), torch.nan, dtype=torch.float64)
    for row, sequence in zip(values, sequences, strict=True):
        row[: len(sequence)] = torch.from_numpy(sequence)
    return values, lengths
