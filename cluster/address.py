"""Where the cluster's dashboard answers: an option, the environment, or the user's configuration."""

import os
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

from cluster.local import ClusterError

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
    if (written := _configured(file)) is not None:
        return _checked(written, f"`address` in {file}")
    raise ClusterError(
        f'no cluster is named: give --address {RULE}, set ${VARIABLES[0]}, or write `address = "http://..."` in {file}'
    )


def configuration() -> Path:
    """The user's configuration file; it need not be there."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "seqsweep" / "config.toml"


def _configured(file: Path) -> object:
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ClusterError(f"{file}: cannot be read: {error}") from None
    for key in table:
        if key != "address":
            raise ClusterError(f"{file}: unknown key `{key}`; there is only `address`")
    return table.get("address")


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
