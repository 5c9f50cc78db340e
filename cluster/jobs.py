"""A cluster's jobs, through the dashboard's HTTP port: Ray's Jobs API, with errors that say what to do."""

import asyncio
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqsweep.cluster import authentication, proxies, session
from seqsweep.cluster.errors import ClusterError
from seqsweep.extras import install

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 60.0  # the head may be busy
AGAIN_SECONDS = 60.0  # following goes on for so long without an answer
START_SECONDS = 60.0  # a head that has just been started takes some before it takes jobs
STOP_SECONDS = 30.0
SETTLE_SECONDS = (
    2.5  # Ray's monitor looks at a job every second, and lists it again if it is gone before its process
)
CHATTY = (
    "ray.dashboard.modules.dashboard_sdk",
    "ray.dashboard.modules.job.sdk",
    "ray._private.runtime_env.packaging",
)
ENDED = ("SUCCEEDED", "FAILED", "STOPPED")


@dataclass(frozen=True)
class Job:
    """One job. Times are seconds since 1970, None where it has not come to that; `message` is Ray's account of its end."""

    id: str
    status: str  # PENDING | RUNNING | SUCCEEDED | FAILED | STOPPED
    message: str
    metadata: Mapping[str, str]
    started: float | None
    ended: float | None

    @property
    def over(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self.status in ENDED


class Jobs:
    """The jobs of the cluster whose dashboard answers at `address` (`http://HOST:PORT`).

    Every method raises ClusterError where the head does not answer, or refuses.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        session.quiet()
        authentication.show_token()
        self.proxy = proxies.for_url(address)
        with self._asking():
            import logging

            try:
                client = _client_class()
            except ImportError as error:
                raise ClusterError(
                    f"talking to a cluster needs Ray's dashboard: {install('cluster')} ({error})"
                ) from error
            for name in CHATTY:
                logging.getLogger(name).setLevel(logging.WARNING)
            # Ray would let these go before the address that it is given
            with session.changed({"RAY_API_SERVER_ADDRESS": None, "RAY_ADDRESS": None}):
                self.client = client(address)

    def submit(
        self,
        entrypoint: str,
        *,
        name: str,
        working_folder: Path,
        modules: tuple[Path, ...] = (),
        setup: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Start a job and return at once.

        Args:
            entrypoint: shell command, run on the head in a copy of `working_folder`.
            name: the job's id; ClusterError where it is taken.
            working_folder: shipped to every machine that works for the job.
            modules: folders that are shipped too, each below 100 MB; their parents come into `sys.path`.
            setup: `module.function` that every worker calls first.
            metadata: kept with the job.
        """
        environment: dict[str, Any] = {"working_dir": str(working_folder)}
        if modules:
            environment["py_modules"] = [str(folder) for folder in modules]
        if setup:
            environment["worker_process_setup_hook"] = setup
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                with self._asking():
                    self.client.submit_job(
                        entrypoint=entrypoint,
                        submission_id=name,
                        runtime_env=environment,
                        metadata=dict(metadata or {}),
                    )
                return
            except ClusterError as error:
                if "No available agent" not in str(error) or time.monotonic() > deadline:
                    raise
            time.sleep(1.0)

    def all(self) -> list[Job]:
        """Jobs that were submitted, the newest first."""
        with self._asking():
            details = self.client.list_jobs()
        jobs = [_job(each) for each in details if each.submission_id]
        return sorted(jobs, key=lambda job: job.started or 0.0, reverse=True)

    def get(self, name: str) -> Job:
        """One job, by its id."""
        with self._asking():
            return _job(self.client.get_job_info(name))

    def stop(self, name: str) -> Job:
        """Ask the job to stop (SIGTERM, then SIGKILL) and wait until it has; the job as it is then."""
        with self._asking():
            self.client.stop_job(name)
        return self.wait(name, STOP_SECONDS)

    def forget(self, name: str) -> None:
        """End the job if it runs, and have the cluster drop it from its list."""
        if not self.get(name).over:
            self.stop(name)
        time.sleep(SETTLE_SECONDS)
        with self._asking():
            self.client.delete_job(name)

    def wait(self, name: str, seconds: float) -> Job:
        """The job when it has ended, or after so long."""
        deadline = time.monotonic() + seconds
        while not (job := self.get(name)).over and time.monotonic() < deadline:
            time.sleep(0.2)
        return job

    def lines(self, name: str) -> list[str]:
        """What the job has printed up to now, without line ends; an unfinished last line is left out."""
        with self._asking():
            text: str = self.client.get_job_logs(name)
        return text.split("\n")[:-1]

    def follow(self, name: str) -> Iterator[str]:
        """What the job prints, from its first line to its last, as it comes.

        A connection that breaks is taken up again for a minute; no line is lost or comes twice.
        """
        seen, lost = 0, None
        while True:
            try:
                began = time.monotonic()
                for count, line in enumerate(self._tail(name), 1):
                    if count > seen:
                        seen, lost = count, None
                        yield line
                if self.get(name).over:
                    yield from self.lines(name)[seen:]
                    return
            except (ClusterError, RuntimeError, OSError) as error:
                lost = lost or time.monotonic()
                if time.monotonic() - lost > AGAIN_SECONDS:
                    raise ClusterError(f"lost the cluster at {self.address}: {_reason(error)}") from error
            # a log that is asked for as a whole, and is long, is asked for seldom
            time.sleep(max(0.5, 2 * (time.monotonic() - began)) if self.proxy else 0.5)

    def _tail(self, name: str) -> Iterator[str]:
        """Whole lines of one connection; by a proxy those up to now, as few let a websocket through."""
        if self.proxy:
            yield from self.lines(name)
            return
        loop = asyncio.new_event_loop()
        chunks = self.client.tail_job_logs(name)
        rest = ""
        try:
            while True:
                try:
                    chunk = loop.run_until_complete(anext(chunks))
                except StopAsyncIteration:
                    return
                *whole, rest = (rest + chunk).split("\n")
                yield from whole
        finally:
            loop.run_until_complete(chunks.aclose())
            loop.close()

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Ray's and the network's exceptions as one sentence of ours."""
        try:
            yield
        except ClusterError:
            raise
        except (ConnectionError, OSError) as error:  # `requests` raises OSErrors
            advice = "is the cluster up, and its port forwarded (`ssh -L 8265:127.0.0.1:8265 HEAD`, `kubectl port-forward`)?"
            if self.proxy:
                advice = f"{proxies.described(self.proxy)} was asked for it; where it should not be, put the head into $no_proxy"
            raise ClusterError(
                f"no Ray dashboard answers at {self.address}: {_reason(error)}; {advice}"
            ) from error
        except Exception as error:  # Ray raises many kinds, RuntimeError for whatever the server answered
            if type(error).__name__ == "AuthenticationError":
                by = f", or {proxies.described(self.proxy)} in front of it," if self.proxy else ""
                raise authentication.refused(f"the cluster at {self.address}{by}") from error
            # the last two where what answers is no dashboard
            if not isinstance(error, RuntimeError | ValueError | TypeError | KeyError):
                raise
            raise ClusterError(f"the cluster at {self.address} refused: {_reason(error)}") from error


def _client_class() -> Any:
    import aiohttp  # noqa: F401 (Ray alone comes without it, and would advise to install its own extra)
    from ray.job_submission import JobSubmissionClient

    class Client(JobSubmissionClient):  # type: ignore[misc]
        def _do_request(self, *arguments: Any, **options: Any) -> Any:
            return super()._do_request(
                *arguments,
                # Ray's own would wait for ever for a head that takes the connection and says nothing
                timeout=(CONNECT_SECONDS, ANSWER_SECONDS),
                proxies=proxies.for_requests(self._address),
                auth=lambda request: request,  # else a password in ~/.netrc would replace the token
                **options,
            )

    return Client


def _job(details: Any) -> Job:
    return Job(
        id=details.submission_id,
        status=str(getattr(details.status, "value", details.status)),
        message=details.message or "",
        metadata=details.metadata or {},
        started=details.start_time / 1000 if details.start_time else None,
        ended=details.end_time / 1000 if details.end_time else None,
    )


def _reason(error: BaseException) -> str:
    """What the system said at the bottom of the wrappings, or the last line of a server's traceback."""
    cause: BaseException | None = error
    while cause is not None:
        if found := re.search(r"\[Errno [-\d]+\] ([^'\")]+)", str(cause)):
            return found.group(1).rstrip(" (")
        cause = cause.__cause__ or cause.__context__
    text = str(error).strip()
    if "timed out" in text:
        return "timed out"
    lines = [line for line in text.rstrip(".").splitlines() if line.strip()]
    return (lines[-1].strip() if lines else type(error).__name__)[:300]
