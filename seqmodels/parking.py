"""Lanes that wait at a rung: their weights and what their optimizers remember, a row each, until they go on or are cut."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from seqsweep.seqmodels.optim import LaneOptimizer


@dataclass(frozen=True, eq=False)
class ParkedLane:
    """Hold what a lane of P parameters goes on from.

    Args:
        params: its weights.
        steps: updates so far.
        first, second: its optimizer's moments; None: no lane beside it needed any.
    """

    params: Float[Tensor, "P"]
    steps: int
    first: Float[Tensor, "P"] | None
    second: Float[Tensor, "P"] | None


def park(params: Float[Tensor, "K P"], optimizer: LaneOptimizer, rows: Sequence[int]) -> list[ParkedLane]:
    """Copy these rows of the lanes in training."""
    index = torch.tensor(list(rows), dtype=torch.int64, device=params.device)
    state = optimizer.state_dict()
    copies = {
        name: value.index_select(0, index) for name, value in state.items() if name in ("first", "second")
    }
    weights, steps = params.index_select(0, index), state["steps"].tolist()
    return [
        ParkedLane(
            weights[place],
            int(steps[row]),
            copies["first"][place] if "first" in copies else None,
            copies["second"][place] if "second" in copies else None,
        )
        for place, row in enumerate(rows)
    ]


def unpark(lanes: Sequence[ParkedLane], optimizer: LaneOptimizer) -> Float[Tensor, "K P"]:
    """Give the lanes' weights, and to `optimizer`, which was made for them, what theirs remember."""
    state = optimizer.state_dict()
    state["steps"].copy_(torch.tensor([lane.steps for lane in lanes], dtype=torch.int64))
    for name in ("first", "second"):
        if name in state:
            for row, lane in zip(state[name], lanes, strict=True):
                value = getattr(lane, name)
                if value is not None:
                    row.copy_(value)
    return torch.stack([lane.params for lane in lanes])


def parked_table(parked: dict[int, ParkedLane], like: Float[Tensor, "K P"]) -> dict[str, Tensor]:
    """Write parked lanes, by their numbers, as a checkpoint holds them."""
    lanes = list(parked.values())
    state = {
        "lanes": torch.tensor(list(parked), dtype=torch.int64),
        "steps": torch.tensor([lane.steps for lane in lanes], dtype=torch.int64),
        "params": torch.stack([lane.params for lane in lanes]) if lanes else like.new_zeros(0, like.shape[1]),
    }
    for name in ("first", "second"):
        values = [getattr(lane, name) for lane in lanes]
        has = torch.tensor([value is not None for value in values], dtype=torch.uint8)
        rows = [value for value in values if value is not None]
        state[f"has_{name}"] = has
        state[name] = torch.stack(rows) if rows else like.new_zeros(0, like.shape[1])
    return state


def read_parked(state: dict[str, Tensor], like: Float[Tensor, "K P"]) -> dict[int, ParkedLane]:
    """Read a `parked_table`; tensors are copied to where `like` is."""
    moments: dict[str, list[Tensor | None]] = {}
    for name in ("first", "second"):
        rows = iter(state[name].to(like, copy=True))
        moments[name] = [next(rows) if has else None for has in state[f"has_{name}"].tolist()]
    return {
        lane: ParkedLane(params, steps, first, second)
        for lane, steps, params, first, second in zip(
            state["lanes"].tolist(),
            state["steps"].tolist(),
            state["params"].to(like, copy=True),
            moments["first"],
            moments["second"],
            strict=True,
        )
    }


def together(waiting: Sequence[int], epochs: Sequence[int], most: int, parked: Collection[int]) -> list[int]:
    """Give the next wave of `waiting` lanes: at most so many that stand at one epoch, and are all parked or all new."""
    lead = waiting[0]
    wave: list[int] = []
    for lane in waiting:
        if len(wave) == most or (epochs[lane], lane in parked) != (epochs[lead], lead in parked):
            break
        wave.append(lane)
    return wave
