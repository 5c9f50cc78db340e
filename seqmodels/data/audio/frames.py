"""Samples to frames, and what is done to a frame before its spectrum: as Kaldi's feature-window.cc."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seqsweep.seqmodels.data.audio.recipe import Recipe
from seqsweep.seqmodels.data.audio.sound import Samples, SoundError

Array = npt.NDArray[np.float64]
EPSILON = float(np.finfo(np.float32).eps)  # Kaldi's floor below logarithms
NUMBERS_AT_ONCE = 1 << 21  # of frames, so that hours of sound need little memory
LONGEST = 1 << 16  # samples of a frame


@dataclass(frozen=True)
class Framing:
    """How frames lie on so many samples.

    Args:
        length: samples of a frame.
        shift: samples from one frame to the next.
        padded: its length before the Fourier transform.
        count: frames.
    """

    length: int
    shift: int
    padded: int
    count: int

    @classmethod
    def of(cls, recipe: Recipe, rate: int, samples: int) -> Framing:
        """Count the frames. Raises SoundError where there is none, or a frame is no length."""
        length, shift = (
            int(rate * 0.001 * milliseconds) for milliseconds in (recipe.frame_length, recipe.frame_shift)
        )
        if not 1 <= length <= LONGEST or shift < 1:
            rule = f"`frame_length` and `frame_shift` come to {length:,} and {shift:,} samples at {rate:,} Hz"
            raise SoundError(f"cannot be cut into frames: {rule}, but must be 1 to {LONGEST:,}")
        if recipe.snip_edges:
            count = 1 + (samples - length) // shift if samples >= length else 0
        else:
            count = (samples + shift // 2) // shift
        if not count:
            raise SoundError(
                f"is too short: its {samples:,} samples ({1000 * samples / rate:g} ms) are less than a frame "
                f"of {recipe.frame_length:g} ms: leave it out, or lower `frame_length`"
            )
        padded = 1 << (length - 1).bit_length() if recipe.round_to_power_of_two else length
        return cls(length, shift, padded, count)


def cut(samples: Samples, framing: Framing, recipe: Recipe) -> Iterator[Samples]:
    """Cut samples into frames [some, length], in order; at the ends samples are mirrored where frames reach beyond.

    They may be a view of the samples.
    """
    step = max(1, NUMBERS_AT_ONCE // framing.padded)
    if recipe.snip_edges:
        flat = np.ascontiguousarray(samples)
        strides = (framing.shift * flat.itemsize, flat.itemsize)
        whole: Samples = np.ndarray((framing.count, framing.length), flat.dtype, flat, 0, strides)
        for begin in range(0, framing.count, step):
            yield whole[begin : begin + step]
        return
    within = np.arange(framing.length) + framing.shift // 2 - framing.length // 2
    for begin in range(0, framing.count, step):
        first = np.arange(begin, min(begin + step, framing.count)) * framing.shift
        place = (first[:, None] + within) % (2 * len(samples))
        yield samples[np.where(place < len(samples), place, 2 * len(samples) - 1 - place)]


def shaped(frames: Array, recipe: Recipe, noise: np.random.Generator) -> tuple[Array, Array]:
    """Give frames ready for the Fourier transform, and the logarithm of the energy of each."""
    frames = frames.copy()
    if recipe.dither:
        frames += recipe.dither * noise.standard_normal(frames.shape)
    if recipe.remove_dc_offset:
        frames -= frames.mean(axis=1, keepdims=True)
    energy = _log_energy(frames, recipe) if recipe.raw_energy else None
    if recipe.preemphasis_coefficient:
        before = np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)  # the first is its own neighbour
        frames -= recipe.preemphasis_coefficient * before
    frames *= window(recipe, frames.shape[1])
    return frames, _log_energy(frames, recipe) if energy is None else energy


def window(recipe: Recipe, length: int) -> Array:
    """Give the weights of a frame's samples."""
    angle = 2 * np.pi * np.arange(length) / max(length - 1, 1)
    weights: Array = 0.5 - 0.5 * np.cos(angle)
    if recipe.window_type == "rectangular" or length == 1:
        weights = np.ones(length)
    elif recipe.window_type == "hamming":
        weights = 0.54 - 0.46 * np.cos(angle)
    elif recipe.window_type == "blackman":
        weights = 0.42 - 0.5 * np.cos(angle) + 0.08 * np.cos(2 * angle)
    elif recipe.window_type == "povey":
        weights = weights**0.85
    return weights


def _log_energy(frames: Array, recipe: Recipe) -> Array:
    energy: Array = np.log(np.maximum(np.einsum("tn,tn->t", frames, frames), EPSILON))
    if recipe.energy_floor:
        energy = np.maximum(energy, np.log(recipe.energy_floor))
    return energy
