"""Which formats and transforms there are: a new one is a file, and a line here."""

from __future__ import annotations

from typing import Any

from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.files import Files
from seqsweep.seqmodels.data.formats.arff import ARFF
from seqsweep.seqmodels.data.formats.audio import AUDIO
from seqsweep.seqmodels.data.formats.base import Format
from seqsweep.seqmodels.data.formats.blocks import BLOCKS
from seqsweep.seqmodels.data.formats.folder import FOLDER
from seqsweep.seqmodels.data.formats.htk import HTK
from seqsweep.seqmodels.data.formats.iamondb import IAMONDB
from seqsweep.seqmodels.data.formats.inkml import INKML
from seqsweep.seqmodels.data.formats.jsonl import JSONL
from seqsweep.seqmodels.data.formats.kaldi import KALDI
from seqsweep.seqmodels.data.formats.manifest import Manifest
from seqsweep.seqmodels.data.formats.mat import MAT
from seqsweep.seqmodels.data.formats.mfcc import MFCC
from seqsweep.seqmodels.data.formats.npz import NPZ
from seqsweep.seqmodels.data.formats.quickdraw import QUICKDRAW
from seqsweep.seqmodels.data.formats.strokes import STROKES
from seqsweep.seqmodels.data.formats.table import TABLE
from seqsweep.seqmodels.data.formats.ts import TS
from seqsweep.seqmodels.data.formats.ucr import UCR
from seqsweep.seqmodels.data.formats.unipen import UNIPEN
from seqsweep.seqmodels.data.plugins import plugged
from seqsweep.seqmodels.data.transforms.angle import Angle
from seqsweep.seqmodels.data.transforms.arc_length import ArcLength
from seqsweep.seqmodels.data.transforms.base import Array, Record, Transform
from seqsweep.seqmodels.data.transforms.center import Center
from seqsweep.seqmodels.data.transforms.clip import Clip
from seqsweep.seqmodels.data.transforms.crop import Crop
from seqsweep.seqmodels.data.transforms.deltas import Deltas
from seqsweep.seqmodels.data.transforms.features import Features
from seqsweep.seqmodels.data.transforms.interpolate import Interpolate
from seqsweep.seqmodels.data.transforms.mask_missing import MaskMissing
from seqsweep.seqmodels.data.transforms.minmax import Minmax
from seqsweep.seqmodels.data.transforms.pipeline import MOST_STEPS, Pipeline
from seqsweep.seqmodels.data.transforms.resample import Resample
from seqsweep.seqmodels.data.transforms.standardize import Standardize
from seqsweep.seqmodels.data.transforms.standardize_both import StandardizeBoth
from seqsweep.seqmodels.data.transforms.standardize_sequence import StandardizeSequence
from seqsweep.seqmodels.data.transforms.unscaled import Unscaled
from seqsweep.seqmodels.data.transforms.velocity import Velocity

FORMATS: list[Format] = [
    KALDI,
    HTK,  # before what is told by an ending
    STROKES,
    MFCC,
    TS,
    AUDIO,
    ARFF,
    MAT,
    QUICKDRAW,
    INKML,
    IAMONDB,
    UNIPEN,
    UCR,
    NPZ,
    JSONL,
    BLOCKS,
    TABLE,
    FOLDER,
]
# those of other packages come first: they know what they are for
_NAMES = [each.name for each in FORMATS]
FORMATS[:0] = plugged("seqsweep.formats", "format", Format, _NAMES)  # type: ignore[type-abstract]
FORMATS.insert(0, Manifest(FORMATS))  # before the formats of what it lists
TRANSFORMS: list[type[Transform]] = [
    Unscaled,
    Standardize,
    StandardizeSequence,
    StandardizeBoth,
    Minmax,
    Center,
    Clip,
    Interpolate,
    MaskMissing,
    Features,
    Deltas,
    Crop,
    Resample,
    ArcLength,
    Velocity,
    Angle,
]


def format_names() -> tuple[str, ...]:
    """Name every format."""
    return tuple(each.name for each in FORMATS)


def find_format(name: object) -> Format | None:
    """Find a format by its name."""
    return next((each for each in FORMATS if each.name == name), None)


def format_named(name: str) -> Format:
    """Give the format of that name. Raises ValueError where there is none."""
    if (found := find_format(name)) is None:
        raise ValueError(f"`format` is {name!r}, but must be one of {', '.join(format_names())}")
    return found


def recognise(files: Files) -> tuple[Format, str]:
    """Tell by looking which format files are of, and why. Raises DataError where no format knows them."""
    for each in FORMATS:
        if (reason := each.recognise(files)) is not None:
            return each, reason
    there = sorted(files.contents)
    place = files.where(there[0]) if len(there) == 1 else files.root
    shown = ", ".join([*there[:5], *(["..."] if len(there) > 5 else [])]) or "nothing at all"
    holds = f": it holds {shown}" if len(there) != 1 else ""
    rule = f"is in no format that is known{holds}; say by `format` which it is, one of {', '.join(format_names())}"
    raise DataError([Problem(place, rule)])


def transform_names() -> tuple[str, ...]:
    """Name every transform as a spec does."""
    return tuple(each.name for each in TRANSFORMS)


def transform_of(normalization: Record) -> Transform:
    """Give the transform that wrote a record. Raises ValueError where there is none."""
    if normalization.get("kind") != Pipeline.kind:
        return _single(normalization)
    steps = normalization.get("steps")
    if not isinstance(steps, list) or not all(isinstance(each, dict) for each in steps):
        raise ValueError("`normalization.steps` must be a list of objects")
    if not 1 <= len(steps) <= MOST_STEPS:
        raise ValueError(f"`normalization.steps` are {len(steps)}, but must be 1 to {MOST_STEPS}")
    return Pipeline([_single(each) for each in steps])


def _single(normalization: Record) -> Transform:
    kind: Any = normalization.get("kind")
    for each in TRANSFORMS:
        if each.kind == kind:
            return each.of(normalization)
    known = ", ".join(each.kind for each in TRANSFORMS)
    raise ValueError(f"`normalization.kind` is {kind!r}, but must be one of {known}")


def normalize(sequence: Array, normalization: Record) -> Array:
    """Bring a raw sequence [T, D] to scale as the training data were: the same bits."""
    return transform_of(normalization).apply(sequence, normalization)
