"""Each format keeps the suite; and a new one is one file and one line."""

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
from seqsweep.seqmodels.data.transforms.base import Array
from seqsweep.seqmodels.testing.data_conformance import ClassFoldersSuite, Data, FormatSuite
from tests.support.halved import HalvedToo


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


CSV = Csv()


@pytest.fixture
def registered() -> Iterator[None]:
    """The lines that a new format and a new transform cost."""
    registry.FORMATS.append(CSV)
    registry.TRANSFORMS.append(HalvedToo)
    yield
    registry.FORMATS.remove(CSV)
    registry.TRANSFORMS.remove(HalvedToo)


@pytest.mark.usefixtures("registered")
class TestCsv(ClassFoldersSuite):
    format = CSV

    def encode(self, values: Array) -> str:
        return "".join(",".join(map(repr, row)) + "\n" for row in values.tolist())
