"""Each format and each transform keeps the suite; and a new one is one file and one line."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from seqsweep.seqmodels.data import registry
from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.files import Files
from seqsweep.seqmodels.data.formats.class_folders import ClassFolders
from seqsweep.seqmodels.data.formats.folders import Layout
from seqsweep.seqmodels.data.formats.mfcc import MFCC
from seqsweep.seqmodels.data.formats.strokes import STROKES
from seqsweep.seqmodels.data.formats.ts import TS
from seqsweep.seqmodels.data.numbers import NumberError, parse_numbers, read_lines
from seqsweep.seqmodels.data.transforms.base import Array, Transform
from seqsweep.seqmodels.data.transforms.minmax import MINMAX
from seqsweep.seqmodels.data.transforms.standardize import STANDARDIZE
from seqsweep.seqmodels.data.transforms.unscaled import UNSCALED
from seqsweep.seqmodels.testing.data_conformance import ClassFoldersSuite, Data, FormatSuite, TransformSuite


class TestMfcc(ClassFoldersSuite):
    format = MFCC


class TestStrokes(ClassFoldersSuite):
    format = STROKES

    def encode(self, values: Array) -> str:
        return " ".join([str(len(values)), *(repr(each) for row in values.tolist() for each in row)]) + "\n"


class TestTs(FormatSuite):
    format = TS

    def write(self, root: Path, data: Data) -> None:
        root.mkdir()
        for part in ("train", "test"):
            lines = [
                ":".join([*(",".join(map(repr, column)) for column in values.T.tolist()), name])
                for (name, place), sequences in data.items()
                if place == part
                for values in sequences
            ]
            text = "\n".join(["@classLabel true a b", "@data", *lines]) + "\n"
            (root / f"X_{part.upper()}.ts").write_text(text)


class TestUnscaled(TransformSuite):
    transform = UNSCALED


class TestMinmax(TransformSuite):
    transform = MINMAX


class TestStandardize(TransformSuite):
    transform = STANDARDIZE


class Halved(Transform):
    """A transform that only a test knows; it has no twins."""

    kind = "halved"
    words = "Each is halved."

    def fit(self, train):
        return {}, ()

    def apply(self, sequence, record):
        return sequence / 2


def halved_in_torch(values, inside, numbers):
    """Halve all."""
    return values / 2


class HalvedToo(Halved):
    """The same with twins."""

    kind = "halved_too"
    in_torch = staticmethod(halved_in_torch)

    def in_onnx(self, graph, record, values, inside):
        return graph.node("Div", values, graph.constant("two", np.array(2.0)))


class Csv(ClassFolders):
    """A format that only a test knows."""

    name = "numbers"
    layout = Layout(suffix=".numbers", train="train", test="test")
    endings = (layout.suffix,)
    row = "a line of a table"
    drawing = "image"
    transforms = (HalvedToo(),)

    def parse_file(self, files: Files, inner: str) -> Array:
        try:
            return np.array([parse_numbers(line.split(",")) for line in read_lines(files, inner)])
        except (NumberError, ValueError) as error:
            problems = (
                error.problems if isinstance(error, DataError) else [Problem(files.where(inner), str(error))]
            )
            raise DataError(problems) from None


CSV, HALVED = Csv(), Halved()


@pytest.fixture
def registered() -> Iterator[None]:
    """The lines that a new format and new transforms cost."""
    registry.FORMATS.append(CSV)
    registry.TRANSFORMS.extend((HALVED, *Csv.transforms))
    yield
    registry.FORMATS.remove(CSV)
    registry.TRANSFORMS.remove(HALVED)
    registry.TRANSFORMS.remove(Csv.transforms[0])


@pytest.mark.usefixtures("registered")
class TestCsv(ClassFoldersSuite):
    format = CSV

    def encode(self, values: Array) -> str:
        return "".join(",".join(map(repr, row)) + "\n" for row in values.tolist())


@pytest.mark.usefixtures("registered")
class TestHalved(TransformSuite):
    transform = HALVED


@pytest.mark.usefixtures("registered")
class TestHalvedToo(TransformSuite):
    transform = Csv.transforms[0]
