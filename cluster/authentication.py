"""Ray's token: which one this machine has, and whether a cluster wants it."""

import os
import secrets
from pathlib import Path

from seqsweep.cluster.errors import ClusterError

MODE = "RAY_AUTH_MODE"
TOKEN = "RAY_AUTH_TOKEN"
TOKEN_PATH = "RAY_AUTH_TOKEN_PATH"
REMEDY = f"put the head's ~/.ray/auth_token into ${TOKEN} or ~/.ray/auth_token here"
ASK_SECONDS = 10.0


def new_token(file: Path) -> Path:
    """Write a fresh token into `file`, which only this user can read."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w") as writing:
        writing.write(secrets.token_hex(32))
    return file


def has_token() -> bool:
    """Whether Ray will find a token to show: in the environment, the file that this names, or `~/.ray/auth_token`."""
    if os.environ.get(TOKEN):
        return True
    try:
        named = os.environ.get(TOKEN_PATH)
        file = Path(named) if named else Path.home() / ".ray" / "auth_token"
        with file.open("rb") as reading:
            return bool(reading.read(1))
    except (OSError, RuntimeError):  # not there, not readable, or no home to look into
        return False


def show_token() -> None:
    """Have Ray show its token to whatever it talks to by HTTP, if there is one: it keeps it to itself otherwise."""
    if has_token():
        os.environ.setdefault(MODE, "token")


def refused(who: str) -> ClusterError:
    """What to say of a cluster that has refused us for want of the right token; `who` says which."""
    return ClusterError(
        f"{who} wants its token, and refused {'ours' if has_token() else 'us without one'}: {REMEDY}"
    )


def apply() -> None:
    """Have a Ray that is imported already, and may have served another cluster, read mode and token afresh."""
    from ray._raylet import AuthenticationTokenLoader, Config  # type: ignore[attr-defined]

    Config.initialize("")
    AuthenticationTokenLoader.instance().reset_cache()


def agree(address: str) -> None:
    """Show the token to the Ray at `address` (`HOST:PORT` or `auto`) exactly if it wants one: the mode is set in the environment.

    Ray shows none to a cluster that is named. And a driver that has one and asks others for it is left alone by the
    workers of a cluster without, so having a token is no reason to show it.

    Raises:
        ClusterError: it wants a token, and there is none here, or another one.
    """
    from ray._private.services import get_ray_address_from_environment

    if address == "auto":
        try:
            address = get_ray_address_from_environment("auto", None)
        except ConnectionError:  # `ray.init` says so
            return
    if "://" in address:
        return
    for mode in ("disabled", "token"):
        if mode == "token" and not has_token():
            break  # Ray would end the process
        os.environ[MODE] = mode
        apply()
        if _lets_in(address):
            return
    raise refused(f"the Ray cluster at {address}")


def _lets_in(address: str) -> bool:
    """Whether it answers; also where it does not for another reason than the token, which joining it will tell."""
    from ray._raylet import GcsClient  # type: ignore[attr-defined]
    from ray.exceptions import AuthenticationError, RayError

    try:
        GcsClient(address=address).internal_kv_get(b"seqsweep", None, timeout=ASK_SECONDS)
    except AuthenticationError:
        return False
    except RayError:
        pass
    return True
