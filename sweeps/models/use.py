"""An exported model at work: predictions of raw sequences, and its evaluation on labelled ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from seqsweep.seqmodels.data.errors import DataError, Problem

if TYPE_CHECKING:
    from seqsweep.results.analysis.evaluation import Evaluation
    from seqsweep.results.analysis.prediction import Prediction
    from seqsweep.seqmodels.data.formats.base import RawSequence
    from seqsweep.seqmodels.export.description import Description
    from seqsweep.seqmodels.export.prediction import Tokens
    from seqsweep.seqmodels.export.reading import ExportedModel

CHUNK = 256  # sequences that are read before they are answered


def opened(folder: Path) -> ExportedModel:
    """The model in `folder`, for a process that does nothing else. Raises DataError."""
    import torch

    from seqsweep.seqmodels.export.reading import open_model

    torch.set_num_threads(
        1
    )  # small matrices: on a busy machine threads that wait for one another cost ten times the work
    return open_model(folder)


def read_file(path: str, about: Description) -> Iterator[RawSequence | Problem]:
    """Read what a file holds, on this disk or at a URI, as the model's data were; problems stand in their places."""
    from seqsweep.seqmodels.data import inputs
    from seqsweep.sweeps.datasets.near import bring

    try:
        here = bring({"path": path})
    except DataError as error:
        yield from error.problems
        return
    file = Path(here.paths[0])
    for each in inputs.read_file(file, about.format, about.options, missing_allowed=about.fills_missing):
        if isinstance(each, Problem):
            yield here.problem(each)
        else:
            yield replace(each, id=here.said(each.id), where=here.said(each.where))


def predictions(
    model: ExportedModel, sequences: Iterable[RawSequence | Problem]
) -> Iterator[list[Prediction]]:
    """Predictions in the order of the sequences, some at a time.

    Raises:
        DataError: at the end, with all problems: the good sequences are answered all the same.
    """
    from seqsweep.results.analysis.prediction import prediction
    from seqsweep.seqmodels.export.prediction import is_far, probabilities, to_tokens

    far = 0
    problems: list[Problem] = []
    waiting: list[tuple[str, Tokens]] = []

    def answered() -> list[Prediction]:
        found = probabilities(model, [tokens for _, tokens in waiting])
        names = [name for name, _ in waiting]
        waiting.clear()
        return [
            prediction(name, model.description.classes, row) for name, row in zip(names, found, strict=True)
        ]

    for each in sequences:
        tokens = each if isinstance(each, Problem) else to_tokens(each, model.description)
        if isinstance(tokens, Problem):
            problems.append(tokens)
            continue
        assert not isinstance(each, Problem)
        far += is_far(tokens, model.description)
        waiting.append((each.id, tokens))
        if len(waiting) == CHUNK:
            yield answered()
    if waiting:
        yield answered()
    _say_far(far)
    if problems:
        raise DataError(problems)


def evaluate(model: ExportedModel, folder: Path, data: str, part: str) -> Evaluation:
    """Measure how `model`, exported to `folder`, does on a part of `data` (one of `seqsweep.seqmodels.data.formats.base.PARTS`).

    `data`: a path, a URI, or an embedded data set's name.

    Raises:
        DataError: the data cannot be read, do not fit the model, or have none of its classes.
    """
    from seqsweep.results.analysis.evaluation import Subject, evaluation
    from seqsweep.seqmodels.data.names import match
    from seqsweep.seqmodels.export.prediction import probabilities

    about = model.description
    found = _labelled(about, data, part)
    # a class is the model's where it looks the same
    found = [(name, match(label, about.classes) or label, tokens) for name, label, tokens in found]
    known = [each for each in found if each[1] in about.classes]
    if not known:
        theirs = ", ".join(sorted({label for _, label, _ in found}))
        rule = f"has the classes {theirs}, and the model none of them: it knows {', '.join(about.classes)}"
        raise DataError([Problem(data, rule)])
    source = about.source
    return evaluation(
        Subject(
            folder=str(folder),
            sweep=str(source.get("sweep", "")),
            trial=str(source.get("trial", "")),
            label=about.architecture.label,
            dataset=str(source.get("dataset", "")),
            synthetic=source.get("synthetic") is True,
            **{name: _number(source.get(name)) for name in ("candidate", "seed")},
        ),
        data,
        part,
        classes=about.classes,
        sequences=[name for name, _, _ in known],
        true=[label for _, label, _ in known],
        probabilities=probabilities(model, [tokens for _, _, tokens in known]),
        unknown=[label for _, label, _ in found if label not in about.classes],
    )


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _labelled(about: Description, data: str, part: str) -> list[tuple[str, str, Tokens]]:
    """Id, class and tokens of each sequence. Raises DataError."""
    from seqsweep.seqmodels.data.inputs import read_labelled
    from seqsweep.seqmodels.data.source import EMBEDDED
    from seqsweep.seqmodels.export.prediction import is_far, to_tokens
    from seqsweep.sweeps.datasets.near import near

    if data in EMBEDDED and not Path(data).exists():
        return _embedded(about, data, part)
    found, problems = [], []
    with near({"path": data}) as here:
        path = Path(here.paths[0])
        for each in read_labelled(
            path, about.format, part, about.options, missing_allowed=about.fills_missing
        ):
            tokens = to_tokens(each, about)
            if isinstance(tokens, Problem):
                problems.append(tokens)
            else:
                found.append((each.id, each.label, tokens))
        if problems:
            raise DataError(problems)
    _say_far(sum(is_far(tokens, about) for _, _, tokens in found))
    return found


def _say_far(count: int) -> None:
    from seqsweep.seqmodels.data.notes import say

    if count:
        whose = "1 sequence has" if count == 1 else f"{count} sequences have"
        say(
            [
                f"{whose} values more than 1,000 training standard deviations from the training mean: the model has seen nothing "
                "like them, so check their units"
            ]
        )


def _embedded(about: Description, name: str, part: str) -> list[tuple[str, str, Tokens]]:
    """Embedded data sets are generated at their scale, which must be the model's."""
    from seqsweep.seqmodels.data.source import load

    dataset = load(name)
    if dataset.normalization != about.normalization or dataset.feature_count != about.features:
        raise DataError(
            [Problem(name, "is not scaled as this model's data: it was trained on another data set")]
        )
    return [
        (dataset.ids[place], dataset.class_names[dataset.label[place]], dataset.sequence(place))
        for place in range(dataset.sequence_count)
        if part == "all" or dataset.is_test[place] == (part == "test")
    ]
