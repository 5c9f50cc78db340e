"""Folders and archives: the same listing, and clear words about what cannot be opened."""

import bz2
import gzip
import io
import lzma
import os
import random
import tarfile

import pytest

from seqsweep.seqmodels.data.errors import DataError
from seqsweep.seqmodels.data.files import open_files
from tests.support.written import PLACES, write, write_archive, write_folder

TREE = {"x/train/1.txt": "one", "x/dev/é.txt": "two", "y/": "", "top.txt": b"\xff", ".git/config": "hidden",
        "x/.DS_Store": "", "__MACOSX/x/1.txt": ""}  # fmt: skip


def problem_of(path) -> str:
    with pytest.raises(DataError) as caught:
        open_files(path)
    return str(caught.value)


@pytest.mark.parametrize("place", PLACES)
def test_a_folder_and_an_archive_list_the_same(tmp_path, place):
    path, prefix = write(place, tmp_path, TREE)
    files = open_files(path)
    assert {name: files.read(name) for name in files.contents} == {
        "x/train/1.txt": b"one", "x/dev/é.txt": b"two", "top.txt": b"\xff",
    }  # fmt: skip
    assert files.folders == {"", "x", "x/train", "x/dev", "y"}
    assert files.folders_in == {"": ["x", "y"], "x": ["x/dev", "x/train"]}
    assert files.files_in["x/train"] == ["x/train/1.txt"]
    assert files.where("x/train") == f"{prefix}x/train"
    assert files.where("") == str(path)


def test_names_in_an_archive_are_tidied(tmp_path):
    path = write_archive(tmp_path / "set.tar", {"./x/./1.txt": "one"})
    assert list(open_files(path).contents) == ["x/1.txt"]


def test_a_linked_folder_is_followed_but_not_for_ever(tmp_path):
    write_folder(tmp_path / "elsewhere", {"1.txt": "one"})
    root = write_folder(tmp_path / "set", {"y/": ""})
    (root / "x").symlink_to(tmp_path / "elsewhere")
    (root / "y" / "loop").symlink_to(root)
    assert "x/1.txt" in open_files(root).contents


def test_what_is_missing_or_no_archive_is_said(tmp_path):
    assert problem_of(tmp_path / "none") == f"{tmp_path / 'none'}: no such file or folder"
    file = tmp_path / "set.csv"
    file.write_bytes(b"1,2")
    assert problem_of(file).startswith(f"{file}: is neither a folder nor an archive (.tar, .tar.gz")


@pytest.mark.parametrize("place", ["tar", "tar.gz", "tar.xz"])
@pytest.mark.parametrize("damage", ["cut", "noise", "empty", "overwritten"])
def test_a_damaged_archive_is_said(tmp_path, place, damage):
    path = write_archive(tmp_path / f"set.{place}", {f"x/{i}.txt": os.urandom(700) for i in range(9)})
    good = path.read_bytes()
    third_header = slice(3072, 3584)  # in plain tar, where only headers have checksums
    bad = bytearray(good)
    bad[third_header] = b"\x55" * 512
    path.write_bytes(
        {"cut": good[: len(good) // 2], "noise": b"no archive " * 99, "empty": b"", "overwritten": bad}[
            damage
        ]
    )
    message = problem_of(path)
    assert message.startswith(f"{path}: is damaged")
    assert "\n" not in message


@pytest.mark.parametrize("member", [0, 1, 8])
@pytest.mark.parametrize("extra", [0, 300, 512, 1000])
def test_a_plain_archive_cut_anywhere_is_said(tmp_path, member, extra):
    path = write_archive(tmp_path / "set.tar", {f"x/{i}.txt": "text" * 200 for i in range(9)})
    path.write_bytes(path.read_bytes()[: member * 1536 + extra])
    assert problem_of(path).startswith(f"{path}: is damaged")


def test_a_name_that_is_not_utf8_is_said(tmp_path):
    path = tmp_path / "set.tar"
    with tarfile.open(path, "w", encoding="latin-1", format=tarfile.GNU_FORMAT) as archive:
        archive.addfile(tarfile.TarInfo("x/é.txt"), io.BytesIO())
    assert problem_of(path) == f"{path}!x/\\udce9.txt: the file name is not UTF-8"


def test_a_file_that_cannot_be_read_is_said(tmp_path):
    root = write_folder(tmp_path / "set", {"x/": ""})
    (root / "gone.txt").symlink_to(root / "nowhere")
    (root / "loop.txt").symlink_to(root / "loop.txt")
    files = open_files(root)
    with pytest.raises(DataError, match=r"gone\.txt: no such file"):
        files.read("gone.txt")
    with pytest.raises(DataError, match=r"loop\.txt: cannot be read: "):
        files.read("loop.txt")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_a_folder_that_cannot_be_read_is_said(tmp_path):
    root = write_folder(tmp_path / "set", {"x/2.txt": "two"})
    (root / "x").chmod(0)
    try:
        assert problem_of(root) == f"{root}/x: cannot be read: Permission denied"
    finally:
        (root / "x").chmod(0o700)


@pytest.mark.parametrize(("ending", "pack"), [("gz", gzip.compress), ("xz", lzma.compress)])
def test_an_archive_holding_something_else_is_said(tmp_path, ending, pack):
    path = tmp_path / f"set.tar.{ending}"
    path.write_bytes(pack(b"just text, long enough for a header " * 40))
    assert problem_of(path).startswith(f"{path}: is damaged")


def test_several_folders_and_archives_make_one_tree(tmp_path):
    train = write_archive(tmp_path / "train.tar.gz", {"s/a/train/1.txt": "one", "s/b/train/1.txt": "two"})
    test = write_folder(tmp_path / "test", {"s/a/dev/2.txt": "three", "s/c/": ""})
    files = open_files([train, test])
    assert {name: files.read(name) for name in files.contents} == {
        "s/a/train/1.txt": b"one", "s/b/train/1.txt": b"two", "s/a/dev/2.txt": b"three",
    }  # fmt: skip
    assert files.folders == {"", "s", "s/a", "s/b", "s/c", "s/a/train", "s/b/train", "s/a/dev"}
    assert files.where("s/a/dev/2.txt") == f"{test}/s/a/dev/2.txt"
    assert files.where("s/b/train") == f"{train}!s/b/train"


def test_a_file_that_two_archives_have_is_named(tmp_path):
    one = write_archive(tmp_path / "one.tar", {"a/1.txt": "one", "b": "two"})
    two = write_archive(tmp_path / "two.tar", {"a/1.txt": "one", "b/1.txt": "two"})
    with pytest.raises(DataError) as caught:
        open_files([one, two])
    assert str(caught.value).splitlines() == [
        f"{two}!a/1.txt: is also {one}!a/1.txt: only one may be there",
        f"{two}!b: is also {one}!b: only one may be there",
    ]


@pytest.mark.parametrize("ending", ["", ".gz", ".xz", ".bz2"])
def test_only_the_beginning_of_a_file_is_looked_at(ending, tmp_path):
    """A compressed one is not unpacked for it."""
    content = random.Random(0).randbytes(3_000_000)
    pack = {"": bytes, ".gz": gzip.compress, ".xz": lzma.compress, ".bz2": bz2.compress}[ending]
    (tmp_path / f"x{ending}").write_bytes(packed := pack(content))
    (tmp_path / f"cut{ending}").write_bytes(packed[: len(packed) // 2])
    files = open_files(tmp_path)
    assert files.peek(f"x{ending}", 100) == files.peek(f"cut{ending}", 100) == content[:100]
    assert files.peek(f"x{ending}", 10**7) == content
    (tmp_path / f"x{ending}").write_bytes(b"other")
    assert files.peek(f"x{ending}") == (b"" if ending else b"other")
