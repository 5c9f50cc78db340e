"""What an exported model says of sequences: brought to scale as its training data were, batched by length."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.utils.rnn import pad_sequence

from seqsweep.seqmodels.data.errors import Problem
from seqsweep.seqmodels.data.formats.base import RawSequence
from seqsweep.seqmodels.data.registry import transform_of
from seqsweep.seqmodels.data.transforms.base import TOO_FAR, fits_float32
from seqsweep.seqmodels.export.description import Description
from seqsweep.seqmodels.export.reading import ExportedModel

BATCH_STEPS = 2**16  # of a padded batch, together

Tokens = npt.NDArray[np.float32]


def to_tokens(sequence: RawSequence, description: Description) -> Tokens | Problem:
    """Make a sequence [T, D] as training saw such ones, the same bits; a problem where it is none of the model's."""
    features = sequence.values.shape[1]
    if features != description.features:
        rule = f"has {features} numbers in a row, but the model reads {description.features}"
        return Problem(sequence.where, rule)
    transform = transform_of(description.normalization)
    missing = np.isnan(sequence.values)
    if missing.any() and not transform.fills_missing:
        token, feature = np.argwhere(missing)[0] + 1
        rule = f"token {token} has no value for feature {feature}, and the model fills none"
        return Problem(sequence.where, rule)
    scaled = transform.apply(sequence.values, description.normalization)
    if not fits_float32(scaled):
        return Problem(sequence.where, f"a value {TOO_FAR}")
    return scaled.astype(np.float32)


def is_far(tokens: Tokens, description: Description) -> bool:
    """Tell whether a value is like nothing in training, as far as the scale shows it."""
    return transform_of(description.normalization).is_far(tokens)


def probabilities(model: ExportedModel, sequences: Sequence[Tokens]) -> Tokens:
    """Compute probabilities [S, C] of the classes, for tokens [T, D] of any lengths."""
    found = np.zeros((len(sequences), len(model.description.classes)), np.float32)
    longest_first = sorted(range(len(sequences)), key=lambda place: -len(sequences[place]))
    while longest_first:
        count = max(1, BATCH_STEPS // len(sequences[longest_first[0]]))
        batch, longest_first = longest_first[:count], longest_first[count:]
        tokens = [torch.from_numpy(sequences[place]) for place in batch]
        lengths = torch.tensor([len(each) for each in tokens])
        with torch.inference_mode():
            logits = model.network.logits(pad_sequence(tokens, batch_first=True), lengths)
            found[batch] = torch.softmax(logits, 1).numpy()
    return found
