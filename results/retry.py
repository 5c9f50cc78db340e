"""Waiting for a store that does not answer: what passes by itself is tried again, what does not is said at once."""

from __future__ import annotations

import errno
import logging
import os
import random
import re
import time
from collections.abc import Callable
from typing import TypeVar

import pyarrow as pa

from seqsweep.results.errors import Refused, Unreachable

PATIENCE = 180.0  # seconds that a sweep waits for its store: a server's restart, a network disk's failover, a full disk
LOOKING = 10.0  # seconds that somebody waits who only looks, or who may have misspelt the address
_PAUSES = 0.1, 5.0  # seconds between two attempts: first, longest

_FULL = {errno.ENOSPC, errno.EDQUOT}
_PASSING = _FULL | {
    errno.EIO,
    errno.ESTALE,
    errno.EAGAIN,
    errno.ETIMEDOUT,
    errno.ECONNREFUSED,
    errno.ECONNRESET,
    errno.ECONNABORTED,
    errno.EHOSTUNREACH,
    errno.EHOSTDOWN,
    errno.ENETUNREACH,
    errno.ENETDOWN,
    errno.ENOTCONN,
}
_PASSING_TEXT = re.compile(
    r"AWS Error (NETWORK_CONNECTION|SLOW_DOWN|THROTTLING|SERVICE_UNAVAILABLE|INTERNAL_FAILURE|REQUEST_TIMEOUT)"
    r"|HTTP status (408|429|5\d\d)\b"
    r"|google::cloud::Status\((UNAVAILABLE|DEADLINE_EXCEEDED|INTERNAL|RESOURCE_EXHAUSTED|ABORTED)\b"
)
_REMEDIES = (
    (
        r"ACCESS_DENIED|INVALID_ACCESS_KEY_ID|SIGNATURE_DOES_NOT_MATCH|EXPIRED_TOKEN|INVALID_CLIENT_TOKEN_ID"
        r"|MISSING_AUTHENTICATION_TOKEN|HTTP status 40[13]\b",
        "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or the role), and what they may do",
    ),
    (
        r"HTTP status (411|501)\b",
        "where the server lacks S3's newer checksums, set AWS_REQUEST_CHECKSUM_CALCULATION=when_required",
    ),
    (r"PERMISSION_DENIED|UNAUTHENTICATED|OAuth2 access token", "check GOOGLE_APPLICATION_CREDENTIALS"),
    (r"AWS Error NETWORK_CONNECTION", "check AWS_ENDPOINT_URL, and that the server runs"),
)
_SECRETS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID")
_log = logging.getLogger(__name__)
T = TypeVar("T")


def patiently(what: str, seconds: float, operation: Callable[[], T]) -> T:
    """`operation`, tried again for `seconds` while its error is one that passes by itself.

    Args:
        what: begins the message, such as ``cannot read s3://bucket/store/x``.
        seconds: 0 for one attempt.
        operation: may be started again after it failed.

    Raises:
        Unreachable: it failed all the time.
        Refused: it failed for good.
        FileNotFoundError: as `operation` raised it.
    """
    begun = time.monotonic()
    pause = _PAUSES[0]
    while True:
        try:
            return operation()
        except FileNotFoundError:
            raise
        except (pa.ArrowException, OSError) as error:
            now = time.monotonic()
            if not passing(error) or now + pause > begun + seconds:
                tried = f" (tried for {now - begun:.0f} s)" if now - begun >= 1 else ""
                kind = Unreachable if passing(error) else Refused
                raise kind(f"{what}: {reason(error)}{tried}") from None
            if pause == _PAUSES[0]:
                _log.warning("%s: %s; trying again for %.0f s", what, reason(error), seconds)
        # many workers lost it at once: they should not return at once
        time.sleep(pause * random.uniform(0.5, 1.0))
        pause = min(2 * pause, _PAUSES[1])


def passing(error: Exception) -> bool:
    """Tell whether an error may well be gone in a while: no connection, a busy server, a stale network disk, a full disk."""
    return _number(error) in _PASSING or _PASSING_TEXT.search(str(error)) is not None


def reason(error: Exception) -> str:
    """Say what went wrong in one line, without what the message says anyway, with what to do about it."""
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    hints = [hint for pattern, hint in _REMEDIES if re.search(pattern, text)]
    # pyarrow repeats the path before what the system said
    if "Detail: [errno " in text:
        text = text.rpartition("Detail: [errno ")[2].partition("] ")[2]
    elif "AWS Error " in text:
        text = text[text.index("AWS Error ") + len("AWS Error ") :]
    elif found := re.search(r"google::cloud::Status\((\w+: .*?)(?: error_info=.*)?\)?$", text):
        text = re.sub(r"[\w ]+, with a last message of ", "", found[1])
    for name in _SECRETS:  # no server repeats them, and none shall
        if value := os.environ.get(name):
            text = text.replace(value, f"<{name}>")
    return "; ".join([text.rstrip("."), *hints[:1]])


def _number(error: Exception) -> int | None:
    number = getattr(error, "errno", None)
    if isinstance(number, int):
        return number
    found = re.search(r"\[errno (\d+)\]", str(error))
    return int(found[1]) if found else None
