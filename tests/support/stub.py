"""A model server that misbehaves when told to."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Fault = Callable[["Handler", bytes, int], bool]


def score(line: bytes) -> bytes:
    """What the stub answers to a line: something that depends on all of it."""
    return b"%d:%d" % (len(line), sum(line) % 997)


def score_all(body: bytes) -> bytes:
    lines = body.split(b"\n")
    if not lines[-1]:
        lines.pop()
    return b"".join(score(line) + b"\n" for line in lines)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Stub

    def do_GET(self) -> None:
        if self.path == "/ping":
            statuses = self.server.ping_statuses
            status = statuses.pop(0) if statuses else 200
            self.answer(status, b"" if status == 200 else b"still loading")
        elif self.path == "/execution-parameters" and self.server.parameters is not None:
            self.answer(200, self.server.parameters.encode(), "application/json")
        else:
            self.answer(404, b"")

    def do_POST(self) -> None:
        with self.server.lock:
            number = self.server.n_requests
            self.server.n_requests += 1
            self.server.n_now += 1
            self.server.most = max(self.server.most, self.server.n_now)
        fault = self.server.fault
        try:
            body = b"" if getattr(fault, "unread", False) else self.read()
            with self.server.lock:
                self.server.bodies.append(body)
                self.server.headers.append(dict(self.headers))
                self.server.clients.add(self.client_address)
            if fault is not None and fault(self, body, number):
                return
            time.sleep(self.server.pause)
        finally:
            with self.server.lock:  # before the answer, after which the client may send the next request at once
                self.server.n_now -= 1
        self.answer(200, score_all(body))

    def read(self) -> bytes:
        if self.headers["Transfer-Encoding"] != "chunked":
            return self.rfile.read(int(self.headers["Content-Length"]))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def answer(self, status: int, body: bytes, content_type: str = "text/csv; charset=utf-8") -> None:
        self.send_response(status)
        if self.server.packs:
            body = gzip.compress(body)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


class Stub(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.n_now = 0
        self.reset()

    def reset(self) -> None:
        """Forget all; requests of a test before that are still answered are waited for."""
        deadline = time.monotonic() + 60
        while self.n_now and time.monotonic() < deadline:
            time.sleep(0.005)
        self.ping_statuses: list[int] = []
        self.parameters: str | None = None
        self.fault: Fault | None = None
        self.packs = False
        self.pause = 0.0
        self.n_requests = self.most = 0
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.clients: set[Any] = set()

    def tell(self, concurrent: int, payload: int = 6, strategy: str = "MULTI_RECORD") -> None:
        self.parameters = json.dumps(
            {"MaxConcurrentTransforms": concurrent, "MaxPayloadInMB": payload, "BatchStrategy": strategy}
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, *args: object) -> None:
        """Say nothing of clients that went away."""
