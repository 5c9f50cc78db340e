"""Sound to features: mel energies, cepstra and deltas in numpy, the numbers of Kaldi's feature-mfcc.cc and feature-fbank.cc."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from seqsweep.seqmodels.data.audio.frames import EPSILON, Array, Framing, cut, shaped
from seqsweep.seqmodels.data.audio.recipe import Recipe
from seqsweep.seqmodels.data.audio.sound import Samples, SoundError

SIXTEEN_BITS = 32768.0  # Kaldi's samples are integers of 16 bits
DELTA_WINDOW = 2


def extract(samples: Samples, rate: int, recipe: Recipe) -> Samples:
    """Compute the features [T, D] of mono samples of full scale 1, float32; `raw` keeps their type. Raises SoundError."""
    if recipe.disagreement:
        raise SoundError(f"cannot be read so: {recipe.disagreement}")
    framing = Framing.of(recipe, rate, len(samples))
    if recipe.features == "raw":
        pieces = list(cut(samples, framing, recipe))
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
    bank = mel_bank(recipe, rate, framing.padded)
    noise = np.random.default_rng(0)
    scaled: Array = samples.astype(np.float64) * SIXTEEN_BITS
    parts = [
        _spectral(np.asarray(each, np.float64), recipe, framing, bank, noise)
        for each in cut(scaled, framing, recipe)
    ]
    return with_deltas(np.concatenate(parts), recipe).astype(np.float32)


def _spectral(
    frames: Array, recipe: Recipe, framing: Framing, bank: Array, noise: np.random.Generator
) -> Array:
    frames, energy = shaped(frames, recipe, noise)
    power = np.square(np.abs(np.fft.rfft(frames, framing.padded, axis=1)[:, : framing.padded // 2]))
    mel = _filtered(power, bank)
    if recipe.htk_mode:
        mel = np.maximum(mel, 1.0)
    found = np.log(np.maximum(mel, EPSILON))
    if recipe.features == "fbank":
        if not recipe.energy:
            return found
        both = [found, energy[:, None]] if recipe.htk_compat else [energy[:, None], found]
        return np.concatenate(both, axis=1)
    cepstra = np.einsum("tb,bc->tc", found, cosines(recipe.num_mel_bins, recipe.num_ceps))
    if recipe.cepstral_lifter:
        order = np.arange(recipe.num_ceps)
        cepstra *= 1 + 0.5 * recipe.cepstral_lifter * np.sin(np.pi * order / recipe.cepstral_lifter)
    if recipe.energy:
        cepstra[:, 0] = energy
    elif recipe.htk_compat:
        cepstra[:, 0] *= np.sqrt(2)
    return np.roll(cepstra, -1, axis=1) if recipe.htk_compat else cepstra


def _filtered(power: Array, bank: Array) -> Array:
    """Sum up what each filter lets through, over the few frequencies that it has: a BLAS would sum in an order of its own."""
    found = np.empty((len(power), bank.shape[1]))
    for place, weights in enumerate(bank.T):
        inside = np.flatnonzero(weights)
        some = slice(inside[0], inside[-1] + 1)
        found[:, place] = np.einsum("tf,f->t", power[:, some], weights[some])
    return found


@lru_cache(maxsize=16)
def mel_bank(recipe: Recipe, rate: int, padded: int) -> Array:
    """Give the weights [padded // 2, bins] of triangular filters, evenly spaced on the mel scale. Raises SoundError."""
    half = 0.5 * rate
    high = recipe.high_freq if recipe.high_freq > 0 else half + recipe.high_freq
    if not 0 <= recipe.low_freq < high <= half:
        raise SoundError(
            f"cannot be filtered from `low_freq` = {recipe.low_freq:g} to {high:g} Hz (`high_freq` = {recipe.high_freq:g}): "
            f"at its {rate:,} Hz filters must lie between 0 and {half:g} Hz"
        )
    low_mel, high_mel = _mel(np.array([recipe.low_freq, high]))
    edges = np.linspace(low_mel, high_mel, recipe.num_mel_bins + 2)
    lower, center, upper = edges[:-2], edges[1:-1], edges[2:]
    place = _mel(np.arange(padded // 2, dtype=np.float64) * (rate / padded))[:, None]
    rising, falling = (place - lower) / (center - lower), (upper - place) / (upper - center)
    bank: Array = np.maximum(np.minimum(rising, falling), 0)
    if recipe.htk_mode and recipe.low_freq:
        bank[np.flatnonzero(bank[:, 0])[:1], 0] = 0  # as HTK has it
    if not bank.any(axis=0).all():
        raise SoundError(
            f"is too coarse for `num_mel_bins` = {recipe.num_mel_bins}: at {rate:,} Hz and `frame_length` = "
            f"{recipe.frame_length:g} some filters have no frequency in them; lower it, or lengthen frames"
        )
    bank.flags.writeable = False
    return bank


@lru_cache(maxsize=16)
def cosines(bins: int, ceps: int) -> Array:
    """Give the first columns [bins, ceps] of the orthonormal DCT-II; scipy's would take a second to import."""
    angles = np.pi / bins * np.outer(np.arange(bins) + 0.5, np.arange(ceps))
    scale = np.where(np.arange(ceps) == 0, np.sqrt(1 / bins), np.sqrt(2 / bins))
    found: Array = np.cos(angles) * scale
    found.flags.writeable = False
    return found


def with_deltas(features: Array, recipe: Recipe) -> Array:
    """Append the first and the second deltas, as far as the recipe asks for them."""
    if not recipe.deltas:
        return features
    reach = np.arange(-DELTA_WINDOW, DELTA_WINDOW + 1)
    slope = reach / np.square(reach).sum()
    first = _regressed(features, slope)
    if recipe.deltas == 1:
        return np.concatenate([features, first], axis=1)
    # they differ at the ends, where HTK repeats the first deltas and Kaldi the features
    second = (
        _regressed(first, slope) if recipe.htk_compat else _regressed(features, np.convolve(slope, slope))
    )
    return np.concatenate([features, first, second], axis=1)


def _regressed(features: Array, weights: Array) -> Array:
    reach = len(weights) // 2
    padded = np.concatenate(
        [np.repeat(features[:1], reach, axis=0), features, np.repeat(features[-1:], reach, axis=0)]
    )
    total = np.zeros_like(features)
    for place, weight in enumerate(weights):
        total += weight * padded[place : place + len(features)]
    return total


def _mel(frequency: Array) -> Array:
    return np.asarray(1127.0 * np.log1p(frequency / 700.0), np.float64)
