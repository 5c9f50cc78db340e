"""How much each class counts in the training loss."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor


def balanced_weights(label: Int64[Tensor, "n"], classes: int) -> Float[Tensor, "C"]:
    """Weigh classes so that all of them count the same: n / (C * count), as scikit-learn's "balanced".

    C counts those that `label` has; the others, which no row can be of, weigh 0.
    """
    count = torch.bincount(label, minlength=classes).double()
    return torch.where(count > 0, len(label) / ((count > 0).sum() * count), 0.0)
