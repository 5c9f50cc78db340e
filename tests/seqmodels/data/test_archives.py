"""Archives as strangers pack them: links, lies, bombs, damage. Either the files come, or a sentence that names the fault."""

import bz2
import gzip
import io
import logging
import lzma
import os
import socket
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqsweep.seqmodels.data.archives import limits
from seqsweep.seqmodels.data.errors import DataError
from seqsweep.seqmodels.data.files import Files, open_files, read_bytes
from seqsweep.seqmodels.data.numbers import read_lines
from tests.support.written import write_archive


def pack(path: Path, *members, **options) -> Path:
    """A tar of (name, content), of (name, type, target) or of TarInfo's."""
    with tarfile.open(path, "w", **options) as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
                continue
            info = tarfile.TarInfo(member[0])
            content = b""
            if len(member) == 2:
                content = member[1]
                info.size = len(content)
            else:
                info.type, info.linkname = member[1:]
            archive.addfile(info, io.BytesIO(content))
    return path


def texts(files: Files) -> dict[str, bytes]:
    return {name: files.read(name) for name in files.contents}


def problem_of(path, *endings) -> str:
    with pytest.raises(DataError) as caught:
        texts(open_files(path, *endings))
    return str(caught.value)


def unpacked(path: Path, to: Path) -> dict[str, bytes]:
    """The oracle: what GNU tar makes of it."""
    to.mkdir()
    subprocess.run(["tar", "xf", path, "-C", to], check=True)
    return {
        str(Path(folder, name).relative_to(to)): Path(folder, name).read_bytes()
        for folder, _, names in os.walk(to, followlinks=True)
        for name in names
    }


def test_links_inside_are_what_tar_unpacks(tmp_path):
    path = pack(
        tmp_path / "set.tar",
        ("later", tarfile.SYMTYPE, "x/2.txt"),
        ("x/1.txt", b"one"),
        ("x/hard.txt", tarfile.LNKTYPE, "x/1.txt"),
        ("x/soft.txt", tarfile.SYMTYPE, "./1.txt"),
        ("x/up.txt", tarfile.SYMTYPE, "../y/3.txt"),
        ("x/chain.txt", tarfile.SYMTYPE, "soft.txt"),
        ("x/2.txt", b"two"),
        ("y/3.txt", b"three"),
        ("z", tarfile.SYMTYPE, "x"),
        ("w/dev", tarfile.SYMTYPE, "../z"),
        ("through.txt", tarfile.SYMTYPE, "w/dev/up.txt"),
    )
    files = open_files(path)
    assert texts(files) == unpacked(path, tmp_path / "there")
    assert {"z", "w/dev"} <= files.folders


def test_links_to_hidden_and_otherwise_named_files_are_followed(tmp_path):
    path = pack(
        tmp_path / "set.tar",
        (".store/ab12", b"one"),
        ("x/1.txt", tarfile.SYMTYPE, "../.store/ab12"),
        ("blob", b"two"),
        ("x/2.txt", tarfile.LNKTYPE, "blob"),
        (".real/3.txt", b"three"),
        ("y", tarfile.SYMTYPE, ".real"),
    )
    files = open_files(path, (".txt",))
    assert {name: files.read(name) for name in files.contents if name != "blob"} == {
        "x/1.txt": b"one",
        "x/2.txt": b"two",
        "y/3.txt": b"three",
    }


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("/etc/hostname", "leads out of the archive"),
        ("../../x", "leads out of the archive"),
        ("gone.txt", "is not in the archive"),
        ("link.txt", "in a circle"),
        ("1.txt/more", "is not in the archive"),
    ],
)
def test_a_link_to_nothing_is_named(tmp_path, target, words):
    path = pack(tmp_path / "set.tar", ("x/1.txt", b"one"), ("x/link.txt", tarfile.SYMTYPE, target))
    message = problem_of(path)
    assert message.startswith(f"{path}!x/link.txt: is a link to `{target}`, ")
    assert words in message


def test_links_that_multiply_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "MOST_MEMBERS", 1000)
    members = [("f0/1.txt", b"one")]
    for level in range(1, 30):
        members += [(f"f{level}/{side}", tarfile.SYMTYPE, f"../f{level - 1}") for side in "ab"]
    assert "more than 1,000" in problem_of(pack(tmp_path / "set.tar", *members))
    members = [(f"l{i}", tarfile.SYMTYPE, f"l{i + 1}/l{i + 1}") for i in range(60)]
    assert "too many links" in problem_of(pack(tmp_path / "chain.tar", *members))


def test_what_is_passed_over_is_said(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    path = pack(
        tmp_path / "set.tar",
        ("x/1.txt", b"old"),
        ("x/1.txt", b"new"),
        ("x/._1.txt", b"fork"),
        ("__MACOSX/x/1.txt", b"fork"),
        ("x/self", tarfile.SYMTYPE, "."),
    )
    assert texts(open_files(path)) == {"x/1.txt": b"new"}
    said = " ".join(caplog.messages)
    assert "2 hidden" in said
    assert "1 file(s) that are packed twice" in said
    assert "1 link(s)" in said


def test_devices_and_sparse_files_are_named_only_where_they_are_data(tmp_path):
    sparse = tarfile.TarInfo("x/2.txt")
    sparse.pax_headers = {
        "GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.map": "0,0", "GNU.sparse.size": "3221225472",
    }  # fmt: skip
    path = pack(
        tmp_path / "set.tar",
        ("x/1.txt", tarfile.FIFOTYPE, ""),
        ("x/0.txt", tarfile.CHRTYPE, ""),
        sparse,
        ("x/3.txt", b"three"),
        format=tarfile.PAX_FORMAT,
    )
    files = open_files(path)
    assert files.read("x/3.txt") == b"three"
    for name, kind in (("x/0.txt", "device"), ("x/1.txt", "FIFO"), ("x/2.txt", "sparse")):
        with pytest.raises(DataError, match=kind):
            files.read(name)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("../x.txt", "leads out of the archive"),
        ("a/../../x.txt", "leads out of the archive"),
        ("a/" * 40 + "x.txt", "lies in 40 folders, but may lie in at most 32"),
        ("a" * 1200, "has a path of 1,200 characters, but it may have at most 1000"),
    ],
)
@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_paths_have_limits(tmp_path, kind, name, words):
    path = tmp_path / f"set.{kind}"
    if kind == "tar":
        pack(path, (name, b"one"))
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(name, "one")
    assert words in problem_of(path)


def test_an_absolute_path_begins_in_the_archive(tmp_path):
    assert texts(open_files(pack(tmp_path / "set.tar", ("/x/1.txt", b"one")))) == {"x/1.txt": b"one"}


def test_many_members_and_large_ones_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "MOST_MEMBERS", 5)
    assert "more than 5 members" in problem_of(
        pack(tmp_path / "a.tar", *((f"{i}.txt", b"") for i in range(6)))
    )
    monkeypatch.setattr(limits, "LARGEST_FILE", 100)
    path = pack(tmp_path / "b.tar", ("1.txt", b"x" * 101), ("2.mfcc", b"1"))
    assert "b.tar!1.txt: is larger than" in problem_of(path)
    assert open_files(path, (".mfcc",)).read("2.mfcc") == b"1"


def test_a_file_and_a_folder_of_one_name_are_refused(tmp_path):
    assert "both a file and a folder" in problem_of(pack(tmp_path / "a.tar", ("x", b"one"), ("x/1.txt", b"")))
    assert "both a file and a folder" in problem_of(pack(tmp_path / "b.tar", ("x/1.txt", b""), ("x", b"one")))


def zeros(path: Path, opener, size: int) -> Path:
    """A compressed tar with one member of `size` zeros, written in pieces."""
    with opener(path, "wb") as file:
        info = tarfile.TarInfo("x/1.txt")
        info.size = size
        file.write(info.tobuf())
        for _ in range(size >> 20):
            file.write(bytes(1 << 20))
        file.write(bytes(1024))
    return path


def test_bombs_take_bounded_memory(tmp_path):
    paths = [
        zeros(tmp_path / "set.tar.gz", lambda path, mode: gzip.open(path, mode, 1), 300 << 20),  # noqa: SIM115
        zeros(tmp_path / "set.tar.xz", lambda path, mode: lzma.open(path, mode, preset=0), 300 << 20),  # noqa: SIM115
        zeros(tmp_path / "set.tar.bz2", lambda path, mode: bz2.open(path, mode, 1), 300 << 20),  # noqa: SIM115
    ]
    code = (
        "import resource, sys; from pathlib import Path; from seqsweep.seqmodels.data.files import open_files\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "before = peak()\n"
        "for path in sys.argv[1:]:\n"
        "    try: print('read', len(open_files(Path(path)).contents))\n"
        "    except ValueError as error: print(type(error).__name__, error)\n"
        "print(peak() - before)"
    )
    ran = subprocess.run([sys.executable, "-c", code, *paths], capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    *said, grown = ran.stdout.splitlines()
    assert len(said) == len([line for line in said if "is it a bomb?" in line]) == len(paths)
    assert int(grown) < 160_000  # KiB


def test_a_zip_bomb_takes_bounded_memory(tmp_path):
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("x/1.txt", "w") as file:
        for _ in range(80):
            file.write(bytes(1 << 20))
    assert "is it a bomb?" in problem_of(path)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.XGLTYPE])
@pytest.mark.parametrize("size", [7 << 30, 1 << 62, -512])
def test_headers_that_claim_to_be_vast_are_refused(tmp_path, kind, size):
    info = tarfile.TarInfo("x/1.txt")
    info.type, info.size = kind, size
    path = tmp_path / "set.tar"
    path.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(2048))
    assert f"{path}: is damaged" in problem_of(path)


@pytest.mark.parametrize("value", ["x", "1", "9" * 5000, "-1,5", ""])
@pytest.mark.parametrize("key", ["GNU.sparse.map", "size", "GNU.sparse.size", "path", "linkpath"])
def test_malformed_extended_headers_are_no_traceback(tmp_path, key, value):
    info = tarfile.TarInfo("x/1.txt")
    info.pax_headers = {key: value}
    path = pack(tmp_path / "set.tar", info, format=tarfile.PAX_FORMAT)
    try:
        texts(open_files(path))
    except DataError as error:
        assert str(path) in str(error)  # noqa: PT017


def test_headers_without_end_are_refused(tmp_path):
    info = tarfile.TarInfo("x")
    info.type = tarfile.XHDTYPE
    path = tmp_path / "set.tar"
    path.write_bytes(info.tobuf() * 3000)
    assert "is damaged" in problem_of(path)


@pytest.mark.parametrize("true_ending", ["tar", "tar.gz", "tar.xz", "tar.bz2", "zip"])
@pytest.mark.parametrize("ending", ["tar.gz", "zip"])
def test_the_content_tells_what_an_archive_is(tmp_path, true_ending, ending):
    path = tmp_path / f"set.{ending}"
    packing = {"tar": "w", "tar.gz": "w:gz", "tar.xz": "w:xz", "tar.bz2": "w:bz2"}
    if true_ending == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("x/1.txt", "one")
    else:
        with tarfile.open(path, packing[true_ending]) as archive:
            info = tarfile.TarInfo("x/1.txt")
            info.size = 3
            archive.addfile(info, io.BytesIO(b"one"))
    assert texts(open_files(path)) == {"x/1.txt": b"one"}


@pytest.mark.parametrize(
    ("begin", "name"), [(b"\x28\xb5\x2f\xfd", "zstd"), (b"7z\xbc\xaf\x27\x1c", "7z"), (b"Rar!", "rar")]
)
def test_other_archives_are_named(tmp_path, begin, name):
    path = tmp_path / "set.tar.gz"
    path.write_bytes(begin + bytes(600))
    assert f"is a {name} archive, which is not read" in problem_of(path)


def test_joined_archives_are_refused_and_joined_gzips_read(tmp_path):
    one = pack(tmp_path / "a.tar", ("1.txt", b"one")).read_bytes()
    joined = tmp_path / "joined.tar"
    joined.write_bytes(one + one)
    assert "goes on after its end mark" in problem_of(joined)
    parts = tmp_path / "parts.tar.gz"
    parts.write_bytes(gzip.compress(one[:700]) + gzip.compress(one[700:]))
    assert texts(open_files(parts)) == {"1.txt": b"one"}


def test_a_zip_is_read_as_a_folder(tmp_path):
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("empty") if hasattr(archive, "mkdir") else archive.writestr("empty/", "")
        archive.writestr("x\\2.txt", "two")
        archive.writestr("x/1.txt", "one")
        archive.writestr("__MACOSX/x/._1.txt", "fork")
        link = zipfile.ZipInfo("x/link.txt")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "1.txt")
    files = open_files(path)
    assert texts(files) == {"x/1.txt": b"one", "x/2.txt": b"two", "x/link.txt": b"one"}
    assert files.folders == {"", "x", "empty"}


def test_an_encrypted_zip_is_named(tmp_path):
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x/1.txt", "one")
    content = bytearray(path.read_bytes())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    assert "set.zip!x/1.txt: is encrypted: pack it without a password" in problem_of(path)


@pytest.mark.parametrize("name", ["1.txt.gz", "1.txt.xz", "1.txt.bz2"])
def test_compressed_files_are_bounded_and_told_by_content(tmp_path, name):
    path = tmp_path / name
    files = Files(str(tmp_path), "/", {name: path}, frozenset({""}))
    for compress in (gzip.compress, lzma.compress, bz2.compress):
        path.write_bytes(compress(b"1 2"))
        assert read_lines(files, name) == ["1 2"]
    path.write_bytes(gzip.compress(bytes(100 << 20), 1))
    with pytest.raises(DataError, match="is it a bomb"):
        read_lines(files, name)
    path.write_bytes(b"1 2")
    with pytest.raises(DataError, match="is not compressed"):
        read_lines(files, name)


def test_what_is_no_file_never_hangs(tmp_path):
    os.mkfifo(tmp_path / "pipe.txt")
    os.mkfifo(tmp_path / "pipe.tar")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(tmp_path / "sock.txt"))
    (tmp_path / "device.txt").symlink_to("/dev/zero")
    files = open_files(tmp_path)
    for name, kind in (("pipe.txt", "a FIFO"), ("sock.txt", "a socket"), ("device.txt", "a device")):
        with pytest.raises(DataError, match=f"is {kind}, not a file"):
            files.read(name)
    assert "is a FIFO" in problem_of(tmp_path / "pipe.tar")


def test_a_broken_link_that_may_be_a_class_is_named(tmp_path):
    (tmp_path / "x").symlink_to(tmp_path / "unmounted")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    message = problem_of(tmp_path, (".txt",))
    assert f"{tmp_path / 'x'}: is a link to `{tmp_path / 'unmounted'}`, which cannot be followed" in message
    assert f"{tmp_path / 'loop'}: is a link" in message


def test_deep_folders_are_read_or_refused(tmp_path):
    deep = tmp_path.joinpath(*"abcdefghij")
    deep.mkdir(parents=True)
    (deep / "1.txt").write_bytes(b"one")
    assert texts(open_files(tmp_path)) == {"a/b/c/d/e/f/g/h/i/j/1.txt": b"one"}
    tmp_path.joinpath(*["a"] * 35).mkdir(parents=True)
    assert "lies in more than 32 folders" in problem_of(tmp_path)


def test_a_file_has_a_largest_size(tmp_path):
    path = tmp_path / "1.txt"
    with path.open("wb") as file:
        file.truncate(5_000_000_000)  # no blocks on the disk
    with pytest.raises(DataError, match="is larger than 4,000,000,000 bytes"):
        read_bytes(path)


@pytest.fixture(scope="module")
def originals(tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("originals")
    tree = {f"x/train/{i}.txt": f"1 {i} {i}" for i in range(4)} | {"y/": ""}
    for ending in ("tar", "tar.gz", "tar.xz"):
        write_archive(folder / f"set.{ending}", tree)
    pax = tarfile.TarInfo("z/1.txt")
    pax.pax_headers = {"path": "é" * 150, "GNU.sparse.map": "0,0", "size": "0"}
    pack(
        folder / "set2.tar",
        pax,
        ("a" * 150, b"1 2 3"),
        ("l", tarfile.SYMTYPE, "a"),
        format=tarfile.PAX_FORMAT,
    )
    with zipfile.ZipFile(folder / "set.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in tree.items():
            archive.writestr(name, content)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_mutated_bytes_give_data_or_a_sentence(originals, tmp_path_factory, data):
    name = data.draw(st.sampled_from(sorted(originals)))
    content = bytearray(originals[name])
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(content) - 1))
        piece = data.draw(st.binary(min_size=1, max_size=12))
        content[place : place + data.draw(st.sampled_from([0, len(piece)]))] = piece
    if data.draw(st.booleans()):  # headers whose checksum is right
        for first in range(0, len(content) - 511, 512):
            header = content[first : first + 512]
            header[148:156] = b" " * 8
            content[first + 148 : first + 156] = b"%06o\0 " % (sum(header) & 0o777777)
    path = tmp_path_factory.getbasetemp() / f"mutated-{name}"
    path.write_bytes(content)
    try:
        files = open_files(path)
    except DataError as error:
        assert str(error).startswith(str(path))  # noqa: PT017
        return
    for inner in files.contents:
        try:
            files.read(inner)
        except DataError as error:
            assert str(error).startswith(str(path))  # noqa: PT017
