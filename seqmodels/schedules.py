"""Learning-rate schedules as pure functions of the step, so that a resumed lane needs no scheduler state."""

import math

from seqsweep.seqmodels.hyperparameters import SCHEDULES

_WARMUP = 0.3  # OneCycleLR's pct_start
_INITIAL = 1 / 25  # 1 / div_factor
_FINAL = _INITIAL / 1e4  # 1 / (div_factor * final_div_factor)


def learning_rate(schedule: str, lr: float, step: int, total_steps: int) -> float:
    """Compute the rate of update number `step` (0-based) out of `total_steps`.

    - constant: `lr`;
    - cosine: torch's CosineAnnealingLR(T_max=total_steps): from `lr` at step 0 towards 0
      (Loshchilov & Hutter 2017, SGDR, equation 5, one period);
    - one_cycle: torch's OneCycleLR(max_lr=lr, total_steps=total_steps) with its defaults, momentum left
      alone: from lr / 25 up to `lr` over the first 30 %, then down to lr / 250000 (Smith & Topin 2018,
      Super-Convergence).

    Raises ValueError for an unknown schedule, or a step outside 0 .. total_steps - 1.
    """
    if not 0 <= step < total_steps:
        raise ValueError(f"`step` is {step}, but must be in 0 .. {total_steps - 1}")
    if schedule == "constant":
        return lr
    if schedule == "cosine":
        return lr * (1 + math.cos(math.pi * step / total_steps)) / 2
    if schedule == "one_cycle":
        peak = _WARMUP * total_steps - 1
        if step <= peak:
            return lr * _between(_INITIAL, 1.0, step / peak)
        return lr * _between(1.0, _FINAL, (step - peak) / (total_steps - 1 - peak))
    raise ValueError(f"`schedule` is {schedule!r}, but must be one of {', '.join(SCHEDULES)}")


def _between(start: float, end: float, fraction: float) -> float:
    """Go half a cosine wave from start (fraction 0) to end (fraction 1)."""
    return end + (start - end) * (1 + math.cos(math.pi * fraction)) / 2
