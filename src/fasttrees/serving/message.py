"""Requests, whose bodies may still be on their way, and answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus

__all__ = ["BLOCK", "SMALL", "Disconnected", "Request", "Response"]

BLOCK = 1 << 19  # bytes of a body that are kept before the client has to wait, and that a task asks for at once
SMALL = 1 << 14  # bytes of a body that are worth no task
STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}


class Disconnected(Exception):  # noqa: N818  (no error: clients may go)
    """The client is gone, so nobody wants the answer."""


class Response:
    """An answer.

    Parameters
    ----------
    status : int
    body : bytes or list of bytes
        Sent as it is.
    content_type : str or None
    headers : iterable of (str, str)
        Further headers.
    """

    __slots__ = ("body", "content_type", "headers", "size", "status")

    def __init__(
        self,
        status: int,
        body: bytes | list[bytes] = b"",
        content_type: str | None = None,
        headers: Iterable[tuple[str, str]] = (),
    ) -> None:
        self.status = status
        self.body = [body] if isinstance(body, bytes) else body
        self.size = sum(map(len, self.body))
        self.content_type = content_type
        self.headers = headers

    def parts(self, keep_alive: bool, with_body: bool) -> list[bytes]:
        """Return what goes over the wire."""
        lines = f"Content-Length: {self.size}\r\n"
        if self.content_type:
            lines += f"Content-Type: {self.content_type}\r\n"
        for name, value in self.headers:
            lines += f"{name}: {value}\r\n"
        if not keep_alive:
            lines += "Connection: close\r\n"
        head = STATUS_LINES[self.status] + lines.encode("latin-1") + b"\r\n"
        return [head, *self.body] if with_body else [head]


class Request:
    """A request.

    Parameters
    ----------
    reading : callable
        Called when more of the body may come, with whether somebody waits for it now.

    Attributes
    ----------
    method, path, query : str
    headers : dict of str to str
        Names in lower case; values of a name that came several times are joined by commas.
    complete : bool
        Whether the whole body has arrived.
    n_bytes : int
        Bytes of the body that have arrived.
    received : float
        When the request began, on time.perf_counter's clock.
    """

    def __init__(self, reading: Callable[[bool], None]) -> None:
        self._reading = reading
        self._buffer: list[bytes] = []
        self._size = 0
        self._discarded = False
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self.method = self.path = self.query = ""
        self.headers: dict[str, str] = {}
        self.complete = False
        self.keep_alive = False
        self.n_bytes = 0
        self.received = time.perf_counter()
        self.waits_for_continue = False

    @property
    def is_small(self) -> bool:
        """Whether all has arrived and is little."""
        return self.complete and self.n_bytes <= SMALL

    def peek(self) -> bytes:
        """Return what has arrived of the body and was not taken yet, without taking it."""
        return b"".join(self._buffer)

    async def read(self) -> tuple[bytes, bool]:
        """Wait for the next :data:`BLOCK` bytes of the body, or its end.

        Returns
        -------
        tuple of bytes and bool
            The bytes, and whether they are the last.

        Raises
        ------
        Disconnected
        RequestError
            If the rest of the body does not come, or is not as HTTP has it.
        """
        while not self.complete and self._size < BLOCK:
            if self._error is not None:
                raise self._error
            self._waiter = asyncio.get_running_loop().create_future()
            self._reading(True)
            await self._waiter
            self._waiter = None
        data = b"".join(self._buffer)
        self._buffer.clear()
        self._size = 0
        self._reading(False)
        return data, self.complete

    # -- what the connection tells ------------------------------------------------------------------------------------

    @property
    def is_full(self) -> bool:
        """Whether as much has arrived as is kept."""
        return self._size >= BLOCK

    def add(self, data: bytes) -> None:
        """Add to the body."""
        self.n_bytes += len(data)
        if not self._discarded:
            self._buffer.append(data)
            self._size += len(data)
            if self._size >= BLOCK:
                self._wake()

    def end(self) -> None:
        """Mark the body as complete."""
        self.complete = True
        self._wake()

    def discard(self) -> None:
        """Throw the body away, also what is still to come."""
        self._discarded = True
        self._buffer.clear()

    def fail(self, error: Exception) -> None:
        """Let who waits for the body know that it will not come."""
        self._error = error
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
