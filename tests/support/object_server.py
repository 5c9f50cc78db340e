"""An S3 server on this machine, to be killed, held and started again.

It is `rclone serve s3`, which people run: it checks signatures, answers as S3 does and keeps objects as files, so that they
outlive it and a test can look into them. Before it stands a thin proxy for what it cannot do: S3 takes an empty object
`folder/`, which pyarrow writes after every deletion; rclone would make a file of it that hides the folder.
"""

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

KEY, SECRET = "SEQSWEEPTESTKEY", "s3cr3t+never/printed=anywhere"
BUCKET = "bucket"


class S3Server:
    """On loopback, at a free port that stays the same when it is started again. `requests`: those it got."""

    def __init__(self, folder: Path) -> None:
        self.objects = folder / "objects"
        (self.objects / BUCKET).mkdir(parents=True)
        self.log = folder / "rclone.log"
        self.port, self.inner_port = _free_port(), _free_port()
        self.requests: list[str] = []

    @property
    def environment(self) -> dict[str, str]:
        """What a client needs; the checksum setting is what servers other than Amazon's ask of its SDK."""
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
        command += [
            "--addr",
            f"127.0.0.1:{self.inner_port}",
            "--config",
            os.devnull,
            "--log-file",
            str(self.log),
        ]
        environment = {**os.environ, "RCLONE_AUTH_KEY": f'"{KEY},{SECRET}"'}
        self.process = subprocess.Popen(command, env=environment)
        deadline = time.monotonic() + 30
        while True:
            assert self.process.poll() is None, self.log.read_text()
            try:
                socket.create_connection(("127.0.0.1", self.inner_port)).close()
                break
            except ConnectionRefusedError:
                assert time.monotonic() < deadline
                time.sleep(0.02)
        self.proxy = _Proxy(self)
        threading.Thread(target=self.proxy.serve_forever, args=[0.02], daemon=True).start()

    def kill(self) -> None:
        """As a crash does it."""
        self.process.kill()
        self.process.wait()
        self.proxy.shutdown()
        self.proxy.server_close()

    def hold(self) -> None:
        """Connections are taken, but nothing is answered until `go_on`."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)


class _Proxy(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, server: S3Server) -> None:
        self.s3 = server
        super().__init__(("127.0.0.1", server.port), _Forward)


class _Forward(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Proxy

    def _forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.s3.requests.append(f"{self.command} {self.path}")
        if self.command == "PUT" and self.path.endswith("/"):
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        inner = http.client.HTTPConnection("127.0.0.1", self.server.s3.inner_port)
        try:
            # the signature covers the Host header, so it goes on as it came
            inner.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                inner.putheader(name, value)
            inner.endheaders(body)
            answer = inner.getresponse()
            content = answer.read()
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "connection"):
                    self.send_header(name, value)
            if answer.getheader("Content-Length") is None:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        except (OSError, http.client.HTTPException):  # it was killed: no answer
            self.close_connection = True
        finally:
            inner.close()

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _forward

    def log_message(self, *_: object) -> None:
        """Be silent."""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
