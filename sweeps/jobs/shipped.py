"""On a machine of a cluster: use the seqsweep that came with the job, unless this one has the same installed.

A file of its own, copied to the top of what is shipped: it runs before anything of seqsweep can be imported, so it needs
nothing but the standard library. Ray calls `use` in every worker of the job (`worker_process_setup_hook`).
"""

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("cluster", "extras", "results", "seqmodels", "sweeps")
FOLDER = "packages"
DIGEST = "digest"
JOB_CONFIG = "RAY_JOB_CONFIG_JSON_ENV_VAR"


def use() -> None:
    """Put the shipped packages first, where the installed ones are absent or differ by a byte."""
    here = Path(__file__).resolve().parent
    if digest(installed()) != (here / DIGEST).read_text():
        sys.path.insert(0, str(here / FOLDER))


def installed() -> dict[str, Path]:
    """Folders of the seqsweep packages that this Python would import, as far as there are any."""
    found = {}
    for package in PACKAGES:
        spec = find_spec(package)
        if spec and spec.origin:
            found[package] = Path(spec.origin).parent
    return found


def digest(packages: dict[str, Path]) -> str:
    """SHA-256 (hex) of the packages' sources; compiled files are left out: each machine may have its own."""
    total = hashlib.sha256()
    for package, folder in sorted(packages.items()):
        for name, path in sources(folder):
            if not is_compiled(path):
                total.update(f"{package}/{name}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def sources(folder: Path) -> Iterator[tuple[str, Path]]:
    """Every file of a package with its name in it, sorted; what Python and editors leave behind is passed over."""
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        hidden = any(part.startswith(".") or part == "__pycache__" for part in parts)
        if not hidden and path.is_file() and path.suffix != ".pyc":
            yield "/".join(parts), path


def is_compiled(path: Path) -> bool:
    """Whether it is a shared library."""
    return path.suffix in (".so", ".dylib", ".pyd")


def main() -> int:
    """The driver's process: `python shipped.py`, in the job's folder."""
    use()
    # pieces of data are for the driver alone: workers get data sets from Ray's object store
    config = json.loads(os.environ.get(JOB_CONFIG, "{}"))
    config.get("runtime_env", {}).pop("py_modules", None)
    os.environ[JOB_CONFIG] = json.dumps(config)
    from sweeps.jobs.driver import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
