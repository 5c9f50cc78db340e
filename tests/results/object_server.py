"""Object stores on this machine, to be stopped, held and started again.

`S3Server` is `rclone serve s3`: a server that people run, which checks signatures, answers as S3 does and keeps objects as
files, so that they outlive it and a test can look into them.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

KEY, SECRET = "SEQSWEEPTESTKEY", "s3cr3t+never/printed=anywhere"
BUCKET = "bucket"


class S3Server:
    """On loopback, at a free port that stays the same when it is started again."""

    def __init__(self, folder: Path) -> None:
        self.objects = folder / "objects"
        (self.objects / BUCKET).mkdir(parents=True)
        self.log = folder / "rclone.log"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What a client needs; the checksum setting is what rclone's documentation asks of new SDKs."""
        return {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
        }

    def start(self) -> None:
        """Returns when it answers."""
        command = [str(Path(sys.executable).with_name("rclone")), "serve", "s3", str(self.objects)]
        command += ["--addr", f"127.0.0.1:{self.port}", "--config", os.devnull, "-vv"]  # logs requests
        command += ["--log-file", str(self.log)]
        self.process = subprocess.Popen(command, env={**os.environ, "RCLONE_AUTH_KEY": f'"{KEY},{SECRET}"'})
        deadline = time.monotonic() + 30
        while True:
            assert self.process.poll() is None, self.log.read_text()
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except ConnectionRefusedError:
                assert time.monotonic() < deadline
                time.sleep(0.02)

    def kill(self) -> None:
        """As a crash does it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def hold(self) -> None:
        """Connections are taken, but nothing is answered until `go_on`."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)
