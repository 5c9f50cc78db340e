"""Blocks of rows with a blank line between: classes by their places, as two collections of the UCI have them."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqsweep.seqmodels.data.errors import DataError
from seqsweep.seqmodels.data.files import Files
from seqsweep.seqmodels.data.formats.blocks import BLOCKS, BlocksOptions
from seqsweep.seqmodels.data.source import collect, load
from seqsweep.seqmodels.data.transforms.base import Array
from seqsweep.seqmodels.testing.data_conformance import Data, FormatSuite
from tests.support.written import write_folder


def text(sequences: list[Array]) -> str:
    return (
        "\n\n".join("\n".join(" ".join(map(repr, row)) for row in each.tolist()) for each in sequences) + "\n"
    )


class TestBlocks(FormatSuite):
    format = BLOCKS
    names = ("1", "2")

    def files(self, root: Path) -> list[Path]:
        return sorted(root.glob("X.*"))

    def write(self, root: Path, data: Data) -> None:
        root.mkdir()
        names = sorted({name for name, _ in data})
        for part in ("train", "test"):
            kept = [each for name in names for each in data[name, part]]
            (root / f"X.{part}").write_text(text(kept))
            (root / f"size_X.{part}").write_text(" ".join(str(len(data[name, part])) for name in names))


def test_japanese_vowels_as_the_uci_has_them(real_data: Path, tmp_path: Path) -> None:
    """Their `.ts` file is made of these blocks: 12 coefficients a line, sizes in a file beside."""
    wanted, _, _ = collect({"path": str(real_data / "japanese-vowels")})
    tree = {}
    for part in ("train", "test"):
        places = [place for place, each in enumerate(wanted.parts) if each == part]
        places.sort(key=lambda place: wanted.labels[place])
        tree[f"ae.{part}"] = text([wanted.sequences[place] for place in places])
        counts = [sum(wanted.labels[place] == name for place in places) for name in "123456789"]
        tree[f"size_ae.{part}"] = " ".join(map(str, counts)) + "\n"
    found, form, _ = collect({"path": str(write_folder(tmp_path / "jv", tree))})
    assert form is BLOCKS
    assert (len(found), found.parts.count("train")) == (640, 270)
    assert sorted(found.labels) == sorted(wanted.labels)

    def content(each) -> set[tuple[str, str, bytes]]:  # type: ignore[no-untyped-def]
        return {
            (label, part, values.tobytes())
            for label, part, values in zip(each.labels, each.parts, each.sequences, strict=True)
        }

    assert content(found) == content(wanted)


def test_classes_that_share_a_file_equally(tmp_path: Path) -> None:
    """As the spoken Arabic digits: lines of blanks between, and no sizes anywhere."""
    draw = np.random.default_rng(0)
    sequences = [draw.normal(size=(int(draw.integers(3, 9)), 13)).round(5) for _ in range(40)]
    written = "             \n" + text(sequences).replace("\n\n", "\n             \n")
    for name in ("Train_Arabic_Digit.txt", "Test_Arabic_Digit.txt"):
        write_folder(tmp_path, {name: written})
    with pytest.raises(DataError) as caught:
        collect({"path": str(tmp_path)})
    assert len(caught.value.problems) == 2
    assert "say by `blocks` how many classes share the file equally" in str(caught.value)
    found, _, options = collect({"path": str(tmp_path), "blocks": 10})
    assert options == BlocksOptions(blocks=10)
    assert [found.labels.count(f"{name:02}") for name in range(1, 11)] == [8] * 10
    assert found.parts.count("test") == 40
    np.testing.assert_array_equal(found.sequences[-1], sequences[-1])
    assert load({"path": str(tmp_path), "blocks": 10}).class_count == 10


@pytest.mark.parametrize(
    ("content", "options", "fault"),
    [
        ("1 2\n3\n\n1 2\n", {"blocks": 2}, ":2: has 1 columns, but the first row of its block has 2"),
        ("1 2\n\n1 x\n", {"blocks": 2}, ":3: value 2 is `x`, but must be a number"),
        ("1\n\n2\n\n3\n", {"blocks": 2}, ": has 3 blocks, which 2 classes cannot share equally (`blocks`)"),
        ("1\n\n2\n\n3\n", {"blocks": [2, 2]}, ": has 3 blocks, but the classes are said to have 4 together"),
    ],
)
def test_each_fault_names_its_line(
    content: str, options: dict[str, object], fault: str, tmp_path: Path
) -> None:
    (tmp_path / "x.txt").write_text(content)
    with pytest.raises(DataError) as caught:
        collect({"path": str(tmp_path / "x.txt"), "format": "blocks", **options})
    assert [str(problem) for problem in caught.value.problems] == [f"{tmp_path / 'x.txt'}{fault}"]


def test_sizes_that_are_none_are_refused(tmp_path: Path) -> None:
    write_folder(tmp_path, {"a.train": "1\n\n2\n", "size_a.train": "1 one"})
    with pytest.raises(DataError, match=r"size_a\.train: must be how many blocks each class has"):
        collect({"path": str(tmp_path)})


@given(st.text("0123456789.-e \n\tx,", max_size=60), st.none() | st.integers(2, 4))
def test_any_text_is_sequences_or_an_error(content: str, blocks: int | None) -> None:
    files = Files("", "", {"x.txt": content.encode()}, frozenset({""}))
    for read in (
        lambda: list(BLOCKS.parse(files, "x.txt", BlocksOptions(blocks=blocks))),
        lambda: BLOCKS.gather(files, BlocksOptions(blocks=blocks)).sequences,
    ):
        try:
            read()
        except DataError:
            continue
