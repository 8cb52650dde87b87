"""A small HTTP client on a kept connection: as light as Python allows, and able to read an answer while it sends."""

from __future__ import annotations

import os
import select
import socket
from dataclasses import dataclass
from pathlib import Path

TIMEOUT = 120.0
CHUNK = 1 << 18


class ClientError(Exception):
    """The server ended the connection, or what it sent is no HTTP answer."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes


@dataclass(frozen=True)
class Piece:
    """A part of a file; the kernel sends it, without a copy in this process."""

    path: Path
    begin: int
    size: int


class Client:
    """A connection; it does not connect again by itself."""

    def __init__(self, port: int, timeout: float = TIMEOUT) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""

    def exchange(self, request: bytes, piece: Piece | None = None) -> Answer:
        """Send a request, whose body may be a piece of a file, and return the answer."""
        self.send(request, more=piece is not None)
        if piece is not None:
            self._send_piece(piece)
        return self.receive()

    def send(self, data: bytes, more: bool = False) -> None:
        self._socket.sendall(data, socket.MSG_MORE if more else 0)

    def _send_piece(self, piece: Piece) -> None:
        """Send it and keep what comes meanwhile: a server may answer the first rows before it has seen the last."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN | select.POLLOUT)
        received = bytearray(self._rest)
        sent = 0
        with piece.path.open("rb") as file:
            while sent < piece.size:
                events = poll.poll(TIMEOUT * 1000)
                if not events:
                    raise ClientError("the server neither reads nor answers")
                if events[0][1] & select.POLLIN:
                    data = self._socket.recv(CHUNK)
                    if not data:
                        raise ClientError("the connection was closed while the body was sent")
                    received += data
                if events[0][1] & select.POLLOUT:
                    sent += os.sendfile(self._socket.fileno(), file.fileno(), piece.begin + sent, piece.size - sent)
        self._rest = bytes(received)

    def receive(self, head_only: bool = False) -> Answer:
        """Read one answer; interim ones (1xx) are passed over."""
        while True:
            head = self._until(b"\r\n\r\n").decode("latin-1")
            status_line, *lines = head[:-4].split("\r\n")
            version, _, rest = status_line.partition(" ")
            if version not in ("HTTP/1.1", "HTTP/1.0"):
                raise ClientError(f"no HTTP answer: {status_line!r}")
            headers = {}
            for line in lines:
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            status = int(rest[:3])
            if status >= 200:
                break
        if head_only or status in (204, 304):
            return Answer(status, headers, b"")
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return Answer(status, headers, self._chunks())
        if "content-length" in headers:
            return Answer(status, headers, self._exactly(int(headers["content-length"])))
        return Answer(status, headers, self._to_the_end())

    def _chunks(self) -> bytes:
        parts: list[bytes] = []
        while True:
            size = int(self._until(b"\r\n").partition(b";")[0], 16)
            chunk = self._exactly(size + 2)
            if size == 0:
                return b"".join(parts)
            parts.append(chunk[:-2])

    def _until(self, mark: bytes) -> bytes:
        data = self._rest
        while (place := data.find(mark)) < 0:
            data += self._some()
        end = place + len(mark)
        self._rest = data[end:]
        return data[:end]

    def _exactly(self, size: int) -> bytes:
        data, self._rest = self._rest[:size], self._rest[size:]
        if len(data) == size:
            return data
        parts, missing = [data], size - len(data)
        while missing:
            data = self._some(min(missing, CHUNK))
            missing -= len(data)
            parts.append(data)
        return b"".join(parts)

    def _to_the_end(self) -> bytes:
        parts, self._rest = [self._rest], b""
        while data := self._socket.recv(CHUNK):
            parts.append(data)
        return b"".join(parts)

    def _some(self, size: int = CHUNK) -> bytes:
        data = self._socket.recv(size)
        if not data:
            raise ClientError("the connection was closed")
        return data

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def post(body: bytes | int, content_type: str = "text/csv", accept: str = "", path: str = "/invocations") -> bytes:
    """Return a POST request; of a body that comes later only the length is given."""
    size = body if isinstance(body, int) else len(body)
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Type: {content_type}", f"Content-Length: {size}"]
    if accept:
        lines.append(f"Accept: {accept}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + (b"" if isinstance(body, int) else body)


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
