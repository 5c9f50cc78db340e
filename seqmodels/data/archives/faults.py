"""What is said of an archive that is damaged, or breaks a rule."""

import lzma
import tarfile
import zipfile
import zlib

from seqsweep.seqmodels.data.errors import DataError, Problem

FAULTS = (
    *(OSError, EOFError, ValueError, LookupError, RecursionError, RuntimeError, OverflowError, MemoryError),
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError),
)
"""What the standard library raises for bytes that are no archive. RuntimeError: zip's word for a missing password."""


def shown(path: str) -> str:
    """A member's path as messages have it."""
    path = path if len(path) <= 200 else path[:200] + "…"
    return path.encode("utf-8", "backslashreplace").decode()


def words(error: BaseException) -> str:
    """Say what an error of the standard library means."""
    if isinstance(error, MemoryError):
        return "it asks for more memory than there is"
    if isinstance(error, RecursionError):
        return "its headers are nested too deeply"
    words = " ".join(str(error).split())[:200] or type(error).__name__
    return f"a header is malformed ({words})" if isinstance(error, ValueError | LookupError) else words


def problem(where: str, rule: str) -> DataError:
    """Make the error of one problem."""
    return DataError([Problem(where, rule)])
