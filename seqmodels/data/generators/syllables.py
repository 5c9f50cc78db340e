"""`syllables`: five consonant-vowel syllables, spoken by a formant synthesiser. Synthetic; see docs/synthetic-data.md.

The consonant is told by a few frames at the beginning (burst, voice-onset time, formant transitions, frication), the
vowel's length by how long it lasts, and all of them end in the same vowel and a pause. So the last frames say little.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqmodels.data.dataset import SequenceDataset
from seqmodels.data.generators import formants, mfcc
from seqmodels.data.generators.formants import BLOCK, RATE
from seqmodels.data.generators.streams import stream

Array = NDArray[np.float64]

TRAIN_SPEAKERS, TEST_SPEAKERS, REPETITIONS = 30, 10, 2
RESOLUTION = 1 / 4096  # of the standardised features
VOWEL = (
    720.0,
    1200.0,
    2500.0,
    3500.0,
)  # formants of the open vowel, Hz, for a vocal tract of reference length
BANDWIDTHS = (80.0, 100.0, 140.0, 250.0)  # Hz
SHORT_VOWEL, LONG_VOWEL = 0.11, 0.22  # seconds


@dataclass(frozen=True)
class Consonant:
    """What tells a place of articulation: durations in seconds, frequencies in Hz, levels relative to the vowel."""

    locus: tuple[float, float, float, float]  # the formants from which the transitions start
    transition: float
    voice_onset: float  # from the burst to the voice
    burst: float  # frequency of the burst's or frication's peak
    burst_bandwidth: float
    burst_duration: float
    burst_level: float
    prevoiced: bool = False


# Loci: Delattre, Liberman, Cooper 1955; voice-onset times: Lisker, Abramson 1964; both rounded.
_B = Consonant((250, 850, 2200, 3400), 0.035, 0.005, 600, 900, 0.008, 0.25, prevoiced=True)
_K = Consonant((300, 1800, 2100, 3400), 0.050, 0.030, 1700, 500, 0.020, 0.35)
_T = Consonant((300, 1700, 2700, 3500), 0.040, 0.015, 3800, 1500, 0.012, 0.35)
_S = Consonant((300, 1600, 2600, 3500), 0.045, 0.110, 5500, 2000, 0.100, 0.25)

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
        pitch=(205.0 if high else 120.0) * math.exp(0.1 * draw.standard_normal()),
        tract=(1.12 if high else 1.0) * math.exp(0.04 * draw.standard_normal()),
        pace=math.exp(0.1 * draw.standard_normal()),
        effort=math.exp(0.2 * draw.standard_normal()),
    )


def speak(syllable: str, voice: Speaker, draw: np.random.Generator) -> Array:
    """One utterance: the signal at 16 kHz, with closure before and pause after it, in background noise."""
    consonant, vowel = SYLLABLES[syllable]
    pace = voice.pace * math.exp(0.08 * draw.standard_normal())
    closure = pace * draw.uniform(0.04, 0.08)
    onset = closure + pace * consonant.voice_onset * math.exp(0.15 * draw.standard_normal())
    offset = onset + pace * vowel * math.exp(0.08 * draw.standard_normal())
    pause = draw.uniform(0.04, 0.10)
    samples = math.ceil((offset + pause) * RATE / BLOCK) * BLOCK
    time = np.arange(samples) / RATE

    # Voice: rises over 10 ms, fades over 40 ms; the pitch falls.
    pitch = voice.pitch * math.exp(0.05 * draw.standard_normal()) * np.linspace(1.05, 0.85, samples)
    pulses = formants.glottal_pulses(pitch, 1 + 0.05 * draw.standard_normal(samples))
    envelope = np.clip((time - onset) / 0.010, 0, 1) * np.clip((offset - time) / 0.040, 0, 1)
    blocks = time[::BLOCK] + BLOCK / 2 / RATE
    share = np.exp(
        -np.maximum(blocks - closure - consonant.burst_duration, 0) / (pace * consonant.transition)
    )[:, None]
    goal = np.array(VOWEL) * np.exp(0.04 * draw.standard_normal(4))
    locus = np.array(consonant.locus) * np.exp(0.04 * draw.standard_normal(4))
    tracks = voice.tract * (share * locus + (1 - share) * goal)
    aspiration = 0.1 * draw.standard_normal(samples) * ((time > closure) & (time < offset))
    voiced = formants.cascade(
        pulses * envelope + 0.1 * pulses.std() * aspiration, tracks, np.broadcast_to(BANDWIDTHS, tracks.shape)
    )
    voiced /= voiced.std() * math.sqrt(samples / max((envelope > 0).sum(), 1))
    signal = voiced
    if consonant.prevoiced:  # the voice bar: voicing heard through the closed lips
        bar = formants.cascade(
            pulses * (time < closure), np.full((len(blocks), 1), 200.0), np.full((len(blocks), 1), 100.0)
        )
        signal = signal + 0.15 * bar / max(float(bar.std()), 1e-9)

    # Noise of the release.
    shape = np.clip((time - closure) / 0.002, 0, 1) * np.exp(
        -(np.maximum(time - closure - pace * consonant.burst_duration, 0) / 0.006)
    )
    noise = formants.noise_band(
        draw.standard_normal(samples),
        voice.tract * consonant.burst * math.exp(0.05 * draw.standard_normal()),
        consonant.burst_bandwidth,
    )
    signal = signal + voice.effort * consonant.burst_level * noise * shape

    snr = draw.uniform(15.0, 30.0)  # dB
    level = 10 ** (draw.uniform(-3.0, 3.0) / 20)
    return np.asarray(level * (signal + 10 ** (-snr / 20) * draw.standard_normal(samples)))


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
