"""What one connection may take from the others: memory, time, and itself when it is dead."""

from __future__ import annotations

import asyncio
import gc
import time
import weakref

from fasttrees.serving.connection import KEEP_ALIVE, MAX_AT_ONCE, Connection, Connections
from fasttrees.serving.errors import RequestError
from fasttrees.serving.message import BLOCK, SMALL, Request, Response

TIMEOUT = 5.0
PING = b"GET /ping HTTP/1.1\r\n\r\n"


class Transport(asyncio.Transport):
    """A client that takes what it is told to take."""

    def __init__(self) -> None:
        super().__init__()
        self.is_reading_now = True
        self.is_aborted = False
        self.written = b""
        self.unsent = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def pause_reading(self) -> None:
        self.is_reading_now = False

    def resume_reading(self) -> None:
        self.is_reading_now = True

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def abort(self) -> None:
        self.is_aborted = True

    def close(self) -> None:
        pass


class Application:
    """Answers small requests at once, others when it is told to."""

    def __init__(self) -> None:
        self.n_answers = 0
        self.may_answer = asyncio.Event()
        self.last: weakref.ref[Request] | None = None

    def answer_now(self, request: Request) -> Response | None:
        self.n_answers += 1
        return Response(200)

    async def answer(self, request: Request) -> Response:
        self.last = weakref.ref(request)
        last = False
        while not last:
            _, last = await request.read()
        await self.may_answer.wait()
        return Response(200)

    def refuse(self, error: RequestError) -> Response:
        return Response(error.status)


def connect() -> tuple[Connection, Transport, Application]:
    application, transport = Application(), Transport()
    connection = Connections(application, TIMEOUT).make()
    connection.connection_made(transport)
    return connection, transport, application


def post(size: int) -> bytes:
    return b"POST /invocations HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % size + bytes(size)


async def turns(count: int = 3) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def test_requests_behind_a_slow_one_stay_in_the_socket() -> None:
    """Wherever the data is cut: in the head of the next request, in its body, or between two."""

    async def run() -> None:
        for behind in (b"", b"P", PING[:-2], post(BLOCK)[:-1], PING):
            connection, transport, application = connect()
            connection.data_received(post(SMALL + 1))
            await turns()
            connection.data_received(behind)
            assert not transport.is_reading_now
            application.may_answer.set()
            await turns()
            assert transport.is_reading_now
            assert transport.written.count(b"HTTP/1.1 200") == 1 + (behind == PING)
            connection.connection_lost(None)

    asyncio.run(run())


def test_the_body_of_the_first_request_is_read_on() -> None:
    async def run() -> None:
        connection, transport, application = connect()
        body = post(4 * BLOCK)
        connection.data_received(body[:BLOCK])
        await turns()
        assert transport.is_reading_now
        for begin in range(BLOCK, len(body), BLOCK // 2):
            assert transport.is_reading_now
            connection.data_received(body[begin : begin + BLOCK // 2])
            await turns()
        application.may_answer.set()
        await turns()
        assert transport.written.startswith(b"HTTP/1.1 200")

    asyncio.run(run())


def test_pipelined_requests_let_others_have_their_turn() -> None:
    async def run() -> None:
        connection, transport, application = connect()
        connection.data_received(PING * 1000)
        assert application.n_answers == MAX_AT_ONCE
        assert not transport.is_reading_now
        await turns(1000 // MAX_AT_ONCE + 1)
        assert application.n_answers == 1000
        assert transport.is_reading_now
        assert transport.written.count(b"HTTP/1.1 200") == 1000

    asyncio.run(run())


def test_clients_that_take_no_more_are_given_up() -> None:
    """Also when little is left, of which asyncio says nothing, and when that was the end of the connection."""
    close = b"GET /ping HTTP/1.1\r\nConnection: close\r\n\r\n"

    async def run() -> None:
        for request in (PING, close):
            connection, transport, _ = connect()
            connection.data_received(request)
            transport.unsent = 100
            now = time.monotonic()
            connection.check(now)
            connection.check(now + TIMEOUT - 1)
            transport.unsent = 50  # it took some
            connection.check(now + TIMEOUT + 1)
            connection.check(now + 2 * TIMEOUT)
            assert not transport.is_aborted
            connection.check(now + 2 * TIMEOUT + 2)
            assert transport.is_aborted

    asyncio.run(run())


def test_a_client_that_goes_leaves_nothing_behind() -> None:
    """Its request, and the model and answers that it holds, do not wait for the garbage collector."""

    async def run() -> None:
        connection, _, application = connect()
        connection.data_received(post(SMALL + 1)[:-1])
        await turns()
        connection.connection_lost(None)
        await turns()
        assert application.last is not None
        assert application.last() is None

    gc.disable()
    try:
        asyncio.run(run())
    finally:
        gc.enable()


def test_clients_that_took_all_may_wait() -> None:
    async def run() -> None:
        connection, transport, _ = connect()
        connection.data_received(PING)
        connection.check(time.monotonic() + KEEP_ALIVE - 1)
        assert not transport.is_aborted

    asyncio.run(run())
