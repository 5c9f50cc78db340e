"""What the numbers of a data set warn of before anything is trained: copies and groups on both sides of a split.

A sweep stores the findings with its description of the data set, so that they can be said again without the data. The rules
stand in docs/verdict.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from seqsweep.seqmodels.data.dataset import SequenceDataset
from seqsweep.seqmodels.data.outliers import far_values
from seqsweep.seqmodels.data.splits import Splits


@dataclass(frozen=True)
class Finding:
    """`kind` names a rule of docs/verdict.md, `text` is one sentence for people."""

    kind: str
    text: str


def findings(dataset: SequenceDataset, splits: Splits) -> tuple[Finding, ...]:
    """Find all that applies to a data set with its three parts."""
    return tuple(finding for rule in RULES for finding in rule(dataset, splits))


def _copies(dataset: SequenceDataset, splits: Splits) -> Iterator[Finding]:
    """Sequences whose content stands in an earlier part too, or under another label."""
    content = _contents(dataset)
    for part, others, index, before, harm in (
        (
            "validation",
            "training",
            splits.validation,
            splits.train,
            "validation cannot tell learning from remembering, and may choose the wrong candidate",
        ),
        (
            "test",
            "training or validation",
            splits.test,
            np.concatenate((splits.train, splits.validation)),
            "the test accuracy promises more than new sequences will give",
        ),
    ):
        first = {content[place]: place for place in reversed(before.tolist())}
        copied = [place for place in index.tolist() if content[place] in first]
        if copied:
            example = f"{dataset.ids[copied[0]]} is {dataset.ids[first[content[copied[0]]]]}"
            text = (
                f"{len(copied)} of {len(index)} {part} sequences are copies of {others} sequences ({example})"
            )
            yield Finding(f"copies in {part}", f"{text}: {harm}")
    yield from _contradictions(dataset, content)


def _contradictions(dataset: SequenceDataset, content: list[bytes]) -> Iterator[Finding]:
    label = dataset.label.tolist()
    members: dict[bytes, list[int]] = {}
    for place, digest in enumerate(content):
        members.setdefault(digest, []).append(place)
    torn = [same for same in members.values() if len({label[place] for place in same}) > 1]
    if torn:
        one = torn[0][0]
        other = next(place for place in torn[0] if label[place] != label[one])
        names = [f"{dataset.ids[place]} as `{dataset.class_names[label[place]]}`" for place in (one, other)]
        text = f"{sum(map(len, torn))} of {len(content)} sequences have a copy of another class"
        yield Finding(
            "copies of another class",
            f"{text} ({names[0]}, {names[1]}): no model can be right about all of them",
        )


def _contents(dataset: SequenceDataset) -> list[bytes]:
    """A digest of each sequence's numbers, as the models see them; 0 and -0 are equal."""
    return [
        blake2b((dataset.sequence(place) + np.float32(0)).tobytes(), digest_size=16).digest()
        for place in range(dataset.sequence_count)
    ]


def _shared_groups(dataset: SequenceDataset, splits: Splits) -> Iterator[Finding]:
    """Speakers or writers who are in train and in another part."""
    if dataset.group is None:
        return
    shared, count = _shared(dataset.group, splits.train, splits.validation)
    if shared:
        yield Finding(
            "groups in train and validation",
            f"{shared} of the {count} groups (speakers, writers) in validation are in train too, so candidates are chosen "
            'for known ones: `by = "group"` in [split] keeps them apart',
        )
    shared, count = _shared(dataset.group, np.concatenate((splits.train, splits.validation)), splits.test)
    if shared:
        yield Finding(
            "groups in train and test",
            f"{shared} of the {count} groups (speakers, writers) in test are in train or validation too: the test accuracy is "
            "that for known ones, and says nothing about others",
        )


def _shared(
    group: npt.NDArray[np.int64], one: npt.NDArray[np.int64], other: npt.NDArray[np.int64]
) -> tuple[int, int]:
    """How many groups of `other` are in `one`, and how many `other` has."""
    there = np.unique(group[other])
    return int(np.isin(there, group[one]).sum()), len(there)


def _far_off(dataset: SequenceDataset, splits: Splits) -> Iterator[Finding]:
    """Values that nothing in training prepares a model for."""
    for far in far_values(dataset, splits):
        how = (
            "and it is constant in training"
            if far.deviations is None
            else f"up to {far.deviations:,.0f} training standard deviations from the training mean"
        )
        yield Finding(
            f"values far off in {far.part}",
            f"{far.sequences} {far.part} {'sequence has' if far.sequences == 1 else 'sequences have'} values far from all of "
            f"training (feature {far.feature}, {how}): are units, sensors or missing values the same there?",
        )


RULES: tuple[Callable[[SequenceDataset, Splits], Iterator[Finding]], ...] = (
    _copies,
    _shared_groups,
    _far_off,
)
