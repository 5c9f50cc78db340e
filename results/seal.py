"""Files that notice a flipped bit: a SHA-256 of the whole file, kept inside it.

Neither Parquet's footer, nor safetensors, nor JSON has a checksum. All three have room for a text field, so a file is made
with a field ``seqsweep.sha256`` of 64 zeros, which are then replaced by the digest of the file with the zeros: one rule for
three formats, and nothing that their ordinary readers see.
"""

from __future__ import annotations

import hashlib
import re

FIELD = "seqsweep.sha256"
BLANK = "0" * 64
# between name and digest: `": "` in JSON, a type and a length in Parquet's footer
_SEALED = re.compile(re.escape(FIELD.encode()) + rb"(?:[^0-9a-f]{1,8}([0-9a-f]{64}))?")
_BLANK = re.compile(re.escape(FIELD.encode()) + rb"[^0-9a-f]{1,8}(" + BLANK.encode() + rb")")


def seal(content: bytes, *, at_end: bool = False) -> bytes:
    """`content` with the digest in place of the zeros of its field: its first one, or its last, after the data."""
    found = list(_BLANK.finditer(content))
    begin, end = found[-1 if at_end else 0].span(1)
    return b"".join((content[:begin], hashlib.sha256(content).hexdigest().encode(), content[end:]))


def seal_in_place(content: memoryview, end: int) -> None:
    """Write the digest over the zeros of its field, which lies in the first `end` bytes of `content`."""
    match = _BLANK.search(content[:end])
    assert match is not None
    first, last = match.span(1)
    content[first:last] = hashlib.sha256(content).hexdigest().encode()


def intact(content: bytes | memoryview) -> bool | None:
    """Tell whether the file is as it was sealed; None where it carries no digest."""
    found = False
    for match in _SEALED.finditer(
        content
    ):  # a class or a weight may look like the field: any that fits will do
        found = True
        if match[1] is None:
            continue
        begin, end = match.span(1)
        digest = hashlib.sha256(content[:begin])
        digest.update(BLANK.encode())
        digest.update(content[end:])
        if digest.hexdigest().encode() == bytes(match[1]):
            return True
    return False if found else None
