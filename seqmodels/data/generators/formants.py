"""A source-filter formant synthesiser: a glottal pulse train and noise through second-order resonators.

G. Fant, "Acoustic Theory of Speech Production", 1960; D. Klatt, "Software for a cascade/parallel formant synthesizer",
J. Acoust. Soc. Am. 67 (1980): voicing runs through the resonators in cascade, bursts and frication through single ones
in parallel; coefficients are renewed every 5 ms, the filters' state runs on.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

RATE = 16_000  # samples a second
BLOCK = 80  # samples between two settings of the filters: 5 ms


def resonator(frequency: Array | float, bandwidth: Array | float, rate: int = RATE) -> Array:
    """Klatt's digital resonator as one second-order section [..., 6] (b0 b1 b2 a0 a1 a2), gain 1 at 0 Hz.

    y(n) = A x(n) + B y(n-1) + C y(n-2) with C = -exp(-2 pi BW / rate), B = 2 exp(-pi BW / rate) cos(2 pi F / rate),
    A = 1 - B - C (Klatt 1980, eqs. 1-2).
    """
    frequency, bandwidth = np.broadcast_arrays(np.asarray(frequency, float), np.asarray(bandwidth, float))
    c = -np.exp(-2 * np.pi * bandwidth / rate)
    b = 2 * np.exp(-np.pi * bandwidth / rate) * np.cos(2 * np.pi * frequency / rate)
    zero, one = np.zeros_like(b), np.ones_like(b)
    return np.stack([1 - b - c, zero, zero, one, -b, -c], axis=-1)


def cascade(source: Array, frequencies: Array, bandwidths: Array) -> Array:
    """`source` [N] through resonators in series whose settings [ceil(N / BLOCK), formants] (Hz) change block by block."""
    from scipy.signal import sosfilt

    sections = resonator(frequencies, bandwidths)
    changed = np.any(sections[1:] != sections[:-1], axis=(1, 2))
    firsts = np.concatenate([[0], 1 + np.flatnonzero(changed)])
    state = np.zeros((frequencies.shape[1], 2))
    output = np.empty_like(source)
    for first, after in zip(firsts, [*firsts[1:], len(sections)], strict=True):
        part = slice(first * BLOCK, after * BLOCK)
        output[part], state = sosfilt(sections[first], source[part], zi=state)
    return output


def one_peak(source: Array, frequency: float, bandwidth: float) -> Array:
    """`source` [N] through one resonator, at unit power: a burst, frication, or the voice through closed lips."""
    from scipy.signal import sosfilt

    shaped = sosfilt(resonator(frequency, bandwidth)[None], source)
    return np.asarray(shaped / shaped.std())


def glottal_pulses(pitch: Array, jitter: Array) -> Array:
    """The derivative of glottal flow [N] for a pitch contour [N] in Hz: one Rosenberg pulse a period.

    A. Rosenberg, "Effect of glottal pulse shape on the quality of natural vowels", J. Acoust. Soc. Am. 49 (1971), shape C:
    opening (1 - cos) / 2 over 40 % of the period, closing cos over 16 %. `jitter` [>= periods] scales single pulses.
    """
    phase = np.cumsum(pitch / RATE)
    period = phase.astype(np.int64)
    phase = phase - period
    opening = 0.5 * (1 - np.cos(np.pi * phase / 0.4))
    closing = np.cos(np.pi / 2 * (phase - 0.4) / 0.16)
    flow = np.where(phase < 0.4, opening, np.where(phase < 0.56, closing, 0.0))
    return np.diff(flow, prepend=0.0) * jitter[period]
