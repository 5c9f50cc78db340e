"""Where a store or data are: a path, or ``s3://BUCKET/FOLDER`` or ``gs://BUCKET/FOLDER``, and nothing else in the URI.

Endpoint, region and credentials come from the environment alone, by the names that the vendors' own tools use, so that
none of them can reach a spec, a command line, a log or `sweep.json`.
"""

from __future__ import annotations

import os
import re
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from pyarrow import fs

from seqsweep.results.errors import Invalid, NotFound
from seqsweep.results.retry import LOOKING, patiently

KINDS = {"s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", "gs": "GOOGLE_APPLICATION_CREDENTIALS"}
_BUCKET = r"[A-Za-z0-9][A-Za-z0-9._-]{1,221}[A-Za-z0-9]"
_PART = r"(?!\.{1,2}(?:/|$))[^/@?#%:\\\x00-\x1f\x7f]+"
_PLAIN = re.compile(rf"({_BUCKET})((?:/{_PART})*)/*")
STORE = "the store"
_HARMLESS = re.compile(r"[A-Za-z0-9+.-]+://[\w./-]*")


def open_location(text: str, what: str = STORE) -> tuple[fs.FileSystem, str, str]:
    """File system, path in it, and what messages call it, of a path (relative ones are made absolute) or a URI.

    `what` lies there, as messages say.

    Raises:
        Invalid: no such kind of store, or more in the URI than bucket and folder. The message then does not repeat
            the URI, as it may hold a secret.
    """
    kind, path = check_location(text, what)
    if kind == "":
        try:
            path = Path(text).expanduser().absolute().as_posix()
        except RuntimeError:
            raise Invalid(f"{what} {text}: there is no such home folder; give a path without ~") from None
        return fs.LocalFileSystem(), path, path
    if kind == "file":
        system, path = fs.FileSystem.from_uri(text)
        return system, path.rstrip("/"), text.rstrip("/")
    system = _s3(path.partition("/")[0]) if kind == "s3" else _gcs()
    return system, path, f"{kind}://{path}"


def check_location(text: str, what: str = STORE) -> tuple[str, str]:
    """Kind (`""` for a path, else `file`, `s3`, `gs`) and bucket/folder; looks at nothing but `text`.

    Raises Invalid as `open_location` does.
    """
    found = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", text)
    if found is None:
        if re.match(r"(s3|gs):", text):
            raise Invalid(f"{what}'s URI must begin like s3://BUCKET or gs://BUCKET, with two slashes")
        if "\0" in text:
            raise Invalid(f"{what}'s path may not hold a NUL character")
        return "", text
    kind = found[1].lower()
    if kind == "file" and urlsplit(text).netloc in ("", "localhost"):
        return kind, text
    if kind not in KINDS:
        shown = text if _HARMLESS.fullmatch(text) else f"{kind}://..."
        raise Invalid(
            f"cannot open {what} {shown}: it must be a folder, s3://BUCKET/FOLDER or gs://BUCKET/FOLDER"
        )
    plain = _PLAIN.fullmatch(text[found.end() :])
    if plain is None:
        raise Invalid(
            f"{what}'s URI must be {kind}://BUCKET/FOLDER and nothing more: no credentials, options, `..` or "
            f"any of `@ : ? # % \\`; credentials come from {KINDS[kind]} in the environment, S3's endpoint and region "
            "from AWS_ENDPOINT_URL and AWS_REGION"
        )
    return kind, plain[1] + plain[2]


def _s3(bucket: str) -> fs.FileSystem:
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not region:
        region = "us-east-1" if endpoint else _region(bucket)
    return fs.S3FileSystem(
        endpoint_override=endpoint,
        region=region,
        connect_timeout=5,
        request_timeout=10,  # seconds without a byte
        allow_delayed_open=True,  # one PUT, not a multipart upload, for what is below 5 MB
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=1),  # results.patience tries again
    )


def _region(bucket: str) -> str:
    try:
        found: str = patiently(f"cannot open s3://{bucket}", LOOKING, lambda: fs.resolve_s3_region(bucket))
    except FileNotFoundError:
        raise NotFound(f"there is no bucket s3://{bucket}") from None
    return found


def _gcs() -> fs.FileSystem:
    limit = timedelta(seconds=2)
    if emulator := os.environ.get(
        "STORAGE_EMULATOR_HOST"
    ):  # as Google's own clients do, but pyarrow does not
        parts = urlsplit(emulator if "://" in emulator else f"http://{emulator}")
        return fs.GcsFileSystem(
            anonymous=True, scheme=parts.scheme, endpoint_override=parts.netloc, retry_time_limit=limit
        )
    return fs.GcsFileSystem(retry_time_limit=limit)
