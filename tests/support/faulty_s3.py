"""An S3 server that fails on demand: moto's server in a process of its own, and a proxy in front of it."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support.ports import free_port

__all__ = ["Answer", "FaultyS3", "Request", "error", "faulty_s3"]

# moto wants to see a signature, but does not check it.
SCOPE = "key/20260101/us-east-1/s3/aws4_request"
SIGNED = {"Authorization": f"AWS4-HMAC-SHA256 Credential={SCOPE}, SignedHeaders=host, Signature=0"}


@dataclass(frozen=True)
class Request:
    """A request on its way: its number among those of its method, and its Range header."""

    method: str
    path: str
    number: int
    headers: Mapping[str, str]


@dataclass
class Answer:
    """What the client gets instead of, or on top of, what the server answers.

    With a status, the server is not asked. `keep` is the number of bytes of the body that are sent, and `stall` says
    that the connection is held open afterwards; `keep=None` with `stall` sends not even the head.
    """

    status: int = 0
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    keep: int | None = 1 << 40
    stall: bool = False
    flip: bool = False


def error(status: int, code: str, message: str = "as the test wants it", **headers: str) -> Answer:
    """Answer with an error as S3 writes it."""
    text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return Answer(status, text.encode(), {name.replace("_", "-"): value for name, value in headers.items()})


class FaultyS3:
    """The two servers; `rule` decides about each request.

    Attributes
    ----------
    rule : callable
        Returns what to do with a request; None: let it through.
    requests : list of Request
        Those that came since :meth:`reset`.
    """

    def __init__(self, backend_port: int) -> None:
        self.backend_port = backend_port
        self.stop = threading.Event()
        self.lock = threading.Lock()
        self.reset()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"s3": self}))
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def reset(self) -> None:
        self.requests: list[Request] = []
        self.rule: Callable[[Request], Answer | None] = lambda _: None

    def arrived(self, method: str, path: str, headers: Mapping[str, str]) -> Request:
        with self.lock:
            number = sum(request.method == method for request in self.requests)
            self.requests.append(Request(method, path, number, headers))
            return self.requests[-1]

    def forward(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        connection = HTTPConnection("127.0.0.1", self.backend_port, timeout=30)
        try:
            connection.request(method, path, body or None, dict(headers))
            response = connection.getresponse()
            return Answer(response.status, response.read(), dict(response.getheaders()))
        finally:
            connection.close()

    def put(self, path: str, body: bytes = b"", **headers: str) -> dict[str, str]:
        """Store an object (or make a bucket) past the proxy; return the headers of the answer."""
        answer = self.forward("PUT", f"/{path}", {**SIGNED, **headers}, body)
        assert answer.status == 200, answer
        return answer.headers


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    s3: FaultyS3

    def do_GET(self) -> None:
        headers = dict(self.headers.items())
        request = self.s3.arrived(self.command, self.path, headers)
        fault = self.s3.rule(request) or Answer()
        real = fault if fault.status else self.s3.forward(self.command, self.path, headers)
        if fault.keep is None:
            self.s3.stop.wait()
            return
        length = real.headers.get("Content-Length", len(real.body))
        dropped = ("content-length", "connection", "server", "date", "transfer-encoding")
        kept = {name: value for name, value in real.headers.items() if name.lower() not in dropped}
        self.send_response(real.status)
        for name, value in {**kept, "Content-Length": str(length), **fault.headers, "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()
        body = bytes([real.body[0] ^ 1]) + real.body[1:] if fault.flip and real.body else real.body
        if self.command != "HEAD":
            self.wfile.write(body[: fault.keep])
            self.wfile.flush()
        if fault.stall:
            self.s3.stop.wait()
        self.close_connection = True

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def faulty_s3() -> Iterator[FaultyS3]:
    """Run both servers."""
    port = free_port()
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as moto:
        s3 = FaultyS3(port)
        thread = threading.Thread(target=s3.server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            wait_for(port, moto)
            yield s3
        finally:
            s3.stop.set()
            s3.server.shutdown()
            s3.server.server_close()
            thread.join()
            moto.terminate()


def wait_for(port: int, process: subprocess.Popen[bytes], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert process.poll() is None, "moto's server ended: is moto[s3,server] installed?"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("moto's server does not answer")
