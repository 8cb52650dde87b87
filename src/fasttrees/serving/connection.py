"""HTTP/1.1 on asyncio: connections, their requests in order, bodies as they stream, and an end that loses nothing.

httptools parses; what is here is what lies between a parser and an application. One event loop does all that touches
sockets. An application answers a small request at once, in the loop, and any other in a task of its own.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Protocol

import httptools

from fasttrees.serving.errors import RequestError
from fasttrees.serving.message import SMALL, Disconnected, Request, Response

__all__ = ["Application", "Connection", "Connections"]

MAX_HEAD = 1 << 16  # bytes of a request line with its headers, or of trailers
KEEP_ALIVE = 120  # seconds without a request; more than the 90 s after which Go's client, the agent's, gives one up
LINGER = 10  # seconds to go on reading a body that is refused, for a client that reads only once all is sent
MAX_AT_ONCE = 16  # requests of one connection that are answered before others have their turn
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Application(Protocol):
    """What answers requests. None of its methods raises but :class:`Disconnected`."""

    def answer_now(self, request: Request) -> Response | None:
        """Answer a small request without waiting for anything, or leave it to :meth:`answer`."""

    async def answer(self, request: Request) -> Response:
        """Answer a request, reading its body."""

    def refuse(self, error: RequestError) -> Response:
        """Answer what is no request."""


class Connections:
    """The connections of a server.

    Parameters
    ----------
    application : Application
    timeout : float
        Seconds that a client may stall.
    """

    def __init__(self, application: Application, timeout: float) -> None:
        self.application = application
        self.timeout = timeout
        self.ending = False
        self._open: set[Connection] = set()
        self._all_closed: asyncio.Event | None = None

    def __len__(self) -> int:
        return len(self._open)

    def make(self) -> Connection:
        """Make what asyncio asks for when a client connects."""
        return Connection(self)

    async def watch(self) -> None:
        """Close, for ever, connections whose clients stall."""
        while True:
            await asyncio.sleep(min(1.0, self.timeout / 4))
            now = time.monotonic()
            for connection in list(self._open):
                connection.check(now)

    async def end(self, seconds: float) -> bool:
        """Let the requests that have begun come to their end, and close all connections.

        Returns
        -------
        bool
            False if some did not end within `seconds`.
        """
        self.ending = True
        self._all_closed = asyncio.Event()
        for connection in list(self._open):
            connection.end()
        if not self._open:
            return True
        try:
            await asyncio.wait_for(self._all_closed.wait(), seconds)
        except asyncio.TimeoutError:
            return False
        return True

    def add(self, connection: Connection) -> None:
        """Note a connection that is open."""
        self._open.add(connection)

    def remove(self, connection: Connection) -> None:
        """Note that it is closed."""
        self._open.discard(connection)
        if self._all_closed is not None and not self._open:
            self._all_closed.set()


class Connection(asyncio.Protocol):
    """One connection: requests in, answers out, in the same order."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._application = connections.application
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport
        self._requests: deque[Request] = deque()  # those that have begun and are not answered, in order
        self._arriving: Request | None = None  # the one whose body the parser is in
        self._task: asyncio.Task[None] | None = None  # answers the first of them
        self._url = b""
        self._head_size = 0
        self._unread = 0  # bytes since the parser last gave out something
        self._outgoing: deque[bytes] = deque()
        self._refusal: RequestError | None = None  # what is to be answered after all others, then nothing more
        self._closing = False  # nothing more is answered
        self._lingering = False  # what still comes is read, and thrown away
        self._eof = False
        self._reading = True
        self._writable = True
        self._unsent = 0  # bytes that the client had not taken when that was last looked at
        self._active = time.monotonic()

    # -- asyncio tells ------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._connections.add(self)
        if self._connections.ending:
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of everything."""
        self._connections.remove(self)
        self._closing = True
        self._outgoing.clear()
        for request in self._requests:
            request.fail(Disconnected())
        self._requests.clear()
        self._arriving = None  # the parser and this hold each other, so they stay for a while

    def eof_received(self) -> bool:
        """Keep the way back open while there are answers to send."""
        self._eof = True
        if self._arriving is not None and self._refusal is None:  # the rest of its body will never come
            if self._task is not None and self._requests[0] is self._arriving:
                return False
            if self._arriving in self._requests:
                self._requests.remove(self._arriving)
            self._arriving = None
        return bool(self._requests or self._outgoing)

    def data_received(self, data: bytes) -> None:
        """Parse what came and answer what can be answered."""
        self._active = time.monotonic()
        if self._refusal is not None:
            return
        self._unread += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            cause = error.__context__
            self._refuse(cause if isinstance(cause, RequestError) else RequestError(400, "malformed request"))
        except httptools.HttpParserError as error:
            self._refuse(RequestError(400, f"malformed HTTP request: {error}"))
        if self._unread > MAX_HEAD:
            self._refuse(RequestError(431, f"expected at most {MAX_HEAD} bytes of headers"))
        self._go_on()

    def pause_writing(self) -> None:
        """Wait for a client that does not take its answers."""
        self._writable = False
        self._active = time.monotonic()
        self._set_reading()

    def resume_writing(self) -> None:
        """Go on."""
        self._writable = True
        self._active = time.monotonic()
        self._flush()
        self._go_on()

    # -- the parser tells ---------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._arriving = Request(self._want_more)
        self._url = b""
        self._head_size = self._unread = 0

    def on_url(self, url: bytes) -> None:
        """Receive a piece of the request line's URL."""
        self._url += url
        self._count_head(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Receive a header, or a trailer, which is ignored."""
        self._count_head(len(name) + len(value) + len(b": \r\n"))
        request = self._arriving
        if request is None or request.method:
            return
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers = request.headers
        headers[key] = f"{headers[key]}, {text}" if key in headers else text

    def on_headers_complete(self) -> None:
        """Queue the request."""
        request = self._arriving
        assert request is not None
        request.method = self._parser.get_method().decode("ascii")
        request.keep_alive = self._parser.should_keep_alive()
        url = self._url
        if url[:7].lower() == b"http://":  # the form that proxies are sent
            url = b"/" + url[7:].partition(b"/")[2]
        path, _, query = url.partition(b"?")
        request.path, request.query = path.decode("latin-1"), query.decode("latin-1")
        headers = request.headers
        if self._parser.should_upgrade():  # the parser takes what follows, a body perhaps, for another protocol
            raise RequestError(400, "protocol upgrades are not supported: send plain HTTP/1.1")
        if headers.get("transfer-encoding", "chunked").lower() != "chunked":
            raise RequestError(501, "expected a transfer encoding of chunked alone")
        request.waits_for_continue = headers.get("expect", "").lower() == "100-continue"
        self._unread = 0
        if not self._closing:
            self._requests.append(request)

    def on_body(self, data: bytes) -> None:
        """Add to the body."""
        self._unread = 0
        if self._arriving is not None:
            self._arriving.waits_for_continue = False
            self._arriving.add(data)

    def on_message_complete(self) -> None:
        """End the request."""
        self._unread = 0
        if self._arriving is not None:
            self._arriving.end()
        self._arriving = None
        if self._lingering:
            self._transport.close()

    def _count_head(self, size: int) -> None:
        self._head_size += size
        if self._head_size > MAX_HEAD:
            raise RequestError(431, f"expected at most {MAX_HEAD} bytes of headers")

    # -- answers ------------------------------------------------------------------------------------------------------

    def _advance(self) -> None:
        """Answer requests, the first first, until one takes time or the client does not take the answers."""
        n_answered = 0
        while self._requests and self._task is None and not self._outgoing and not self._closing:
            if n_answered == MAX_AT_ONCE:
                asyncio.get_running_loop().call_soon(self._go_on)
                break
            n_answered += 1
            request = self._requests[0]
            response = self._application.answer_now(request) if request.is_small else None
            if response is None:
                self._task = asyncio.get_running_loop().create_task(self._answer(request))
            else:
                self._respond(request, response)
        if self._refusal is not None and not self._requests and not self._closing:
            self._write(self._application.refuse(self._refusal).parts(keep_alive=False, with_body=True))
            self._close(lingering=True)

    def _go_on(self) -> None:
        self._advance()
        self._set_reading()

    async def _answer(self, request: Request) -> None:
        try:
            response = await self._application.answer(request)
        except Disconnected as error:
            error.__traceback__ = None  # holds the request, which holds the error
            return
        finally:
            self._task = None
        if not self._closing:
            self._respond(request, response)
            self._go_on()

    def _respond(self, request: Request, response: Response) -> None:
        """Send the answer to the first request."""
        self._requests.popleft()
        self._active = time.monotonic()
        done = self._connections.ending or (self._eof and not self._requests and self._refusal is None)
        keep_alive = request.keep_alive and request.complete and not done
        self._write(response.parts(keep_alive, request.method != "HEAD"))
        if not keep_alive:
            request.discard()
            self._close(lingering=not request.complete)

    def _refuse(self, error: RequestError) -> None:
        """Answer what cannot be parsed, once all before it is answered."""
        if self._closing or self._refusal is not None:
            return
        self._refusal = error
        if self._arriving is not None:
            self._arriving.fail(error)  # if a task reads its body, that will answer, and close
            if self._arriving in self._requests and (self._requests[0] is not self._arriving or self._task is None):
                self._requests.remove(self._arriving)
        self._advance()

    def _close(self, *, lingering: bool) -> None:
        """Close once all is sent; lingering, go on reading, for closing with data unread could destroy the answer."""
        self._closing = True
        self._lingering = lingering
        self._requests.clear()
        self._flush()

    def _write(self, parts: list[bytes]) -> None:
        """Send bytes, no more at once than the client takes."""
        if sum(map(len, parts)) <= SMALL:
            parts = [b"".join(parts)]
        self._outgoing.extend(parts)
        self._flush()

    def _flush(self) -> None:
        if self._transport.is_closing():
            return
        while self._outgoing and self._writable:
            self._transport.write(self._outgoing.popleft())
        if not self._outgoing and self._closing:
            if self._lingering and not self._eof:
                self._transport.write_eof()
                asyncio.get_running_loop().call_later(LINGER, self._transport.close)
            else:
                self._transport.close()

    def _want_more(self, now: bool) -> None:
        """Read on; a client that asks first is told to send its body once somebody waits for it."""
        request = self._arriving
        if now and request is not None and request.waits_for_continue:
            request.waits_for_continue = False
            self._write([CONTINUE])
        self._set_reading()

    def _set_reading(self) -> None:
        """Read from the socket, or stop reading where more would only fill the memory."""
        if self._transport.is_closing():
            return
        arriving = self._arriving
        reading = self._lingering or (
            self._writable
            and not (arriving is not None and arriving.is_full)
            and not (self._requests and arriving is not self._requests[0])  # others wait in the socket
        )
        if reading != self._reading:
            self._reading = reading
            if reading:
                self._active = time.monotonic()
                self._transport.resume_reading()
            else:
                self._transport.pause_reading()

    # -- time ---------------------------------------------------------------------------------------------------------

    def check(self, now: float) -> None:
        """Close if the client has stalled for too long."""
        stalled = now - self._active
        unsent = self._transport.get_write_buffer_size()
        if unsent:
            if unsent != self._unsent:
                self._unsent, self._active = unsent, now
            elif stalled > self._connections.timeout:
                self._transport.abort()
        elif self._arriving is not None and self._reading and not self._closing:
            if stalled > self._connections.timeout:
                self._refuse(RequestError(408, f"expected the rest of the request within {stalled:.0f} seconds"))
        elif not self._requests and not self._closing and stalled > KEEP_ALIVE:
            self._transport.close()

    def end(self) -> None:
        """Close as soon as the request that is being answered has its answer."""
        if not self._requests and self._arriving is None and not self._closing:
            self._transport.close()
