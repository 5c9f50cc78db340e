"""The environment of a Ray of our own: nothing that the user set for another Ray, or for `uv run`, acts on it."""

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from seqsweep.cluster import authentication, proxies

QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # leave CUDA_VISIBLE_DEVICES alone, and do not warn about it
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # the store is ours; 36 instead of 23 trials a second
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000000",  # but at the end: nobody restores Tune's snapshots, which grow with the sweep
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # the sweep stops itself
    "RAY_AIR_NEW_OUTPUT": "0",
}
KEPT = re.compile(
    # settings of Ray's own that a machine may need, and that name no other Ray, no folder to send and no code to call
    r"RAY_(?:USAGE_STATS_ENABLED|ACCEL_ENV_VAR_OVERRIDE_ON_ZERO|AIR_NEW_OUTPUT|EXPERIMENTAL_NOSET_\w+|OBJECT_STORE_ALLOW_SLOW_STORAGE"
    r"|DEFAULT_OBJECT_STORE_\w+|USE_MULTIPROCESSING_CPU_COUNT|DISABLE_\w+|DEBUG_DISABLE_MEMORY_MONITOR|DEDUP_LOGS\w*"
    r"|LOG_TO_DRIVER\w*|LOGGER_LEVEL|BACKEND_LOG_LEVEL|ROTATION_\w+|JEMALLOC_\w+"
    # RAY_memory_usage_threshold and its like; the rest of these would lead to a proxy, a Redis or a spilling folder elsewhere
    r"|(?!grpc_enable_http_proxy$|gcs_storage$|REDIS|redis|external_storage|object_spilling)[a-z]\w*)"
)


def quiet() -> None:
    """Set what keeps Ray and Tune calm, as far as the user has not, and away from proxies on this machine."""
    proxies.spare_loopback()
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)


@contextmanager
def own(folder: Path) -> Iterator[None]:
    """Make the environment that of a Ray whose session lies in `folder`; what was set before comes back afterwards.

    Ray's variables are hidden but for `KEPT`: a hook or a job's configuration would send a folder to the workers, others
    would lead to another Ray. Its token lies in `folder`, as there may be no home to write to.
    """
    token = authentication.new_token(folder / "token")
    changes: dict[str, str | None] = {
        name: None for name in os.environ if name.startswith("RAY_") and not KEPT.fullmatch(name)
    }
    changes |= {authentication.MODE: "token", authentication.TOKEN_PATH: str(token)}
    with changed(changes | _home(folder)), _no_hooks():
        authentication.apply()
        yield


@contextmanager
def joining(address: str, folder: Path) -> Iterator[None]:
    """Make the environment that of a process which joins the Ray at `address` (`HOST:PORT` or `auto`) from `folder`.

    Raises ClusterError as `authentication.agree` does.
    """
    with changed({authentication.MODE: os.environ.get(authentication.MODE)} | _home(folder)), _no_hooks():
        authentication.agree(address)
        yield


def _home(folder: Path) -> dict[str, str | None]:
    """A home for a user who has none at all: importing Ray Tune asks for it, though nothing is written there."""
    try:
        Path.home()
    except RuntimeError:
        return {"HOME": str(folder)}
    return {}


@contextmanager
def changed(changes: Mapping[str, str | None]) -> Iterator[None]:
    """Set variables (None: unset them), and put back what was there before."""
    before = {name: os.environ.get(name) for name in changes}
    _set(changes)
    try:
        yield
    finally:
        _set(before)


def _set(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@contextmanager
def _no_hooks() -> Iterator[None]:
    """Turn off the hook that acts below `uv run`: it would pack the current folder, and start workers by `uv run`.

    By the environment for a Ray that is yet to be imported, here and in what it starts; by its constant for one that is.
    `ray.init` is told of the other hook, `RAY_RUNTIME_ENV_HOOK`, by `_skip_env_hook`.
    """
    with changed({"RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0"}), contextlib.ExitStack() as stack:
        from ray._private import ray_constants

        before = ray_constants.RAY_ENABLE_UV_RUN_RUNTIME_ENV
        stack.callback(setattr, ray_constants, "RAY_ENABLE_UV_RUN_RUNTIME_ENV", before)
        ray_constants.RAY_ENABLE_UV_RUN_RUNTIME_ENV = False
        yield
