"""A table of files over any format with one sequence a file."""

import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqsweep.seqmodels.data.collection import Collection
from seqsweep.seqmodels.data.errors import DataError
from seqsweep.seqmodels.data.formats.base import RawSequence
from seqsweep.seqmodels.data.inputs import read_file
from seqsweep.seqmodels.data.registry import format_named
from seqsweep.seqmodels.data.source import collect
from seqsweep.seqmodels.testing.data_conformance import Data, FormatSuite


class TestManifest(FormatSuite):
    format = format_named("manifest")

    def write(self, root: Path, data: Data) -> None:
        (root / "files").mkdir(parents=True)
        lines = ["path,label,split"]
        for (name, part), sequences in data.items():
            for values in sequences:
                number = len(lines)
                pd.DataFrame(values).to_csv(root / f"files/{number}.txt", index=False, header=False, sep=" ")
                lines.append(f"files/{number}.txt,{name},{part}")
        (root / "list.csv").write_text("\n".join(lines) + "\n")

    def files(self, root: Path) -> list[Path]:
        return sorted(root.rglob("*.txt"))


def problems_of(path: Path, **table: Any) -> list[str]:
    with pytest.raises(DataError) as caught:
        collect({"path": str(path), "format": "manifest", **table})
    return [str(each).replace(str(path) + "/", "") for each in caught.value.problems]


def read(path: Path, **table: Any) -> tuple[Collection, dict[str, Any]]:
    found, form, options = collect({"path": str(path), **table})
    assert form.name == "manifest"
    return found, options.model_dump(exclude_none=True)


@pytest.fixture
def words(tmp_path: Path, real_data: Path) -> Path:
    """Four of the real words, with a table as Hugging Face's `audiofolder` has."""
    shutil.copytree(real_data / "formats/wav/micro_speech", tmp_path / "words")
    lines = ["file_name,word,speaker"]
    lines += [f"{name}_{length}ms.wav,{name},s{length}" for name in ("yes", "no") for length in (1000, 30)]
    (tmp_path / "words/metadata.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "words"


@pytest.mark.parametrize("named", [True, False])
def test_sound_that_a_table_lists(words: Path, named: bool) -> None:
    found, options = read(words / "metadata.csv" if named else words)
    assert (options["file"], options["label"], options["group"], options["of"]) == (
        "file_name",
        "word",
        "speaker",
        "audio",
    )
    assert found.labels == ["yes", "yes", "no", "no"]
    assert found.groups == ["s1000", "s30"] * 2
    assert found.ids[0] == "yes_1000ms.wav"
    assert any("2 file(s) such as noise_1000ms.wav are not in the table" in note for note in found.notes)
    alone, _, _ = collect({"path": str(words), "format": "audio", "label": "^([a-z]+)_"})
    for identity, values in zip(found.ids, found.sequences, strict=True):
        np.testing.assert_array_equal(values, alone.sequences[alone.ids.index(identity)])


def test_a_model_reads_a_file_that_no_table_lists(words: Path) -> None:
    _, _, options = collect({"path": str(words)})
    [found] = read_file(words / "noise_1000ms.wav", "manifest", options)
    assert isinstance(found, RawSequence)
    assert len(list(read_file(words / "metadata.csv", "manifest", options))) == 4


def test_in_an_archive_in_a_folder_of_its_own(words: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "words.zip", "w") as archive:
        for file in words.iterdir():
            archive.write(file, f"words/{file.name}")
    found, _ = read(tmp_path / "words.zip")
    assert found.labels == ["yes", "yes", "no", "no"]


def test_every_path_that_is_wrong_is_named(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "secret.txt").write_text("1 2\n")
    (tmp_path / "set/a.txt").write_text("1 2\n3 4\n")
    table = tmp_path / "set/list.csv"
    table.write_text(f"path,label\na.txt,x\nb.txt,y\n../secret.txt,y\n{tmp_path}/secret.txt,x\n./a.txt,y\n")
    out = (
        "but paths must be relative and may not lead out of the table's folder: put the table beside its files, or say "
        "`outside = true` where you trust it"
    )
    assert problems_of(tmp_path / "set", file="path") == [
        "list.csv:3: names `b.txt`, which is not there",
        f"list.csv:4: names `../secret.txt`, {out}",
        f"list.csv:5: names `{tmp_path}/secret.txt`, {out}",
        "list.csv:6: names `./a.txt`, as " + f"{table}:2 does".replace(f"{tmp_path}/set/", ""),
    ]
    table.write_text(f"path,label\na.txt,x\n{tmp_path}/secret.txt,y\n")
    found, _ = read(tmp_path / "set", format="manifest", file="path", outside=True)
    assert found.sequences[1].tolist() == [[1, 2]]
    assert found.ids == ["a.txt", f"{tmp_path}/secret.txt"]


def test_what_else_is_wrong_is_told(tmp_path: Path) -> None:
    for name in "ac":
        (tmp_path / f"{name}.txt").write_text("1 2\n3 4\n")
    (tmp_path / "b.txt").write_text("3 4\n1 x\n5 6\n")
    table = tmp_path / "list.csv"
    table.write_text("path,label,split\na.txt,x,train\nc.txt,x,train\nb.txt,,never\n")
    assert problems_of(tmp_path, split="split", of="folder", options={"columns": [1, 2]}) == [
        "list.csv:4: has nothing in `label`, but must have a label",
        "list.csv:4: has `never` in `split`, but a split must be one of train, training, val, valid, validation, eval, test, "
        "testing, dev",
        "b.txt:2: column 2 is `x`, but must be a number",
    ]
    assert "`of` is `tape`, but must be one of" in problems_of(tmp_path, of="tape")[0]
    assert (
        "`options` for folder: colums: Extra inputs"
        in problems_of(tmp_path, of="folder", options={"colums": [1]})[0]
    )
    (tmp_path / "more.csv").write_text("a\n1\n")
    assert "must have one table of files at its top, but has list.csv, more.csv" in problems_of(tmp_path)[0]
