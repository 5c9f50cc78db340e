"""Runs `seqsweep` again and again as a process of its own, without paying each time for what it imports.

A process that has imported everything forks for each command, with the command's own folder, environment and streams.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

SERVER = """
import json, os, signal, socket, sys
import duckdb, pandas, pyarrow.dataset
import ray.job_submission
import seqsweep.results.store, seqsweep.results.analysis.verdict, seqsweep.results.views.verdict
import seqsweep.sweeps.remote.submission, seqsweep.sweeps.spec.loading
from seqsweep.sweeps.cli.app import main
threads = [open(f"/proc/self/task/{each}/comm").read().strip() for each in os.listdir("/proc/self/task")]
assert set(threads[1:]) <= {"jemalloc_bg_thd"}, threads  # which knows how to be forked; others would hold their locks
ears = socket.socket(fileno=int(sys.argv[1]))
while True:
    asked, streams, _, _ = socket.recv_fds(ears, 1 << 20, 3)
    if not asked:
        break
    wanted = json.loads(asked)
    child = os.fork()
    if not child:
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        os.chdir(wanted["folder"])
        os.environ.clear()
        os.environ.update(wanted["environment"])
        sys.argv = ["-c", *wanted["arguments"]]
        code = 1
        try:
            code = main()
        finally:
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            os._exit(code)
    for stream in streams:
        os.close(stream)
    _, status = os.waitpid(child, 0)
    ears.sendall(json.dumps(os.waitstatus_to_exitcode(status)).encode())
"""


class Prompt:
    """Give it commands, one after another; use inside `with`."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._mouth, ears = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ears:
            self._server = subprocess.Popen(
                [sys.executable, "-c", SERVER, str(ears.fileno())],
                env={**environment, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},  # no threads
                pass_fds=[ears.fileno()],
                stdin=subprocess.DEVNULL,
                cwd=tempfile.gettempdir(),  # not a source tree
            )

    def run(
        self, arguments: Sequence[str], *, folder: Path, environment: Mapping[str, str], patience: float
    ) -> subprocess.CompletedProcess[str]:
        """As `subprocess.run` with captured text."""
        wanted = {
            "arguments": list(arguments),
            "folder": str(folder),
            "environment": dict(environment),
        }
        with (
            tempfile.TemporaryFile() as out,
            tempfile.TemporaryFile() as err,
            open(os.devnull, "rb") as nothing,
        ):
            socket.send_fds(
                self._mouth, [json.dumps(wanted).encode()], [each.fileno() for each in (nothing, out, err)]
            )
            self._mouth.settimeout(patience)
            answer = self._mouth.recv(100)
            assert answer, "the server is gone"
            texts = []
            for stream in (out, err):
                stream.seek(0)
                texts.append(stream.read().decode())
        return subprocess.CompletedProcess(list(arguments), json.loads(answer), *texts)

    def close(self) -> None:
        """End the process."""
        with contextlib.suppress(OSError):
            self._mouth.close()
        self._server.wait(60)

    def __enter__(self) -> Prompt:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
