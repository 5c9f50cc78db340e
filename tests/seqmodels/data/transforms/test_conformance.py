"""Each transform keeps the suite; and a new one is one file and one line."""

from collections.abc import Iterator
from typing import ClassVar

import pytest

from seqsweep.seqmodels.data import registry
from seqsweep.seqmodels.data.transforms.angle import Angle
from seqsweep.seqmodels.data.transforms.arc_length import ArcLength
from seqsweep.seqmodels.data.transforms.center import Center
from seqsweep.seqmodels.data.transforms.clip import Clip
from seqsweep.seqmodels.data.transforms.crop import Crop
from seqsweep.seqmodels.data.transforms.deltas import Deltas
from seqsweep.seqmodels.data.transforms.features import Features
from seqsweep.seqmodels.data.transforms.interpolate import Interpolate
from seqsweep.seqmodels.data.transforms.mask_missing import MaskMissing
from seqsweep.seqmodels.data.transforms.minmax import Minmax
from seqsweep.seqmodels.data.transforms.resample import Resample
from seqsweep.seqmodels.data.transforms.standardize import Standardize
from seqsweep.seqmodels.data.transforms.standardize_both import StandardizeBoth
from seqsweep.seqmodels.data.transforms.standardize_sequence import StandardizeSequence
from seqsweep.seqmodels.data.transforms.unscaled import Unscaled
from seqsweep.seqmodels.data.transforms.velocity import Velocity
from seqsweep.seqmodels.testing.transform_conformance import TransformSuite
from tests.support.halved import HALVED, Halved, HalvedInTorch, HalvedToo


class TestUnscaled(TransformSuite):
    transform = Unscaled


class TestMinmax(TransformSuite):
    transform = Minmax


class TestStandardize(TransformSuite):
    transform = Standardize


class TestInterpolate(TransformSuite):
    transform = Interpolate


class TestMaskMissing(TransformSuite):
    transform = MaskMissing


class TestFeatures(TransformSuite):
    transform = Features
    asked: ClassVar = {"keep": ["pressure", 1]}


class TestFeaturesDropped(TransformSuite):
    transform = Features
    asked: ClassVar = {"drop": ["y"]}


class TestDeltas(TransformSuite):
    transform = Deltas


class TestDeltasOfFirstOrder(TransformSuite):
    transform = Deltas
    asked: ClassVar = {"order": 1, "window": 3}


class TestResampleToLength(TransformSuite):
    transform = Resample
    asked: ClassVar = {"length": 9}


class TestResampleToRate(TransformSuite):
    transform = Resample
    asked: ClassVar = {"factor": 0.75}


class TestArcLength(TransformSuite):
    transform = ArcLength
    asked: ClassVar = {"points": 10}


class TestArcLengthOfPen(TransformSuite):
    transform = ArcLength
    asked: ClassVar = {"points": 10, "columns": ["pressure", 2], "pen": "x"}


class TestVelocity(TransformSuite):
    transform = Velocity
    asked: ClassVar = {"columns": ["y", "x"]}


class TestAngle(TransformSuite):
    transform = Angle


class TestAngleAndCurvature(TransformSuite):
    transform = Angle
    asked: ClassVar = {"columns": ["y", "pressure"], "curvature": True}


class TestStandardizeSequence(TransformSuite):
    transform = StandardizeSequence
    tolerance = 1e-6


class TestStandardizeBoth(TransformSuite):
    transform = StandardizeBoth
    tolerance = 1e-6


class TestCenter(TransformSuite):
    transform = Center
    tolerance = 1e-6


class TestCenterAtFirst(TransformSuite):
    transform = Center
    asked: ClassVar = {"at": "first", "columns": ["pressure", "x"]}


class TestClip(TransformSuite):
    transform = Clip
    asked: ClassVar = {"deviations": 1}


class TestCrop(TransformSuite):
    transform = Crop
    asked: ClassVar = {"length": 4}


class TestCropToMiddle(TransformSuite):
    transform = Crop
    asked: ClassVar = {"length": 4, "keep": "middle"}


class TestCropToLast(TransformSuite):
    transform = Crop
    asked: ClassVar = {"length": 2, "keep": "last"}


@pytest.fixture
def registered() -> Iterator[None]:
    """The lines that new transforms cost."""
    registry.TRANSFORMS.extend(HALVED)
    yield
    for each in HALVED:
        registry.TRANSFORMS.remove(each)


@pytest.mark.usefixtures("registered")
class TestHalved(TransformSuite):
    transform = Halved


@pytest.mark.usefixtures("registered")
class TestHalvedInTorch(TransformSuite):
    transform = HalvedInTorch


@pytest.mark.usefixtures("registered")
class TestHalvedToo(TransformSuite):
    transform = HalvedToo
