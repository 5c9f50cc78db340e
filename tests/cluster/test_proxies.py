"""A proxy is never asked for this machine, however it is spelled and whatever variable names it; for others it is, and named."""

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from seqsweep.cluster import proxies
from seqsweep.cluster.errors import ClusterError
from seqsweep.cluster.jobs import Jobs

VARIABLES = ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
EXCEPTIONS = ("no_proxy", "NO_PROXY", "no_grpc_proxy", "NO_GRPC_PROXY", "grpc_proxy", "GRPC_PROXY")
VERSION, LOGS = json.dumps({"ray_version": "2.60.0"}), json.dumps({"logs": "one\ntwo\n"})


class Server(ThreadingHTTPServer):
    """Answers every request with one status and body, and keeps what it was asked for."""

    daemon_threads = True

    def __init__(self, status: int, body: str) -> None:
        self.asked: list[str] = []
        self.tokens: list[str | None] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append(self.path)
                server.tokens.append(self.headers.get("Authorization"))
                said = (LOGS if self.path.endswith("/logs") else body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.server_address[1])


def serving(status: int, body: str) -> Iterator[Server]:
    server = Server(status, body)
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def dashboard() -> Iterator[Server]:
    yield from serving(200, VERSION)


@pytest.fixture
def proxy() -> Iterator[Server]:
    yield from serving(503, "<html>not allowed</html>")


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in (*VARIABLES, *EXCEPTIONS, "RAY_ADDRESS", "RAY_API_SERVER_ADDRESS", "RAY_AUTH_MODE"):
        monkeypatch.delenv(name, raising=False)
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "0x7f000001", "2130706433", "LOCALHOST", "127.0.0.1."]
)
@pytest.mark.parametrize("variable", VARIABLES)
def test_no_proxy_is_asked_for_loopback(
    variable: str, host: str, monkeypatch: pytest.MonkeyPatch, dashboard: Server, proxy: Server
) -> None:
    monkeypatch.setenv(variable, f"http://127.0.0.1:{proxy.port}")
    if host == "127.0.0.1.":
        assert proxies.for_url(f"http://{host}:{dashboard.port}") is None
        return
    Jobs(f"http://{host}:{dashboard.port}")
    assert not proxy.asked
    assert dashboard.asked


@pytest.mark.parametrize(
    "host",
    ["::1", "[::1]", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1", "127.255.255.254", "0.0.0.0", "a.localhost"],
)
def test_other_spellings_of_this_machine(host: str) -> None:
    assert proxies.is_loopback(host)


@pytest.mark.parametrize(
    "host", ["192.0.2.1", "10.0.0.1", "2001:db8::1", "::ffff:192.0.2.1", "128.0.0.1", "localhost.example", ""]
)
def test_other_machines(host: str) -> None:
    assert not proxies.is_loopback(host)


def test_another_machine_is_asked_by_the_proxy_which_the_error_names(
    monkeypatch: pytest.MonkeyPatch, proxy: Server
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://me:secret@127.0.0.1:{proxy.port}")
    named = rf"the proxy http://127.0.0.1:{proxy.port} \(\$HTTP_PROXY\) was asked for it"
    expected = f"no Ray dashboard answers at http://192.0.2.1:8265: 503 .*{named}"
    with pytest.raises(ClusterError, match=expected) as caught:
        Jobs("http://192.0.2.1:8265")
    assert "secret" not in str(caught.value)
    assert proxy.asked == ["http://192.0.2.1:8265/api/version"]
    monkeypatch.setenv("no_proxy", "192.0.2.1")
    assert proxies.for_url("http://192.0.2.1:8265") is None


def test_a_log_is_followed_through_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for server in serving(200, VERSION):
        monkeypatch.setenv("all_proxy", f"http://127.0.0.1:{server.port}")
        jobs = Jobs("http://192.0.2.1:8265")
        assert list(jobs._tail("job")) == ["one", "two"]
        assert server.asked[-1] == "http://192.0.2.1:8265/api/jobs/job/logs"


def test_the_given_address_goes_before_rays_own_variables(
    monkeypatch: pytest.MonkeyPatch, dashboard: Server, proxy: Server
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", f"http://127.0.0.1:{proxy.port}")
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", f"http://127.0.0.1:{proxy.port}")
    Jobs(f"http://127.0.0.1:{dashboard.port}")
    assert dashboard.asked
    assert not proxy.asked
    assert os.environ["RAY_ADDRESS"] == f"http://127.0.0.1:{proxy.port}"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (None, proxies.LOOPBACK),
        ("example.org", f"example.org,{proxies.LOOPBACK}"),
        ("*", "*"),
        (proxies.LOOPBACK, proxies.LOOPBACK),
    ],
)
def test_what_reads_the_variables_itself_spares_loopback_too(
    said: str | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if said is not None:
        monkeypatch.setenv("NO_PROXY", said)
    proxies.spare_loopback()
    assert os.environ.get("no_proxy") is None, "without a proxy nothing is changed"
    monkeypatch.setenv("ALL_PROXY", "http://192.0.2.1:3128")
    for _ in range(2):
        proxies.spare_loopback()
        assert os.environ["no_proxy"] == os.environ["NO_PROXY"] == expected
    assert "no_grpc_proxy" not in os.environ
