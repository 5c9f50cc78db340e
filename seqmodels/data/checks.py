"""What raw data warn of before anything is trained; each check is a function and a line in `CHECKS`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from seqsweep.seqmodels.data.collection import PARTS, Collection
from seqsweep.seqmodels.data.inspection import FeatureFacts, Inspection

FEW = 10  # sequences of a class, below which shares of it are coarse
UNEVEN = 10  # times as many sequences in the largest class as in the smallest
STILL = 1e-6  # of its size: a feature that varies less is constant
LEAST = 1e-38  # numbers below it are 0 for a model
FAR = 20.0  # deviations from the mean that an ordinary measurement does not reach
LONG = 20.0  # times the median length
MOST_DIGESTED = 64  # names in a message


@dataclass(frozen=True)
class Warned:
    """`kind` names the check, `text` is a sentence that says what to do, `sequences` are examples."""

    kind: str
    text: str
    sequences: tuple[str, ...] = ()


def check(about: Inspection, found: Collection) -> tuple[Warned, ...]:
    """Find all that applies to data as they were read."""
    return tuple(warned for each in CHECKS for warned in each(about, found))


def _copies(about: Inspection, found: Collection) -> Iterator[Warned]:
    """Sequences that are there twice: in two parts, under two labels, or else."""
    same: dict[bytes, list[int]] = defaultdict(list)
    for place, sequence in enumerate(found.sequences):
        values = np.ascontiguousarray(np.asarray(sequence, np.float64) + 0.0)  # 0 and -0 are equal
        same[blake2b(values.tobytes() + str(values.shape).encode(), digest_size=16).digest()].append(place)
    doubled = [places for places in same.values() if len(places) > 1]
    torn = [places for places in doubled if len({found.labels[place] for place in places}) > 1]
    if torn:
        one, other = _unlike(torn[0], found.labels)
        yield Warned(
            "copies of another class",
            f"{sum(map(len, torn)):,} sequences have a copy of another class ({found.ids[one]} as `{found.labels[one]}`, "
            f"{found.ids[other]} as `{found.labels[other]}`): no model can be right about all of them",
            _ids(found, torn),
        )
    apart = [places for places in doubled if len({found.parts[place] for place in places} - {None}) > 1]
    if apart:
        one, other = _unlike(apart[0], found.parts)
        yield Warned(
            "copies in two parts",
            f"{sum(map(len, apart)):,} sequences have a copy in another part ({found.ids[one]} is {found.ids[other]}): the test "
            "accuracy promises more than new sequences will give",
            _ids(found, apart),
        )
    told = {places[0] for places in (*torn, *apart)}
    rest = [places for places in doubled if places[0] not in told]
    if rest and not about.parts:
        yield Warned(
            "copies",
            f"{sum(map(len, rest)):,} sequences are there more than once ({found.ids[rest[0][1]]} is {found.ids[rest[0][0]]}): a "
            "split may put one into train and the other into test",
            _ids(found, rest),
        )


def _unlike(places: Sequence[int], column: Sequence[str | None]) -> tuple[int, int]:
    return places[0], next(place for place in places if column[place] != column[places[0]])


def _ids(found: Collection, places: Sequence[Sequence[int]]) -> tuple[str, ...]:
    return tuple(found.ids[place] for group in places for place in group)[:MOST_DIGESTED]


def _missing(about: Inspection, found: Collection) -> Iterator[Warned]:
    """Values that are not there."""
    having = [each for each in about.features if each.missing]
    if having:
        count = sum(each.missing for each in having)
        named = _named(having)
        yield Warned(
            "missing values",
            f"{count:,} values are missing or not finite, in {named}: training refuses them, unless "
            '`transforms = ["interpolate", ...]` or `"mask_missing"` of the data set fills them',
        )


def _still(about: Inspection, found: Collection) -> Iterator[Warned]:
    """Features that hardly vary."""
    still = [
        each
        for each in about.features
        if not each.deviation > STILL * max(abs(each.low), abs(each.high), LEAST)
    ]
    if still:
        yield Warned(
            "constant features",
            f"{_named(still)} {'varies' if len(still) == 1 else 'vary'} hardly or not at all: nothing can be learnt from "
            f"{'it' if len(still) == 1 else 'them'}; leave {'it' if len(still) == 1 else 'them'} out",
        )


def _far_off(about: Inspection, found: Collection) -> Iterator[Warned]:
    """Values far from all others of their feature."""
    mean = np.array([each.mean for each in about.features])
    reach = np.array([each.deviation for each in about.features]) * FAR
    ends = np.array([(each.low, each.high) for each in about.features]).T
    if not any(each.missing for each in about.features) and not (np.abs(ends - mean) > reach).any():
        return
    far: Counter[int] = Counter()
    places = []
    for place, sequence in enumerate(found.sequences):
        with np.errstate(invalid="ignore"):
            beyond = (np.abs(sequence - mean) > reach) & (reach > 0)
        if beyond.any():
            places.append(place)
            far.update(np.flatnonzero(beyond.any(0)).tolist())
    if places:
        named = _named([about.features[column] for column, _ in far.most_common()])
        yield Warned(
            "values far off",
            f"{len(places):,} sequences have values more than {FAR:g} deviations from the mean, in {named} (such as "
            f"{found.ids[places[0]]}): are they measured, or marks such as -999?",
            tuple(found.ids[place] for place in places[:MOST_DIGESTED]),
        )


def _groups(about: Inspection, found: Collection) -> Iterator[Warned]:
    """Speakers or writers who are in two of the data's own parts."""
    if found.groups is None:
        return
    members: dict[str, set[str]] = defaultdict(set)
    for group, part in zip(found.groups, found.parts, strict=True):
        members[group].add(part or "")
    torn = sorted(group for group, parts in members.items() if len(parts & set(PARTS)) > 1)
    if torn:
        shown = ", ".join([*torn[:5], *(["..."] if len(torn) > 5 else [])])
        yield Warned(
            "groups in two parts",
            f"{len(torn):,} of {len(members):,} groups are in more than one part ({shown}): the test accuracy is that for known "
            'ones; `test = 0.2` and `by = "group"` in [split] keep them apart',
        )


def _classes(about: Inspection, found: Collection) -> Iterator[Warned]:
    """Classes of few sequences, or of very unequal numbers."""
    few = [each for each in about.classes if each.sequences < FEW]
    if few:
        shown = ", ".join(f"{each.name} ({each.sequences})" for each in few[:8])
        yield Warned(
            "small classes",
            f"{len(few):,} of {len(about.classes):,} classes have fewer than {FEW} sequences: {shown}"
            f"{', ...' if len(few) > 8 else ''}; what is said of them rests on single sequences",
        )
    counts = [each.sequences for each in about.classes]
    if max(counts) >= UNEVEN * min(counts):
        yield Warned(
            "uneven classes",
            f"the largest class has {max(counts):,} sequences and the smallest {min(counts):,}: guessing the largest is right "
            f"{max(counts) / sum(counts):.0%} of the time, so accuracy alone says little",
        )


def _lengths(about: Inspection, found: Collection) -> Iterator[Warned]:
    """Sequences much longer than the usual ones, and such of one token."""
    longest = [
        identity
        for identity, sequence in zip(found.ids, found.sequences, strict=True)
        if len(sequence) > LONG * about.median
    ]
    if longest:
        yield Warned(
            "very long sequences",
            f"{len(longest):,} sequences are more than {LONG:g} times as long as the median ({about.median:g} tokens), the "
            f"longest has {about.longest:,}: they take most of the time",
            tuple(longest[:MOST_DIGESTED]),
        )
    single = sum(len(sequence) == 1 for sequence in found.sequences)
    if single:
        yield Warned(
            "single tokens", f"{single:,} sequences have one token: there is no order to learn in them"
        )


def _named(features: Sequence[FeatureFacts]) -> str:
    names = ", ".join(f"`{each.name}`" for each in features[:5]) + (", ..." if len(features) > 5 else "")
    return f"feature {names}" if len(features) == 1 else f"{len(features)} features ({names})"


CHECKS: tuple[Callable[[Inspection, Collection], Iterator[Warned]], ...] = (
    _missing,
    _copies,
    _groups,
    _classes,
    _still,
    _far_off,
    _lengths,
)
