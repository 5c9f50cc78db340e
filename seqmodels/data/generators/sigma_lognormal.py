"""Pen movements by the sigma-lognormal model of the Kinematic Theory of rapid human movements.

A movement is a vector sum of strokes, each a circular arc whose speed is lognormal in time, and which start before their
predecessors have ended:

    |v_i(t)| = D_i Lambda(t; t0_i, mu_i, sigma_i),
    Lambda   = exp(-(ln(t - t0) - mu)^2 / (2 sigma^2)) / (sigma sqrt(2 pi) (t - t0))   for t > t0, else 0,
    phi_i(t) = theta_s,i + (theta_e,i - theta_s,i) / 2 * [1 + erf((ln(t - t0_i) - mu_i) / (sigma_i sqrt 2))],
    v(t)     = sum_i |v_i(t)| (cos phi_i(t), sin phi_i(t)).

Sources: R. Plamondon, "A kinematic theory of rapid human movements", Biological Cybernetics 72 (1995), parts I and II;
C. O'Reilly, R. Plamondon, "Development of a Sigma-Lognormal representation for on-line signatures", Pattern Recognition
42 (2009), eqs. 1-5.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Strokes:
    """The strokes of one movement, each field of shape [n], float64; times in seconds, angles in radians."""

    length: Array  # D: the length of the arc
    start_angle: Array  # theta_s: its direction at the start
    end_angle: Array  # theta_e: its direction at the end
    onset: Array  # t0: when the command was given
    log_delay: Array  # mu: logarithm of the time after t0 at which half of the arc is drawn
    log_response: Array  # sigma: the spread of the response on the logarithmic time scale


def _normal_score(strokes: Strokes, time: Array) -> Array:
    """[n, T]: (ln(t - t0) - mu) / sigma, minus infinity until t0."""
    elapsed = time[None, :] - strokes.onset[:, None]
    with np.errstate(divide="ignore"):
        logarithm = np.log(np.maximum(elapsed, 0.0))
    return np.asarray((logarithm - strokes.log_delay[:, None]) / strokes.log_response[:, None])


def speeds(strokes: Strokes, time: Array) -> Array:
    """|v_i(t)| of every stroke, shape [n, T], in lengths a second; each integrates over time to the stroke's length."""
    score = _normal_score(strokes, time)
    elapsed = np.maximum(time[None, :] - strokes.onset[:, None], np.finfo(np.float64).tiny)
    density = np.exp(-0.5 * score**2) / (strokes.log_response[:, None] * np.sqrt(2 * np.pi) * elapsed)
    return np.asarray(strokes.length[:, None] * density)


def positions(strokes: Strokes, time: Array) -> Array:
    """Where the pen is at each time, shape [T, 2], starting from the origin: the integral of v(t) in closed form.

    After the share Phi(t) of an arc (Phi the lognormal distribution function) its direction has turned by
    Phi(t) (theta_e - theta_s), so the pen stands at the end of the chord of that shorter arc. No numerical integration,
    and no special case for straight strokes.
    """
    from scipy.special import ndtr

    share = ndtr(_normal_score(strokes, time))
    half_turn = share * (strokes.end_angle - strokes.start_angle)[:, None] / 2
    chord = strokes.length[:, None] * share * np.sinc(half_turn / np.pi)
    direction = strokes.start_angle[:, None] + half_turn
    return np.stack([(chord * np.cos(direction)).sum(0), (chord * np.sin(direction)).sum(0)], axis=1)
