"""Each transform keeps the suite; and a new one is one file and one line."""

from collections.abc import Iterator

import pytest

from seqsweep.seqmodels.data import registry
from seqsweep.seqmodels.data.transforms.minmax import Minmax
from seqsweep.seqmodels.data.transforms.standardize import Standardize
from seqsweep.seqmodels.data.transforms.unscaled import Unscaled
from seqsweep.seqmodels.testing.data_conformance import TransformSuite
from tests.support.halved import HALVED, Halved, HalvedInTorch, HalvedToo


class TestUnscaled(TransformSuite):
    transform = Unscaled


class TestMinmax(TransformSuite):
    transform = Minmax


class TestStandardize(TransformSuite):
    transform = Standardize


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
