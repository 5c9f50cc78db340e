"""Zip archives."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Callable
from io import BufferedIOBase

from seqsweep.seqmodels.data.archives import limits
from seqsweep.seqmodels.data.archives.faults import FAULTS, problem, words
from seqsweep.seqmodels.data.archives.tree import NOT_KEPT, Link, Tree, Unread


def scan_zip(file: BufferedIOBase, size: int, tree: Tree, wanted: Callable[[str], bool]) -> None:
    """Read all members into `tree`, and the contents of those whose path is wanted."""
    left = most = min(limits.allowed(size), limits.MOST_BYTES)
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            # some programs on Windows write backslashes, against the format
            path = tree.path(member.filename.replace("\\", "/"))
            mode = member.external_attr >> 16
            if member.is_dir() or not path:
                tree.folder(path)
                continue
            link = stat.S_ISLNK(mode)
            if stat.S_IFMT(mode) and not link and not stat.S_ISREG(mode):
                tree.add(path, Unread("is no file, but a device or a FIFO"))
                continue
            if not link and not wanted(path):
                tree.add(path, NOT_KEPT)
                continue
            if member.flag_bits & 1:
                raise tree.fault(path, "is encrypted: pack it without a password")
            if member.file_size > (limits.LONGEST_PATH if link else limits.LARGEST_FILE):
                raise tree.fault(path, limits.too_large())
            left -= member.file_size
            if left < 0:
                raise problem(
                    tree.where, limits.too_much(size) if most < limits.MOST_BYTES else limits.too_many()
                )
            try:
                with archive.open(member) as opened:
                    content = opened.read(member.file_size + 1)
            except FAULTS as error:
                raise tree.fault(path, f"is damaged: {words(error)}") from error
            if len(content) != member.file_size:
                raise tree.fault(path, "is damaged: it is not as long as the archive says")
            tree.add(path, Link(content.decode("utf-8", "surrogateescape"), False) if link else content)
