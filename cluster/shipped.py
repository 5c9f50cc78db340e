"""On a machine of a cluster: use the seqsweep that came with the job, unless this one has the same installed.

A file of its own, copied to the top of what is shipped: it runs before anything of seqsweep can be imported, so it needs
nothing but the standard library. Ray calls `use` in every worker of the job (`worker_process_setup_hook`).
"""

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

PACKAGE = "seqsweep"
FOLDER = "packages"
DIGEST = "digest"
JOB_CONFIG = "RAY_JOB_CONFIG_JSON_ENV_VAR"


def use() -> None:
    """Put the shipped packages first, where the installed ones are absent or differ by a byte."""
    here = Path(__file__).resolve().parent
    if digest(installed()) != (here / DIGEST).read_text():
        sys.path.insert(0, str(here / FOLDER))


def installed() -> Path | None:
    """Find the folder of the seqsweep that this Python would import; None where there is none."""
    spec = find_spec(PACKAGE)
    return Path(spec.origin).parent if spec and spec.origin else None


def digest(folder: Path | None) -> str:
    """Compute the SHA-256 (hex) of a package's sources; compiled files are left out: each machine may have its own."""
    total = hashlib.sha256()
    for name, path in sources(folder) if folder else ():
        if not is_compiled(path):
            total.update(f"{name}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def sources(folder: Path) -> Iterator[tuple[str, Path]]:
    """Give every file of a package with its name in it, sorted; what Python and editors leave behind is passed over.

    Links are followed: in a checkout the four packages are links in the folder `seqsweep`.
    """
    found = {}
    for place, folders, files in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".") and name != "__pycache__"]
        for name in files:
            if not name.startswith(".") and not name.endswith(".pyc"):
                path = Path(place, name)
                found[path.relative_to(folder).as_posix()] = path
    yield from sorted(found.items())


def is_compiled(path: Path) -> bool:
    """Whether it is a shared library."""
    return path.suffix in (".so", ".dylib", ".pyd")


def main() -> int:
    """Run the driver's process: `python shipped.py MODULE`, in the job's folder, calls that module's `main`."""
    use()
    # pieces of data are for the driver alone: workers get data sets from Ray's object store
    config = json.loads(os.environ.get(JOB_CONFIG, "{}"))
    config.get("runtime_env", {}).pop("py_modules", None)
    os.environ[JOB_CONFIG] = json.dumps(config)
    code: int = import_module(sys.argv[1]).main()
    return code


if __name__ == "__main__":
    sys.exit(main())
