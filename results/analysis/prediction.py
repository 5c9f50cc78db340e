"""What an exported model says of a sequence."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

TOP = 3


@dataclass(frozen=True)
class Likely:
    """A class, and how probable the model finds it, 0..1."""

    name: str
    probability: float


@dataclass(frozen=True)
class Prediction:
    """The `TOP` likeliest classes of a sequence (fewer where there are fewer), the likeliest first."""

    id: str
    top: tuple[Likely, ...]


def prediction(sequence: str, classes: Sequence[str], probabilities: np.ndarray) -> Prediction:
    """Make a sequence's prediction of its id and its probabilities [C]; of equal ones the first class stands first."""
    order = np.argsort(-probabilities, kind="stable")[:TOP]
    return Prediction(sequence, tuple(Likely(classes[place], float(probabilities[place])) for place in order))
