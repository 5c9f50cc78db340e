"""What a rule of the search would have cost and chosen in a sweep that trained everything: replayed from its records."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seqsweep.results.errors import Invalid, NotFound
from seqsweep.results.statistics.interval import Interval, interval
from seqsweep.seqmodels.search_rule import SearchRule, Standing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqsweep.results.analysis.reading import Reading
    from seqsweep.results.analysis.trials import Trial

DRAWS = 200
FIRSTS = (0.125, 0.25, 0.5, 0.75)
"""Shares of the epochs before the cut that are replayed."""
LEAST = 5
"""Candidates below which nothing is ever dropped."""


@dataclass(frozen=True)
class Replayed:
    """A rule on one trial, over random orders of its candidates and seeds.

    Args:
        rule: in words.
        share: of the lane-epochs of training every candidate from every seed.
        regret: how much lower than the best candidate's mean validation accuracy over all seeds the chosen one's is, 0..1.
        random: the same of a random search that trains fewer candidates, from all seeds, at this rule's cost.
    """

    rule: str
    share: float
    regret: Interval
    random: Interval


@dataclass(frozen=True)
class Replay:
    """All rules on one trial: `draws` times `drawn` of its `candidates`, from `seeds` seeds."""

    sweep: str
    dataset: str
    synthetic: bool
    trial: str
    architecture: str
    candidates: int
    drawn: int
    seeds: int
    epochs: int
    draws: int
    rules: tuple[Replayed, ...]


@dataclass(frozen=True)
class Course:
    """The kept weights' validation accuracy and loss after each epoch, float64 [candidates, seeds, epochs]; -1: diverged."""

    accuracy: NDArray[np.float64]
    loss: NDArray[np.float64]
    groups: Mapping[int, str]


def replay(reading: Reading, picked: Trial, *, drawn: int | None = None, seed: int = 0) -> Replay:
    """Replay halving with several places of the cut on a trial, whose every candidate was trained from every seed.

    Args:
        reading: of the sweep.
        picked: one of its trials.
        drawn: candidates of each draw; None: three quarters of all.
        seed: from which draws are made.

    Raises:
        NotFound: the sweep dropped candidates, or has too few.
        Invalid: `drawn` is not from 5 to all of them.
        StoreError: a damaged file.
    """
    course = course_of(reading, picked)
    count, seeds, epochs = course.accuracy.shape
    if count < LEAST:
        raise NotFound(
            f"{picked.label} on {picked.dataset} has {count} candidates, of which halving drops none: {LEAST} are the least"
        )
    wanted = max(LEAST, round(0.75 * count)) if drawn is None else drawn
    if not LEAST <= wanted <= count:
        raise Invalid(f"--candidates is {drawn}, but must be from {LEAST} to {count}, as many as there are")
    draw = np.random.default_rng(seed)
    orders = [
        (draw.permutation(count)[:wanted].tolist(), draw.permutation(seeds).tolist()) for _ in range(DRAWS)
    ]
    return Replay(
        sweep=reading.sweep.id,
        dataset=picked.dataset,
        synthetic=picked.synthetic,
        trial=picked.trial,
        architecture=picked.label,
        candidates=count,
        drawn=wanted,
        seeds=seeds,
        epochs=epochs,
        draws=DRAWS,
        rules=tuple(_replayed(course, orders, SearchRule(method="halving", first=first)) for first in FIRSTS),
    )


def _replayed(
    course: Course, orders: Sequence[tuple[Sequence[int], Sequence[int]]], rule: SearchRule
) -> Replayed:
    _, seeds, epochs = course.accuracy.shape
    drawn = len(orders[0][0])
    work, full = rule.work(drawn, seeds, epochs), drawn * seeds * epochs
    affordable = max(1, work // (seeds * epochs))
    means = np.maximum(course.accuracy[:, :, -1], 0.0).mean(axis=1)
    regrets, at_random = [], []
    for candidates, order in orders:
        best = max(means[candidate] for candidate in candidates)
        regrets.append(best - means[chosen_by(course, candidates, order, rule)])
        at_random.append(best - max(means[candidate] for candidate in candidates[:affordable]))
    return Replayed(
        rule=f"cut after {rule.rung(epochs)} of {epochs} epochs",
        share=work / full,
        regret=interval(regrets),
        random=interval(at_random),
    )


def chosen_by(course: Course, candidates: Sequence[int], order: Sequence[int], rule: SearchRule) -> int:
    """Search `candidates` by the rule, the seeds coming in this order."""
    epochs = course.accuracy.shape[2]

    def standing(candidate: int, seed: int, epoch: int) -> Standing:
        accuracy = float(course.accuracy[candidate, seed, epoch - 1])
        return Standing(accuracy, float(course.loss[candidate, seed, epoch - 1]), accuracy < 0)

    first = order[0]
    middle = {candidate: standing(candidate, first, rule.rung(epochs)) for candidate in candidates}
    going = rule.going_on(middle, course.groups) or list(candidates)
    ended = {candidate: standing(candidate, first, epochs) for candidate in going}
    finals = rule.finals(ended, len(candidates))
    return rule.choose({one: [standing(one, seed, epochs) for seed in order] for one in finals})


def course_of(reading: Reading, picked: Trial) -> Course:
    """Read how a trial's lanes went. Raises `NotFound` where some were dropped, `StoreError` for a damaged file."""
    sweep = reading.sweep
    columns = ["candidate", "seed", "stage", "stopped", "schedule"]
    lanes = [
        lane
        for lane in sweep.read("lanes", columns, trials=[picked.trial]).to_pylist()
        if lane["stage"] == "search"
    ]
    candidates = sorted({lane["candidate"] for lane in lanes})
    seeds = sorted({lane["seed"] for lane in lanes})
    if len(lanes) < len(candidates) * len(seeds) or any(lane["stopped"] == "cut" for lane in lanes):
        raise NotFound(
            f"{picked.label} on {picked.dataset} was searched by halving, but only what was trained to the end from every seed "
            'can be replayed: train a sweep with `method = "full"` in its [search]'
        )
    columns = ["candidate", "seed", "phase", "epoch", "validation_accuracy", "validation_loss"]
    records: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for row in sweep.read("epochs", columns, trials=[picked.trial]).to_pylist():
        if row["phase"] == "search":
            records.setdefault((row["candidate"], row["seed"]), []).append(row)
    epochs = max(row["epoch"] for own in records.values() for row in own)
    spec = sweep.info.get("spec") or {}
    best = (spec.get("training") or {}).get("keep", "best") == "best"
    shape = (len(candidates), len(seeds), epochs)
    accuracy, loss = np.full(shape, -1.0), np.full(shape, math.inf)
    lost = {(lane["candidate"], lane["seed"]) for lane in lanes if lane["stopped"] == "diverged"}
    for (candidate, seed), own in records.items():
        place = candidates.index(candidate), seeds.index(seed)
        kept = (-1.0, -math.inf)
        known = {row["epoch"]: row for row in own}
        for epoch in range(1, epochs + 1):
            row = known.get(epoch)
            if row is not None and row["validation_accuracy"] is not None:
                here = (row["validation_accuracy"], -row["validation_loss"])
                kept = max(kept, here) if best else here
            if row is None and (candidate, seed) in lost:
                kept = (-1.0, -math.inf)
            accuracy[(*place, epoch - 1)], loss[(*place, epoch - 1)] = kept[0], -kept[1]
        if (candidate, seed) in lost:
            accuracy[(*place, -1)], loss[(*place, -1)] = -1.0, math.inf
    schedules = {candidates.index(lane["candidate"]): lane["schedule"] for lane in lanes}
    return Course(accuracy, loss, schedules)
