"""Functional ANOVA of a regression forest: how much of a figure's variance each parameter explains alone.

Hutter, Hoos and Leyton-Brown (2014), An Efficient Approach for Assessing Hyperparameter Importance. Their measure is uniform
over each parameter's range; here it is that of the values that were tried, so a learning rate drawn log-uniformly counts
as it was drawn, and a choice by how often it was taken.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np


def main_effects(tree: Any, weights: Sequence[np.ndarray]) -> np.ndarray | None:
    """Share of a tree's variance that each parameter explains alone, float64 [D]; None where it has no variance.

    Args:
        tree: `tree_` of a scikit-learn regressor that was fitted to codes: value k of parameter j as the number k.
        weights: for each of D parameters the probability of each value; every parameter is independent of the others.
    """
    low, high, value = _leaves(tree, [len(each) for each in weights])
    reach = [np.concatenate(([0.0], np.cumsum(each))) for each in weights]
    mass = np.stack([each[high[:, j]] - each[low[:, j]] for j, each in enumerate(reach)], axis=1)
    value = value - value @ mass.prod(axis=1)  # so that the mean is 0
    total = float(value**2 @ mass.prod(axis=1))
    if total <= 1e-12:
        return None
    shares = np.empty(len(weights))
    for j, each in enumerate(weights):
        others = value * np.delete(mass, j, axis=1).prod(axis=1)
        steps = np.zeros(len(each) + 1)  # the marginal is a sum of the leaves' boxes: steps up and down
        np.add.at(steps, low[:, j], others)
        np.add.at(steps, high[:, j], -others)
        shares[j] = float(each @ np.cumsum(steps)[:-1] ** 2) / total
    return shares


def _leaves(tree: Any, sizes: Sequence[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Boxes of the leaves, codes low <= k < high, int64 [L, D] each, and their values, float64 [L]."""
    lows, highs, values = [], [], []
    waiting = [(0, np.zeros(len(sizes), dtype=np.int64), np.array(sizes, dtype=np.int64))]
    while waiting:
        node, low, high = waiting.pop()
        if tree.children_left[node] < 0:
            lows.append(low)
            highs.append(high)
            values.append(tree.value[node, 0, 0])
            continue
        j = tree.feature[node]
        first_right = int(np.floor(tree.threshold[node])) + 1  # a code goes left up to the threshold
        left, right = high.copy(), low.copy()
        left[j], right[j] = min(high[j], first_right), max(low[j], first_right)
        waiting += [(tree.children_left[node], low, left), (tree.children_right[node], right, high)]
    return np.stack(lows), np.stack(highs), np.array(values)
