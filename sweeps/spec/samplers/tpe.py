"""TPE, the tree-structured Parzen estimator (Bergstra et al., NeurIPS 2011), as Optuna has it, in waves.

It works on quantiles, so every kind of dimension, with its step, weights or bell, is searched as it is drawn. Each wave is made
by a study of its own out of the scores of the waves before and a seed of its number: nothing of Optuna's is kept, and a sweep
that is resumed draws the same wave again (with the same version of Optuna, which promises no more).
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from seqsweep.extras import install
from seqsweep.sweeps.errors import SpecError
from seqsweep.sweeps.spec.dimension import BELOW_ONE, Dimension
from seqsweep.sweeps.spec.samplers.base import Sampler, Scored
from seqsweep.sweeps.spec.samplers.base import words as random_words
from seqsweep.sweeps.spec.samplers.stratified import StratifiedSampler
from seqsweep.sweeps.spec.space import USED_BY, read_names

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution

    from seqsweep.sweeps.spec.space import Space

STARTUP = 10
"""Scores before which it knows too little (Optuna's own number): until then draws are stratified."""


class TPESampler(Sampler):
    """Draws where candidates were good and few were bad; needs the extra `optuna`."""

    name = "tpe"
    words = "wave by wave, nearer to what was good before; needs the extra `optuna`"
    grows = False
    asks_scores = True

    def draws(self, space: Space, seed: int, history: Sequence[Scored] = ()) -> Iterator[Mapping[str, Any]]:
        """Yield the draws of the wave after `history`; those of a wave keep away from each other."""
        if len(history) < STARTUP:
            yield from StratifiedSampler().draws(space, seed)
            return
        study = _study(space, seed, history)
        # what others depend on comes first; then by name, so that the spec's order does not matter
        order = sorted(space, key=lambda name: (bool(space[name].when) or name in USED_BY, name))
        while True:
            trial, values = study.ask(), {name: dimension.at(0.5) for name, dimension in space.items()}
            for name in order:
                if name in read_names(space, values):
                    values[name] = _suggested(trial, name, space[name])
            yield values


def _study(space: Space, seed: int, history: Sequence[Scored]) -> optuna.Study:
    try:
        import optuna
    except ImportError:
        raise SpecError([f"the sampler `tpe` needs Optuna: {install('optuna')}"]) from None
    number = int(random_words(seed, f"tpe {len(history)}", 1)[0]) % 2**32
    log = logging.getLogger("optuna")
    level = log.level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # of the constant liar
        log.setLevel(logging.WARNING)  # a new study is no news
        try:
            sampler = optuna.samplers.TPESampler(seed=number, n_startup_trials=0, constant_liar=True)
            study = optuna.create_study(direction="maximize", sampler=sampler)
        finally:
            log.setLevel(level)
    scores = [each.score for each in history if each.score is not None]
    worst = min(scores, default=0.0)  # what diverged is as bad as the worst
    for each in history:
        params, distributions = _told(space, each)
        value = worst if each.score is None else each.score
        study.add_trial(optuna.trial.create_trial(params=params, distributions=distributions, value=value))
    return study


def _told(space: Space, tried: Scored) -> tuple[dict[str, Any], dict[str, BaseDistribution]]:
    """A candidate as Optuna has it; a value that the space does not have any more is left out."""
    values = {name: getattr(tried.candidate, name) for name in space}
    params: dict[str, Any] = {}
    distributions: dict[str, BaseDistribution] = {}
    for name in read_names(space, values):
        dimension = space[name]
        if dimension.kind in ("constant", "choice") and values[name] not in dimension.values:
            continue
        distributions[name] = _distribution(dimension)
        named = _is_named(dimension)
        params[name] = dimension.values.index(values[name]) if named else dimension.quantile(values[name])
    return params, distributions


def _suggested(trial: optuna.Trial, name: str, dimension: Dimension) -> Any:
    if _is_named(dimension):
        return dimension.values[trial.suggest_categorical(name, range(len(dimension.values)))]
    return dimension.at(trial.suggest_float(name, 0.0, BELOW_ONE))


def _distribution(dimension: Dimension) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    if _is_named(dimension):
        return CategoricalDistribution(range(len(dimension.values)))
    return FloatDistribution(0.0, BELOW_ONE)


def _is_named(dimension: Dimension) -> bool:
    """Whether its values have no order: Optuna weighs each by itself, unless the spec has weights for them."""
    return dimension.kind in ("constant", "choice") and not dimension.weights
