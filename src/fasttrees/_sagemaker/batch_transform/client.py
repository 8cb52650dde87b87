"""The client of a model server.

It is http.client of the standard library, one connection and one thread for each concurrent request: a body goes from
the buffer it was read into to the kernel in one call without the GIL, connections are kept, and there is nothing to
install. Libraries on top of it (requests, urllib3) add work to each request and nothing that is needed here.
"""

from __future__ import annotations

import io
import select
import socket
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead
from typing import BinaryIO, NamedTuple
from urllib.parse import urlsplit

from fasttrees._sagemaker.batch_transform.errors import TransformError, Unavailable
from fasttrees._sagemaker.batch_transform.job import Job
from fasttrees._sagemaker.batch_transform.split import MiniBatch, WholeFile
from fasttrees._sagemaker.batch_transform.summary import Requests
from fasttrees._sagemaker.contract import EXECUTION_PARAMETERS, INVOCATIONS, PING, PING_TIMEOUT

__all__ = ["Answer", "Client"]

BLOCK_SIZE = 256 << 10
MAX_MESSAGE = 64 << 10  # bytes of an error that are read
MAX_SHOWN = 500  # characters of it that are shown
PING_INTERVAL = 0.05
FIRST_PAUSE = 0.2  # seconds before the second try; each next one is twice as long


class Answer(NamedTuple):
    """A good answer, and what was seen of it on its way."""

    body: BinaryIO
    content_type: str | None
    n_lines: int
    lacks_line_end: bool


class Client:
    """Talks to one server.

    Parameters
    ----------
    url : str
        ``http://HOST:PORT``, and what routes begin with.
    job : Job
    check_server : callable
        Called when a connection fails; it raises if the server is gone for good.

    Attributes
    ----------
    requests : Requests
        Statistics of the invocations.
    """

    def __init__(self, url: str, job: Job, check_server: Callable[[], None] = lambda: None) -> None:
        self._host, self._port, self._path = _read_url(url)
        self.requests = Requests()
        self._job = job
        self._check_server = check_server
        # The agent is written in Go, whose client sends these two.
        self._headers = {"User-Agent": "Go-http-client/1.1", "Accept-Encoding": "gzip"}
        self._local = threading.local()
        self._connections: list[HTTPConnection] = []
        self._closed = threading.Event()

    def wait_until_healthy(self, timeout: float, interval: float = PING_INTERVAL) -> float:
        """Ask ``/ping`` until it answers 200, each `interval` seconds; return after how many seconds it did."""
        started = time.monotonic()
        while True:
            try:
                status, text = self._get(PING)
                problem = f"status {status}: {text}" if text else f"status {status}"
            except (OSError, HTTPException) as error:
                status, problem = 0, _reason(error)
            waited = time.monotonic() - started
            if status == 200:
                return waited
            self._check_server()
            if waited > timeout:
                raise Unavailable(f"the server was not ready after {timeout:g} s; the last /ping: {problem}")
            time.sleep(interval)

    def execution_parameters(self) -> str | None:
        """Return the server's answer to ``/execution-parameters``; None if it has no such route."""
        try:
            status, text = self._get(EXECUTION_PARAMETERS)
        except (OSError, HTTPException) as error:
            raise Unavailable(f"{EXECUTION_PARAMETERS}: {_reason(error)}") from error
        if status in (404, 405):
            return None
        if status != 200:
            raise TransformError(f"{EXECUTION_PARAMETERS}: status {status}: {text}")
        return text

    def invoke(self, batch: MiniBatch, chunked: bool) -> Answer:
        """Send a mini-batch, as often as the job allows.

        Raises
        ------
        TransformError
            If there is no good answer: the server does not answer, or the last status is not 200.
        """
        tries = self._job.max_retries + 1
        for attempt in range(1, tries + 1):
            try:
                return self._try(batch, chunked)
            except Unavailable as error:
                if attempt == tries or self._closed.wait(FIRST_PAUSE * 2 ** (attempt - 1)):
                    raise Unavailable(f"{error} ({attempt} tries)" if attempt > 1 else str(error)) from error
            self.requests.count_retry()
        raise AssertionError("unreachable: the last try returns or raises")

    def close(self) -> None:
        """End all connections; whatever waits for an answer gets an error."""
        self._closed.set()
        for connection in self._connections:
            if sock := connection.sock:
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _get(self, path: str) -> tuple[int, str]:
        connection = HTTPConnection(self._host, self._port, timeout=PING_TIMEOUT)
        with closing(connection):
            connection.request("GET", self._path + path, headers=self._headers)
            response = connection.getresponse()
            return response.status, _as_message(response.read(MAX_MESSAGE))

    def _try(self, batch: MiniBatch, chunked: bool) -> Answer:
        """Send a mini-batch once."""
        connection = self._connection()
        started = time.monotonic()
        try:
            response, answer = self._exchange(connection, batch, chunked, started + self._job.timeout)
        except (OSError, HTTPException, zlib.error) as error:
            connection.close()
            if not self._closed.is_set():
                self._check_server()
            late = isinstance(error, TimeoutError)
            problem = f"no answer within {self._job.timeout:g} s" if late else f"no whole answer: {_reason(error)}"
            raise Unavailable(problem) from error
        except BaseException:
            connection.close()
            raise
        finally:
            self.requests.count(time.monotonic() - started)
        if response.status == 200:
            return answer
        with answer.body as body:
            problem = f"status {response.status} {response.reason}: {_as_message(body.read(MAX_MESSAGE))}"
        # That 4xx is final is our reading: the service does not say what it tries again.
        raise Unavailable(problem) if response.status >= 500 else TransformError(problem)

    def _connection(self) -> HTTPConnection:
        """Return the thread's own connection."""
        connection: HTTPConnection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = HTTPConnection(self._host, self._port)
            self._connections.append(connection)
        return connection

    def _exchange(
        self, connection: HTTPConnection, batch: MiniBatch, chunked: bool, deadline: float
    ) -> tuple[HTTPResponse, Answer]:
        if connection.sock is not None and _has_ended(connection.sock):
            connection.close()  # the server ended it while it was idle, which is no failure
        if connection.sock is None:
            connection.timeout = _left(deadline)
            connection.connect()
        if self._closed.is_set():
            raise ConnectionAbortedError("the job has ended")
        sock = connection.sock
        assert sock is not None
        headers = self._headers | {"Content-Type": self._job.content_type}
        if self._job.accept is not None:
            headers["Accept"] = self._job.accept
        if chunked:
            headers["Transfer-Encoding"] = "chunked"
        body = _in_time(batch, sock, deadline) if chunked or isinstance(batch, WholeFile) else batch.data
        broken = None
        sock.settimeout(_left(deadline))
        try:
            connection.request("POST", self._path + INVOCATIONS, body, headers, encode_chunked=chunked)
        except (BrokenPipeError, ConnectionResetError) as error:
            broken = error  # the server may have answered, 413 for one, and gone
        sock.settimeout(_left(deadline))
        with connection.getresponse() as response:
            answer = _receive(response, sock, deadline, large=isinstance(batch, WholeFile))
        if broken is not None:
            connection.close()
            if response.status == 200:
                answer.body.close()
                raise ConnectionResetError("the server answered before it had the whole request") from broken
        return response, answer


def _read_url(url: str) -> tuple[str, int, str]:
    with suppress(ValueError):  # of the port
        parts = urlsplit(url)
        if parts.scheme == "http" and parts.hostname:
            return parts.hostname, parts.port or 80, parts.path.rstrip("/")
    raise TransformError(f"expected http://HOST:PORT, which is what containers speak, got {url!r}")


def _in_time(batch: MiniBatch, sock: socket.socket, deadline: float) -> Iterator[bytes | memoryview]:
    for block in batch.blocks():
        sock.settimeout(_left(deadline))
        yield block


def _receive(response: HTTPResponse, sock: socket.socket, deadline: float, large: bool) -> Answer:
    """Read an answer; a large one to a file."""
    unpack = zlib.decompressobj(wbits=31).decompress if response.getheader("Content-Encoding") == "gzip" else None
    n_ends, last = 0, b""
    body: BinaryIO = tempfile.TemporaryFile() if large else io.BytesIO()  # noqa: SIM115  (the answer's)
    try:
        while block := response.read1(BLOCK_SIZE):
            text = block if unpack is None else unpack(block)
            body.write(text)
            n_ends += text.count(b"\n")
            last = text[-1:] or last
            sock.settimeout(_left(deadline))
        if response.length:
            raise IncompleteRead(b"", response.length)
    except BaseException:
        body.close()
        raise
    body.seek(0)
    return Answer(body, response.getheader("Content-Type"), n_ends + (last not in (b"", b"\n")), last != b"\n")


def _left(deadline: float) -> float:
    """Return how many seconds are left."""
    if (left := deadline - time.monotonic()) <= 0:
        raise TimeoutError
    return left


def _has_ended(sock: socket.socket) -> bool:
    """Whether there is something to read on an idle connection, which can only be its end."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def _as_message(body: bytes) -> str:
    """Return the beginning of a body, in one line."""
    return " ".join(body.decode("utf-8", "backslashreplace").split())[:MAX_SHOWN]


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
