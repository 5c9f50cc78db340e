"""How an exported model does on labelled sequences."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seqsweep.results.analysis.confusion import Confusion, measure
from seqsweep.results.statistics.answers import Answers
from seqsweep.results.statistics.proportion import Proportion, proportion


@dataclass(frozen=True)
class Subject:
    """What is evaluated: an exported model, and where it comes from ("" where that is not known)."""

    folder: str
    sweep: str
    trial: str
    label: str
    dataset: str
    synthetic: bool
    candidate: int
    seed: int


@dataclass(frozen=True)
class Evaluation:
    """`correct` of `n` sequences of `data`; `accuracy` with Wilson's 95 % interval, over sequences drawn as these were.

    `unknown`: sequences that were left out, as the model knows no such class, by class. `absent`: classes of the model that the
    data have no sequences of. `confusion` is that of one model.
    """

    subject: Subject
    data: str
    n: int
    correct: int
    accuracy: Proportion
    unknown: dict[str, int]
    absent: tuple[str, ...]
    confusion: Confusion


def evaluation(
    subject: Subject,
    data: str,
    part: str,
    *,
    classes: Sequence[str],
    sequences: Sequence[str],
    true: Sequence[str],
    probabilities: np.ndarray,
    unknown: Sequence[str] = (),
) -> Evaluation:
    """Judge a model's answers.

    Args:
        subject: the model.
        data: what the sequences are called.
        part: which part of them, for the heading.
        classes: the model's, C of them.
        sequences: ids, n of them, at least 1.
        true: their classes, all of them among `classes`.
        probabilities: [n, C].
        unknown: the classes of sequences that were left out, one each.
    """
    place = {name: index for index, name in enumerate(classes)}
    said = Answers(
        seed=np.full(len(true), subject.seed),
        sequence=np.array(sequences, dtype=object),
        true=np.array([place[name] for name in true], dtype=np.int64),
        predicted=probabilities.argmax(axis=1),
        probabilities=probabilities.astype(np.float64),
    )
    counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
    np.add.at(counts, (said.true, said.predicted), 1)
    correct = int(counts.trace())
    accuracy = proportion(np.array([correct]), np.array([len(true)]))
    assert accuracy is not None
    return Evaluation(
        subject=subject,
        data=data,
        n=len(true),
        correct=correct,
        accuracy=accuracy,
        unknown=dict(sorted(Counter(unknown).items())),
        absent=tuple(name for name, row in zip(classes, counts, strict=True) if not row.sum()),
        confusion=measure(
            subject.sweep, subject, subject.candidate, part, tuple(classes), counts[None], said
        ),
    )
