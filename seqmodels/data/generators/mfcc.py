"""Mel-frequency cepstral coefficients with their first and second time derivatives: 39 features a frame.

S. Davis, P. Mermelstein, "Comparison of parametric representations for monosyllabic word recognition in continuously
spoken sentences", IEEE Trans. ASSP 28 (1980); the filter bank's mel scale and the delta formula as in S. Young et al.,
"The HTK Book", sections 5.4-5.9.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

FRAME, HOP = 0.025, 0.010  # seconds
CEPSTRA, FILTERS = 13, 26
PREEMPHASIS = 0.97
DELTA_REACH = 2  # frames to either side


def mel(frequency: Array | float) -> Array:
    """Hertz to mel: 2595 log10(1 + f / 700)."""
    return np.asarray(2595.0 * np.log10(1.0 + np.asarray(frequency) / 700.0))


def hertz(mels: Array | float) -> Array:
    """Mel to Hertz, the inverse of `mel`."""
    return np.asarray(700.0 * (10.0 ** (np.asarray(mels) / 2595.0) - 1.0))


def filter_bank(rate: int, fft_size: int, filters: int = FILTERS) -> Array:
    """Triangles of height 1 on the FFT's bins, equally spaced in mel from 0 to rate / 2: [filters, fft_size // 2 + 1]."""
    corner = hertz(np.linspace(0.0, float(mel(rate / 2)), filters + 2))
    frequency = np.arange(fft_size // 2 + 1) * rate / fft_size
    rising = (frequency - corner[:-2, None]) / (corner[1:-1] - corner[:-2])[:, None]
    falling = (corner[2:, None] - frequency) / (corner[2:] - corner[1:-1])[:, None]
    return np.maximum(0.0, np.minimum(rising, falling))


def frames(signal: Array, rate: int) -> Array:
    """Overlapping frames of `FRAME` seconds every `HOP` seconds, whole ones only: [T, FRAME * rate]."""
    size, hop = round(FRAME * rate), round(HOP * rate)
    if len(signal) < size:
        raise ValueError(f"the signal has {len(signal)} samples, but one frame has {size}")
    return np.lib.stride_tricks.sliding_window_view(signal, size)[::hop]


def cepstra(signal: Array, rate: int) -> Array:
    """c0..c12 of each frame, [T, 13].

    Pre-emphasis, Hamming window, power spectrum, mel filter bank, logarithm, orthonormal DCT-II.
    """
    from scipy.fft import dct

    emphasised = np.concatenate([signal[:1], signal[1:] - PREEMPHASIS * signal[:-1]])
    windows = frames(emphasised, rate)
    size = windows.shape[1]
    fft_size = 1 << (size - 1).bit_length()
    power = np.abs(np.fft.rfft(windows * np.hamming(size), fft_size)) ** 2
    energy = power @ filter_bank(rate, fft_size).T
    return np.asarray(dct(np.log(np.maximum(energy, 1e-12)), norm="ortho")[:, :CEPSTRA])


def deltas(features: Array) -> Array:
    """Slope of each column by linear regression over frames t-2..t+2, the edges repeated; same shape.

    d(t) = sum_k k x(t + k) / sum_k k^2.
    """
    reach = np.arange(-DELTA_REACH, DELTA_REACH + 1)
    padded = np.pad(features, ((DELTA_REACH, DELTA_REACH), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, len(reach), axis=0)
    return np.asarray(windows @ reach / (reach @ reach))


def mfcc39(signal: Array, rate: int) -> Array:
    """[T, 39]: 13 cepstra, their deltas, the deltas' deltas."""
    static = cepstra(signal, rate)
    velocity = deltas(static)
    return np.concatenate([static, velocity, deltas(velocity)], axis=1)
