"""`handwriting`: five Kannada/Telugu-like characters, written by simulated writers. Synthetic; see docs/synthetic-data.md.

The characters share their strokes: `a` and `ai` (and likewise `tA` and `chA`) consist of the same loop and bowl and end in
the same curl (vowel sign), and differ in which comes first; `bA` has a hook for the loop. So the last points say little,
and a model that reads point by point has to remember how the character began.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqsweep.seqmodels.data.dataset import SequenceDataset
from seqsweep.seqmodels.data.generators.sigma_lognormal import Strokes, positions
from seqsweep.seqmodels.data.generators.streams import stream

TRAIN_WRITERS, TEST_WRITERS, REPETITIONS = 30, 10, 2
SHORTEST, LONGEST = 20, 180  # points
RESOLUTION = 1 / 4096  # of the tablet, on the normalised character

# A stroke is (length, direction at its start, turn), angles in degrees, anticlockwise positive.
_LOOP = [(1.62, 90, 180), (1.62, 270, 180)]
_HOOK = [(0.6, 60, -60), (0.6, 200, 60)]
_BOWL = [(1.3, 250, 100), (1.2, 350, 100)]
_CURL = [(0.8, 100, 120), (0.9, 220, 130), (0.7, 0, 40)]
_LONG_A = [(0.8, 30, -100), (0.9, 280, 130)]
_RISE = [(0.9, 60, 100)]

CHARACTERS: dict[str, list[tuple[float, float, float]]] = {
    "a": [*_LOOP, *_BOWL, *_CURL],
    "ai": [*_BOWL, *_LOOP, *_CURL],
    "bA": [*_HOOK, *_BOWL, *_LONG_A, *_RISE],
    "chA": [*_BOWL, *_LOOP, *_LONG_A],
    "tA": [*_LOOP, *_BOWL, *_LONG_A],
}


@dataclass(frozen=True)
class Writer:
    """What one writer does to every character."""

    slant: float  # shear: x moves by slant * y
    aspect: float  # width over height
    size: float  # relative to the tremor, which does not grow with it
    delay: float  # median time of a stroke after its command, seconds
    response: float  # sigma of the lognormals
    overlap: float  # time between two commands, as a share of the delay
    turn: float  # how far arcs are turned, relative to the plain form
    rate: float  # samples a second
    tremor: float  # standard deviation of the recorded position, stroke lengths


def writer(seed: int, number: int) -> Writer:
    """The writer with this number: drawn from its own stream."""
    draw = stream(seed, 0, number)
    return Writer(
        slant=0.15 * draw.standard_normal(),
        aspect=math.exp(0.15 * draw.standard_normal()),
        size=math.exp(0.2 * draw.standard_normal()),
        delay=0.25 * math.exp(0.3 * draw.standard_normal()),
        response=draw.uniform(0.2, 0.32),
        overlap=draw.uniform(0.6, 0.8),
        turn=math.exp(0.06 * draw.standard_normal()),
        rate=draw.uniform(42.0, 57.0),
        tremor=draw.uniform(0.01, 0.03),
    )


def write(character: str, style: Writer, draw: np.random.Generator) -> NDArray[np.float64]:
    """One specimen: [T, 2] points in stroke lengths, T between `SHORTEST` and `LONGEST`."""
    plan = np.array(CHARACTERS[character])
    count = len(plan)
    length = style.size * plan[:, 0] * np.exp(0.08 * draw.standard_normal(count))
    start = np.radians(plan[:, 1] + 5 * draw.standard_normal(count))
    turn = np.radians(plan[:, 2]) * style.turn * np.exp(0.07 * draw.standard_normal(count))
    delay = style.delay * plan[:, 0] ** (1 / 3) * np.exp(0.07 * draw.standard_normal(count))
    gaps = style.overlap * delay * np.exp(0.1 * draw.standard_normal(count))
    strokes = Strokes(
        length=length,
        start_angle=start,
        end_angle=start + turn,
        onset=np.concatenate([[0.0], np.cumsum(gaps)[:-1]]),
        log_delay=np.log(delay),
        log_response=np.full(count, style.response),
    )
    begin = delay[0] * math.exp(-2.0 * style.response)
    end = strokes.onset[-1] + delay[-1] * math.exp(1.5 * style.response)
    points = int(np.clip(round((end - begin) * style.rate), SHORTEST, LONGEST))
    path = positions(strokes, np.linspace(begin, end, points))
    path[:, 0] = style.aspect * (path[:, 0] + style.slant * path[:, 1])
    return path + style.tremor * draw.standard_normal(path.shape)


def normalise(path: NDArray[np.float64]) -> NDArray[np.float64]:
    """x and y of one character to 0..1 each, as the strokes reader does, then to the tablet's resolution.

    The rounding also hides the last bits, in which mathematical libraries differ, so that every machine makes the same data.
    """
    low = path.min(axis=0)
    scaled = (path - low) / (path.max(axis=0) - low)
    return np.asarray(np.round(scaled / RESOLUTION) * RESOLUTION)


def generate(seed: int = 0) -> SequenceDataset:
    """The data set: D = 2 (x, y), 5 classes, 60 train and 20 test sequences a class; test writers are not in train."""
    names = tuple(CHARACTERS)
    sequences, labels, ids, tests, groups = [], [], [], [], []
    for number in range(TRAIN_WRITERS + TEST_WRITERS):
        style = writer(seed, number)
        for label, name in enumerate(names):
            for repetition in range(REPETITIONS):
                path = write(name, style, stream(seed, 1 + label, number, repetition))
                sequences.append(normalise(path))
                labels.append(label)
                ids.append(f"{name}/w{number:02d}-{repetition}")
                tests.append(number >= TRAIN_WRITERS)
                groups.append(number)
    return SequenceDataset.from_sequences(
        "handwriting",
        sequences,
        label=labels,
        class_names=names,
        ids=ids,
        is_test=tests,
        group=groups,
        synthetic=True,
        normalization={"kind": "per_sequence_minmax"},
    )
