"""What the largest trial of a sweep takes of a node's memory and of a GPU's, and its checkpoints of the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from seqsweep.seqmodels.footprint import Footprint
from seqsweep.seqmodels.hyperparameters import Lane
from seqsweep.seqmodels.optim import moment_buffers
from seqsweep.sweeps.errors import SpecError
from seqsweep.sweeps.resources import CUDA_CONTEXT, PROCESS_BYTES, Nodes

GB = 1_000_000_000


@dataclass(frozen=True)
class Memory:
    """Bytes of the largest trial; estimates for a GPU are marked as such.

    Args:
        trial: its label.
        process: what its process takes before it has done anything.
        data: the data set and what is made of it.
        lanes: kept weights and predictions of all lanes.
        training: weights, gradients and moments of the lanes in training.
        workspace: activations and gradients of a step, for the calls that run at a time.
        checkpoint: copies while a checkpoint is written.
        total: the sum.
        lanes_at_once: lanes in training at once; the others wait.
        per_place: of a node (or a GPU), with all trials that share it.
        available: what the node (or GPU) has; None: unknown.
    """

    trial: str
    process: int
    data: int
    lanes: int
    training: int
    workspace: int
    checkpoint: int
    total: int
    lanes_at_once: int
    per_place: int
    available: int | None

    @property
    def fits(self) -> bool | None:
        """Whether the trials that share a node (or a GPU) fit together; None: unknown."""
        return None if self.available is None else self.per_place <= self.available


def representative(members: Sequence[Lane], threads: int) -> list[Lane]:
    """Few lanes with the footprint of all: one of each kind, and at least as many as run side by side."""
    kinds = {
        (
            moment_buffers(lane.hyperparameters),
            bool(lane.hyperparameters.dropout),
            bool(lane.hyperparameters.input_noise),
        ): lane
        for lane in members
    }
    found = list(kinds.values())
    return found + found[:1] * max(0, min(threads, len(members)) - len(found))


def largest_trial(
    labels: Sequence[str],
    sizes: Sequence[tuple[Footprint, int]],
    at_once: Sequence[int],
    lanes: int,
    nodes: Nodes,
    per_node: int,
    per_gpu: int | None,
    device: str,
    source: str,
) -> tuple[Memory, Memory | None]:
    """Find the largest trial of the host and, where trials use one, of a GPU.

    Raises SpecError where a trial's memory fits no node.
    """

    def of(index: int) -> Memory:
        size, _ = sizes[index]
        checkpoints = size.total(lanes, at_once[index], checkpoints=True) - size.total(lanes, at_once[index])
        total = PROCESS_BYTES + size.total(lanes, at_once[index], checkpoints=True)
        return Memory(
            trial=labels[index],
            process=PROCESS_BYTES,
            data=size.data,
            lanes=lanes * size.lane + size.parked,
            training=at_once[index] * size.training,
            workspace=size.calls + at_once[index] * size.together,
            checkpoint=checkpoints,
            total=total,
            lanes_at_once=at_once[index],
            per_place=total * per_node,
            available=nodes.memory,
        )

    largest = max(map(of, range(len(sizes))), key=lambda memory: memory.total)
    if device == "cpu":
        if largest.total > nodes.memory:
            raise SpecError(
                [
                    f"{source}: {largest.trial} takes {largest.total / GB:.1f} GB even with "
                    f"{largest.lanes_at_once} of its {lanes} lanes at once, but must fit a node, which has "
                    f"{nodes.memory / GB:.1f} GB (--memory)"
                ]
            )
        return largest, None
    on_gpu = largest.total - PROCESS_BYTES - largest.checkpoint + CUDA_CONTEXT
    gpu = replace(
        largest,
        process=CUDA_CONTEXT,
        checkpoint=0,
        total=on_gpu,
        per_place=on_gpu * (per_gpu or 1),
        available=nodes.gpu_memory,
    )
    # the host holds the data, and a checkpoint while it is written
    total = PROCESS_BYTES + largest.data + largest.checkpoint
    host = replace(largest, lanes=0, training=0, workspace=0, total=total, per_place=total * per_node)
    return host, gpu


def checkpoint_bytes(
    sizes: Sequence[tuple[Footprint, int]], at_once: Sequence[int], members: Sequence[Lane], places: int
) -> int:
    """Most bytes of checkpoints at a time: the largest trials that may run together, one of them written anew."""
    moments = max(moment_buffers(lane.hyperparameters) for lane in members)
    each = sorted(
        (
            4 * width * (len(members) + count * (1 + moments))
            for (_, width), count in zip(sizes, at_once, strict=True)
        ),
        reverse=True,
    )
    return sum(each[:places]) + each[0]
