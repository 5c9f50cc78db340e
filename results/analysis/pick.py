"""Which data set and which architecture somebody means."""

import math
import unicodedata
from collections.abc import Sequence
from difflib import get_close_matches

from seqsweep.results.analysis.reading import Reading
from seqsweep.results.analysis.trials import Trial
from seqsweep.results.errors import Ambiguous, NotFound
from seqsweep.results.store import Sweep


def pick(reading: Reading, dataset: str | None = None, architecture: str | None = None) -> Trial:
    """A trial by its data set (None: the first) and architecture or id (None: the verdict's best).

    Raises `NotFound` when there is none, naming the nearest, or several.
    """
    if architecture is not None:
        alone = reading.trial(architecture)  # no need to look at 10,000 others
        if alone is not None and dataset in (None, alone.dataset):
            return alone
    found = reading.trials
    mine = found.datasets[pick_dataset(reading.sweep, list(found.datasets), dataset)]
    return best(mine) if architecture is None else pick_architecture(mine, architecture)


def best(trials: Sequence[Trial]) -> Trial:
    """The first by test that lost no seed, as in `places`; of those without an accuracy any."""
    ranked = by_test(trials)
    return next((trial for trial in ranked if _known(trial) and not trial.lost), ranked[0])


def pick_dataset(sweep: Sweep, names: Sequence[str], name: str | None) -> str:
    """Check the data set's name; None: the first of `names`. Raises `NotFound` when it has no results here."""
    if not names:
        raise NotFound(f"sweep {sweep.id} has no finished trial yet")
    if name is None:
        return names[0]
    # as people see them: the same é may come composed or not
    found = [name] if name in names else [each for each in names if _seen(each) == _seen(name)]
    if not found:
        near = get_close_matches(name, names, n=1) or names
        raise NotFound(f"sweep {sweep.id} has no results on data set `{name}`; nearest: {', '.join(near)}")
    return found[0]


def _seen(name: str) -> str:
    return unicodedata.normalize("NFC", " ".join(name.split()))


def pick_architecture(trials: Sequence[Trial], wanted: str) -> Trial:
    """The trial of the id `wanted`, of that architecture (with or without its batch size), the best of that cell, or the one
    whose id begins so.
    """
    matches = [trial for trial in trials if trial.trial == wanted] or [
        trial
        for trial in trials
        if _squeezed(wanted) in (_squeezed(trial.label), _squeezed(f"{trial.label} batch {trial.batch_size}"))
    ]
    if not matches and (cell := [trial for trial in trials if trial.cell == wanted.lower()]):
        return best(cell)
    matches = matches or [trial for trial in trials if wanted and trial.trial.startswith(wanted)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        listed = ", ".join(
            f"{trial.trial} ({trial.label}, batch {trial.batch_size})" for trial in matches[:6]
        )
        more = f" and {len(matches) - 6} more" if len(matches) > 6 else ""
        raise Ambiguous(f"`{wanted}` fits several trials: {listed}{more}; give the id")
    labels = list(dict.fromkeys(trial.label for trial in trials))
    names = [*labels, *(trial.trial for trial in trials)]
    near = get_close_matches(wanted, names, n=3, cutoff=0.3) or labels[:3]
    raise NotFound(f"no trial or architecture `{wanted}`; nearest: {', '.join(near)}")


def by_test(trials: Sequence[Trial]) -> list[Trial]:
    """Sort by mean test accuracy, the highest first; of equal ones the smaller model; those without one last."""

    def key(trial: Trial) -> tuple[bool, float, int, str]:
        known = _known(trial)
        # rounded, so that equal accuracies summed in another order stay equal
        mean = round(sum(known) / len(known), 9) if known else 0.0
        return not known, -mean, trial.parameters, trial.label

    return sorted(trials, key=key)


def _known(trial: Trial) -> list[float]:
    return [value for value in trial.test.values() if value is not None and math.isfinite(value)]


def _squeezed(label: str) -> str:
    return label.replace(" ", "").replace("×", "x").lower()
