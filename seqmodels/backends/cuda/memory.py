"""How much device memory a lane takes: the passes are made on a device that only counts what they ask for."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqsweep.seqmodels.backends.cuda.device import Argument, Device, Kernel
from seqsweep.seqmodels.backends.cuda.network_pass import NetworkPass
from seqsweep.seqmodels.backends.cuda.step_inputs import LaneRows
from seqsweep.seqmodels.layout import Layout

HOPPER = (9, 0)
HOPPER_MULTIPROCESSORS = 132
HOPPER_SHARED = 232448
_ROUNDED = 512  # bytes of a block of torch's allocator


class Measures:
    """Gives a device's measures without the device: tensors have shapes and no memory, and nothing can be launched.

    Args:
        like: whose; None for an H100's.
        reason: why nothing can be launched.
    """

    def __init__(self, like: Device | None = None, reason: str = "only measures are taken here") -> None:
        self.capability = like.capability if like else HOPPER
        self.multiprocessors = like.multiprocessors if like else HOPPER_MULTIPROCESSORS
        self.shared_bytes = like.shared_bytes if like else HOPPER_SHARED
        self.tensor_device = torch.device("meta")
        self.reason = reason
        self.bytes = 0
        """Asked for so far."""

    def empty(self, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """See `Device.empty`."""
        tensor = torch.empty(shape, dtype=dtype, device="meta")
        self.bytes += math.ceil(tensor.numel() * tensor.element_size() / _ROUNDED) * _ROUNDED
        return tensor

    def launch(
        self,
        kernel: Kernel,
        grid: tuple[int, int, int],
        threads: int,
        shared_bytes: int,
        *arguments: Argument,
    ) -> None:
        """Raises ValueError with the reason."""
        raise ValueError(self.reason)

    def record(self, run: Callable[[], None]) -> Callable[[], None]:
        """See `Device.record`."""
        return run


def lane_bytes(
    device: Device, layout: Layout, length: NDArray[np.int64], precision: str, *, training: bool
) -> int:
    """Count the bytes of one lane's pass over rows of these lengths, without noise and dropout."""
    measures = Measures(device)
    rows = LaneRows.empty(measures, 1, len(length), int(length.sum()))
    NetworkPass(measures, layout, rows, bptt=None, precision=precision, training=training)
    return measures.bytes
