"""`syllables`: five consonant-vowel syllables, spoken by a formant synthesiser. Synthetic; see docs/synthetic-data.md.

The consonant is told by a few frames at the beginning (burst, voice-onset time, formant transitions, frication), the
vowel's length by how long it lasts, and all of them end in the same vowel and a pause. So the last frames say little.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqsweep.seqmodels.data.dataset import SequenceDataset
from seqsweep.seqmodels.data.generators import formants, mfcc
from seqsweep.seqmodels.data.generators.formants import BLOCK, RATE
from seqsweep.seqmodels.data.generators.streams import stream

Array = NDArray[np.float64]

TRAIN_SPEAKERS, TEST_SPEAKERS, REPETITIONS = 30, 10, 2
RESOLUTION = 1 / 4096  # of the standardised features
VOWEL = (720.0, 1200.0, 2500.0, 3500.0)  # formants of the open vowel, Hz, in a tract of reference length
BANDWIDTHS = (80.0, 100.0, 140.0, 250.0)  # Hz
SHORT_VOWEL, LONG_VOWEL = 0.11, 0.22  # seconds
SIGNAL_TO_NOISE = (10.0, 26.0)  # dB below the vowel


@dataclass(frozen=True)
class Consonant:
    """What tells a place of articulation: durations in seconds, frequencies in Hz, levels relative to the vowel."""

    locus: tuple[float, float, float, float]  # the formants from which the transitions start
    transition: float  # duration, from the end of the release to the vowel's formants
    voice_onset: float  # from the release to the voice
    noise: float  # frequency of the release's (burst's or frication's) spectral peak
    noise_bandwidth: float
    noise_duration: float
    noise_level: float
    voice_bar: float = 0.0  # level of the voice heard through the closed lips


# Loci after Delattre, Liberman, Cooper (1955), voice-onset times after Lisker, Abramson (1964), both rounded.
_B = Consonant((250.0, 850.0, 2200.0, 3400.0), 0.050, 0.005, 600.0, 900.0, 0.008, 0.25, voice_bar=0.15)
_K = Consonant((300.0, 1800.0, 2100.0, 3400.0), 0.070, 0.030, 1700.0, 500.0, 0.020, 0.35)
_T = Consonant((300.0, 1700.0, 2700.0, 3500.0), 0.060, 0.015, 3800.0, 1500.0, 0.012, 0.35)
_S = Consonant((300.0, 1600.0, 2600.0, 3500.0), 0.060, 0.110, 5500.0, 2000.0, 0.100, 0.25)

SYLLABLES: dict[str, tuple[Consonant, float]] = {
    "ba": (_B, SHORT_VOWEL),
    "ka": (_K, SHORT_VOWEL),
    "kaa": (_K, LONG_VOWEL),
    "sa": (_S, SHORT_VOWEL),
    "tA": (_T, LONG_VOWEL),
}


@dataclass(frozen=True)
class Speaker:
    """What one speaker does to every syllable."""

    pitch: float  # Hz
    tract: float  # all formants times this: the vocal tract's length, inverted
    pace: float  # all durations times this
    effort: float  # level of bursts and frication relative to voice


def speaker(seed: int, number: int) -> Speaker:
    """The speaker with this number: drawn from its own stream; every second one has the higher voice."""
    draw = stream(seed, 0, number)
    high = number % 2
    return Speaker(
        pitch=(205.0 if high else 120.0) * _vary(draw, 0.1),
        tract=(1.12 if high else 1.0) * _vary(draw, 0.04),
        pace=_vary(draw, 0.1),
        effort=_vary(draw, 0.2),
    )


def speak(syllable: str, voice: Speaker, draw: np.random.Generator) -> Array:
    """One utterance in background noise: closure, release, vowel, pause; [N] samples at `RATE`."""
    consonant, vowel = SYLLABLES[syllable]
    pace = voice.pace * _vary(draw, 0.08)
    release = pace * draw.uniform(0.04, 0.08)
    onset = release + pace * consonant.voice_onset * _vary(draw, 0.15)
    offset = onset + pace * vowel * _vary(draw, 0.08)
    samples = math.ceil((offset + draw.uniform(0.04, 0.10)) * RATE / BLOCK) * BLOCK
    time = np.arange(samples) / RATE

    # Formants glide from the locus to the vowel's once the release is over.
    start = release + pace * consonant.noise_duration
    progress = np.clip((time[::BLOCK] + BLOCK / 2 / RATE - start) / (pace * consonant.transition), 0, 1)
    remaining = 0.5 + 0.5 * np.cos(np.pi * progress)[:, None]
    locus = np.array(consonant.locus) * np.exp(0.04 * draw.standard_normal(4))
    goal = np.array(VOWEL) * np.exp(0.04 * draw.standard_normal(4))
    tracks = voice.tract * (remaining * locus + (1 - remaining) * goal)

    # The voice swells over 10 ms and fades over 40 ms while its pitch falls; breath from the release on.
    pitch = voice.pitch * _vary(draw, 0.05) * np.linspace(1.05, 0.85, samples)
    pulses = formants.glottal_pulses(pitch, 1 + 0.05 * draw.standard_normal(samples))
    swell = np.clip((time - onset) / 0.010, 0, 1) * np.clip((offset - time) / 0.040, 0, 1)
    breath = 0.01 * pulses.std() * draw.standard_normal(samples) * ((time > release) & (time < offset))
    signal = formants.cascade(pulses * swell + breath, tracks, np.broadcast_to(BANDWIDTHS, tracks.shape))
    signal /= np.sqrt(np.mean(signal[(time >= onset) & (time < offset)] ** 2))
    if consonant.voice_bar:
        signal += consonant.voice_bar * formants.one_peak(pulses, 200.0, 100.0) * (time < release)

    swell = np.clip((time - release) / 0.002, 0, 1) * np.exp(-np.maximum(time - start, 0) / 0.006)
    noise = formants.one_peak(
        draw.standard_normal(samples),
        voice.tract * consonant.noise * _vary(draw, 0.05),
        consonant.noise_bandwidth,
    )
    signal += voice.effort * consonant.noise_level * noise * swell

    background = 10 ** (-draw.uniform(*SIGNAL_TO_NOISE) / 20) * draw.standard_normal(samples)
    recorded = 10 ** (draw.uniform(-3.0, 3.0) / 20) * (signal + background)
    recorded[1:] -= draw.uniform(-0.5, 0.5) * recorded[:-1]  # the microphone's tilt
    return np.asarray(recorded)


def _vary(draw: np.random.Generator, spread: float) -> float:
    return math.exp(spread * draw.standard_normal())


def generate(seed: int = 0) -> SequenceDataset:
    """The data set: D = 39, 5 classes, 60 train and 20 test sequences a class; test speakers are not in train."""
    names = tuple(SYLLABLES)
    sequences, labels, ids, tests, groups = [], [], [], [], []
    for number in range(TRAIN_SPEAKERS + TEST_SPEAKERS):
        voice = speaker(seed, number)
        for label, name in enumerate(names):
            for repetition in range(REPETITIONS):
                signal = speak(name, voice, stream(seed, 1 + label, number, repetition))
                sequences.append(mfcc.mfcc39(signal, RATE))
                labels.append(label)
                ids.append(f"{name}/s{number:02d}-{repetition}")
                tests.append(number >= TRAIN_SPEAKERS)
                groups.append(number)
    train = np.concatenate([sequence for sequence, test in zip(sequences, tests, strict=True) if not test])
    # Rounded: the last bits, in which mathematical libraries differ, stay out, so that every machine makes the same data.
    mean, std = np.round(train.mean(axis=0), 6), np.round(train.std(axis=0), 6)
    return SequenceDataset.from_sequences(
        "syllables",
        [np.round((sequence - mean) / std / RESOLUTION) * RESOLUTION for sequence in sequences],
        label=labels,
        class_names=names,
        ids=ids,
        is_test=tests,
        group=groups,
        synthetic=True,
        normalization={"kind": "standardize", "mean": mean.tolist(), "std": std.tolist()},
    )
