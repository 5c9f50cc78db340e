"""`examples/cluster_demo.sh` as a newcomer starts it, but with a small sweep; it leaves nothing behind."""

import os
import subprocess
import sys
from pathlib import Path

from tests import REPOSITORY
from tests.support.small_sweep import CELLS, table, toml


def leftovers() -> set[str]:
    """Folders of the demo, and processes that name one."""
    found = {str(path) for path in Path("/tmp").glob("sq-demo.*")}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if b"/sq-demo." in words:
                found.add(words.replace(b"\0", b" ").decode(errors="replace"))
    return found


def test_the_demo(strokes: Path, tmp_path: Path) -> None:
    spec = tmp_path / "small.toml"
    spec.write_text(
        toml(table(strokes, epochs=400, architecture={"cell": list(CELLS), "layers": [1, 2], "hidden": 7}))
    )
    before = leftovers()
    ours = Path(sys.executable).parent  # where `seqsweep` and `ray` are
    done = subprocess.run(
        [REPOSITORY / "examples" / "cluster_demo.sh", spec],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{ours}:{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "killed node one" in done.stdout
    assert "6 of 6 trials here" in done.stdout
    verdict = done.stdout.rpartition("read without the cluster")[2]
    assert "over 2 fresh seeds" in verdict
    assert "6 trials · 36 models" in verdict
    assert leftovers() <= before
