"""Where the cluster's dashboard answers: an option, the environment, or the user's configuration."""

import codecs
import os
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

from seqsweep.cluster.errors import ClusterError

VARIABLES = ("SEQSWEEP_ADDRESS", "RAY_API_SERVER_ADDRESS")
RULE = "http://HOST:PORT of the head's dashboard (Ray's default port is 8265)"


def is_dashboard(address: str | None) -> bool:
    """Whether `address` means a dashboard, not a Ray to be joined."""
    return address is not None and address.startswith(("http://", "https://"))


def dashboard(address: str | None) -> str:
    """The address that is meant: `address`, else $SEQSWEEP_ADDRESS, $RAY_API_SERVER_ADDRESS, else `address` in config.toml.

    Raises:
        ClusterError: there is none, or it is malformed.
    """
    if address:
        return _checked(address, "--address")
    for name in VARIABLES:
        if value := os.environ.get(name):
            return _checked(value, f"${name}")
    file = configuration()
    if file is not None and (written := _configured(file)) is not None:
        return _checked(written, f"`address` in {file}")
    ways = [f"give --address {RULE}", f"set ${VARIABLES[0]}"]
    if file is not None:
        ways.append(f'write `address = "http://..."` in {file}')
    raise ClusterError(f"no cluster is named: {', '.join(ways[:-1])}, or {ways[-1]}")


def configuration() -> Path | None:
    """The user's configuration file, which need not be there; None for a user who has no home."""
    try:
        base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    except RuntimeError:
        return None
    return Path(base) / "seqsweep" / "config.toml"


def _configured(file: Path) -> object:
    try:
        table = tomllib.loads(_text(file.read_bytes()))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise ClusterError(
            f"{file}: cannot be read: {why}; mend it, give --address, or set ${VARIABLES[0]}"
        ) from None
    for key in table:
        if key != "address":
            raise ClusterError(f"{file}: unknown key `{key}`; there is only `address`")
    return table.get("address")


def _text(content: bytes) -> str:
    """Raises ValueError where it is not UTF-8, with or without a byte-order mark."""
    for width, marks in (
        (32, (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)),  # first: one begins like UTF-16's
        (16, (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)),
    ):
        if content.startswith(marks):
            raise ValueError(f"it is written in UTF-{width}, but must be UTF-8")
    return content.decode("utf-8-sig")


def _checked(address: object, source: str) -> str:
    problem = ClusterError(f"{source} is {address!r}, but must be {RULE}")
    if not isinstance(address, str) or not is_dashboard(address):
        raise problem
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise problem from None
    if not parts.hostname or port == 0 or parts.query or parts.fragment:
        raise problem
    if parts.username is not None or parts.password is not None:
        # it would be seen in process lists and shell histories
        raise ClusterError(
            f"{source} holds a user name or password: give Ray's token in $RAY_AUTH_TOKEN instead"
        )
    return address.rstrip("/")
