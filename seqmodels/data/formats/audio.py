"""Sound: a WAV, FLAC, Ogg, AIFF, AU or SPHERE file a sequence, whose tokens are the features of its frames."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import gcd
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from seqsweep.seqmodels.data.audio.decoding import PEEKED, decode, kind_of
from seqsweep.seqmodels.data.audio.extraction import extract
from seqsweep.seqmodels.data.audio.kept import kept
from seqsweep.seqmodels.data.audio.recipe import Recipe
from seqsweep.seqmodels.data.audio.sound import LEAST_RATE, MOST_RATE, Samples, Sound, SoundError
from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.files import Files, decompress
from seqsweep.seqmodels.data.formats.base import Options
from seqsweep.seqmodels.data.formats.per_file import FileContent, PerFile, PerFileOptions
from seqsweep.seqmodels.data.transforms.standardize import STANDARDIZE

MOST_TERMS = 10_000  # of the ratio of two sample rates: the resampling filter has 20 times as many taps
LOOKED_AT = 5
GLANCE = 1000  # samples, by which nearly all files show that they are not silent


class AudioOptions(PerFileOptions, Recipe):
    """What is taken of a file, and how that becomes features."""

    sample_rate: int | None = Field(
        None,
        ge=LEAST_RATE,
        le=MOST_RATE,
        description="samples a second; files of another rate are resampled to it. Not given: all files must have one rate",
        examples=["sample_rate = 16000"],
    )
    resample: bool | None = Field(
        None,
        description="false: refuse files that have not the `sample_rate`; the default where none is given",
        examples=["resample = false"],
    )
    channel: Annotated[int, Field(ge=1)] | Literal["mean"] | None = Field(
        None, description="which of several channels, from 1, or `mean`", examples=["channel = 1"]
    )
    silence: bool = Field(
        False,
        description="true: take files in which all samples are equal; else they are refused",
        examples=["silence = true"],
    )


class Audio(PerFile):
    """Files are told by how they begin, not by their ending, so a `.wav` may be SPHERE."""

    name = "audio"
    endings = (
        ".wav",
        ".flac",
        ".ogg",
        ".oga",
        ".opus",
        ".aiff",
        ".aif",
        ".aifc",
        ".au",
        ".snd",
        ".sph",
        ".nist",
    )
    row = "the features of a frame of sound, computed as `[data]` says"
    drawing = "image"
    transforms = (STANDARDIZE,)
    options_type = AudioOptions

    def looks_right(self, files: Files, inner: str) -> bool:
        """Tell by the first bytes."""
        return kind_of(files.peek(inner, PEEKED)) is not None

    def described(self, files: Files, chosen: Sequence[str]) -> str:
        """Count the kinds of sound."""
        kind = kind_of(files.peek(chosen[0], PEEKED))
        return f"{len(chosen):,} sound file(s) such as {chosen[0]}, which is {kind}"

    def complete(self, files: Files, options: Options) -> tuple[Options, tuple[str, ...]]:
        """Find the classes, and of a few files sample rate and channels."""
        options, notes = super().complete(files, options)
        assert isinstance(options, AudioOptions)
        if options.disagreement:
            raise DataError([Problem("data set", options.disagreement)])
        found: dict[str, object] = {}
        if options.sample_rate is None or options.channel is None:
            sounds = _some_sounds(files, self.chosen(files))
        if options.sample_rate is None and sounds:
            rate = Counter(sound.rate for sound in sounds).most_common(1)[0][0]
            found |= {"sample_rate": rate, "resample": bool(options.resample)}
            notes += (f"no `sample_rate` is given: files must have the {rate:,} Hz that they have",)
        elif options.resample is None:
            found["resample"] = options.sample_rate is not None
        if options.channel is None and sounds and (most := max(sound.channels for sound in sounds)) > 1:
            found["channel"] = "mean"
            notes += (
                f'no `channel` is given: there are up to {most}, and their mean is taken (`channel = "mean"`)',
            )
        return options.model_copy(update=found), notes

    def read_one(self, files: Files, inner: str, options: Options) -> FileContent:
        """Read a file and compute its features, or take those that are kept."""
        assert isinstance(options, AudioOptions)
        where = files.where(inner)
        content = decompress(inner, files.read(inner), where)
        try:
            if options.features == "raw":  # as quick to read again
                return FileContent(_features(content, options))
            how = options.model_dump_json(exclude={"label", "group"})
            return FileContent(
                kept(content, how, lambda: np.asarray(_features(content, options), np.float32))
            )
        except SoundError as error:
            raise DataError([Problem(where, str(error))]) from None


AUDIO = Audio()


def _some_sounds(files: Files, chosen: Sequence[str]) -> list[Sound]:
    """Read a few files spread over all; what cannot be read is refused when all are."""
    sounds = []
    for place in np.linspace(0, len(chosen) - 1, min(LOOKED_AT, len(chosen)), dtype=int):
        inner = chosen[place]
        try:
            sounds.append(decode(decompress(inner, files.read(inner), inner)))
        except (SoundError, DataError):
            continue
    return sounds


def _features(content: bytes, options: AudioOptions) -> Samples:
    sound = decode(content)
    samples = sound.mono(options.channel, narrow=options.features == "raw")
    if not options.silence and (samples[:GLANCE] == samples[0]).all() and (samples == samples[0]).all():
        rule = f"all its {len(samples):,} samples are {samples[0]:g}"
        raise SoundError(f"is silent: {rule}; leave it out, or set `silence = true`")
    rate = options.sample_rate or sound.rate
    if rate != sound.rate:
        if options.resample is False:
            raise SoundError(
                f"has {sound.rate:,} Hz, but must have {rate:,} Hz as the others: resample it, or read all of the data set by "
                f"`sample_rate = {rate}`, which does so"
            )
        samples = resampled(samples, sound.rate, rate)
    return extract(samples, rate, options)


def resampled(samples: Samples, rate: int, wanted: int) -> Samples:
    """Bring samples to another rate. Raises SoundError where the two have no simple ratio."""
    shared = gcd(rate, wanted)
    up, down = wanted // shared, rate // shared
    if max(up, down) > MOST_TERMS:
        raise SoundError(
            f"has {rate:,} Hz, of which {wanted:,} Hz is {up:,}/{down:,}: resample it by other means"
        )
    from scipy.signal import resample_poly  # takes seconds, which few need

    return np.asarray(resample_poly(samples, up, down), samples.dtype)
