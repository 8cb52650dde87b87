"""HTTP as clients really send it, byte by byte over real sockets."""

from __future__ import annotations

import re
import signal
import socket
import threading
import time

import numpy as np
import pytest

import fasttrees
from fasttrees._textio.format import format_rows
from fasttrees.serving.connection import MAX_HEAD
from fasttrees.serving.message import BLOCK, SMALL
from tests.support.paths import NUMERICAL
from tests.support.servers import RunningServer, receive_all, receive_answers

ROW = b"1,2,3,4,5\n"
PING = b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n"
SERVER_TIMEOUT = 2


def post(body: bytes, *headers: bytes, length: int | None = None) -> bytes:
    lines = [b"POST /invocations HTTP/1.1", b"Content-Type: text/csv", *headers]
    lines.append(b"Content-Length: %d" % (len(body) if length is None else length))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    head = b"POST /invocations HTTP/1.1\r\nContent-Type: text/csv\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + end


def expected(rows: bytes) -> bytes:
    """What a body of CSV must be answered by: the library's own scores."""
    values = np.array([line.split(b",") for line in rows.split()], dtype=np.float64)
    return format_rows(fasttrees.load(NUMERICAL).predict(values).data, len(values))


def random_rows(n_rows: int, seed: int = 0) -> bytes:
    values = np.random.default_rng(seed).normal(size=(n_rows, 5))
    return format_rows(values.data, n_rows)


def test_answers_keep_the_connection(server: RunningServer) -> None:
    with server.connect() as connection:
        for number in range(5):
            connection.sendall(post(ROW * (number + 1)))
            assert receive_answers(connection, 1) == [(200, expected(ROW * (number + 1)))]


@pytest.mark.parametrize("n_rows", [0, 1, 3, SMALL // len(ROW) + 1, 20_000])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_bodies_of_any_size(server: RunningServer, n_rows: int, framing: str) -> None:
    body = random_rows(n_rows)
    pieces = [body[i : i + 70_001] for i in range(0, len(body), 70_001)]
    with server.connect() as connection:
        connection.sendall(post(body) if framing == "length" else chunked(*pieces))
        assert receive_answers(connection, 1) == [(200, expected(body) if n_rows else b"")]


def test_bytes_that_come_one_by_one(server: RunningServer) -> None:
    with server.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in post(ROW) + PING + chunked(ROW[:3], ROW[3:], ROW):
            connection.sendall(bytes([byte]))
        answers = receive_answers(connection, 3)
    assert answers == [(200, expected(ROW)), (200, b""), (200, expected(ROW * 2))]


def test_pipelined_requests_are_answered_in_order(server: RunningServer) -> None:
    bodies = [random_rows(n_rows, n_rows) for n_rows in (1, 2000, 1, 1, 30_000, 2, 1)]
    requests = b"".join(post(body) + PING for body in bodies)
    answers: list[tuple[int, bytes]] = []
    with server.connect() as connection:
        sender = threading.Thread(target=connection.sendall, args=(requests,))
        sender.start()
        answers = receive_answers(connection, 2 * len(bodies))
        sender.join()
    assert answers == [answer for body in bodies for answer in ((200, expected(body)), (200, b""))]


def test_many_pipelined_pings_from_a_client_that_reads_late(server: RunningServer) -> None:
    with server.connect() as connection:
        sender = threading.Thread(target=connection.sendall, args=(PING * 20_000,))
        sender.start()
        time.sleep(0.3)
        assert receive_answers(connection, 20_000) == [(200, b"")] * 20_000
        sender.join()


def test_expect_continue(server: RunningServer) -> None:
    body = random_rows(10)
    with server.connect() as connection:
        connection.sendall(post(b"", b"Expect: 100-continue", length=len(body)))
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert receive_answers(connection, 1) == [(200, expected(body))]
        connection.sendall(PING)
        assert receive_answers(connection, 1) == [(200, b"")]


def test_expect_continue_of_a_body_that_is_refused(server: RunningServer) -> None:
    with server.connect() as connection:
        connection.sendall(post(b"", b"Expect: 100-continue", length=101 << 20))
        answer = receive_all_after_shutdown(connection)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"100 Continue" not in answer


def receive_all_after_shutdown(connection: socket.socket) -> bytes:
    connection.shutdown(socket.SHUT_WR)
    return receive_all(connection)


def test_http_1_0_and_close(server: RunningServer) -> None:
    assert server.exchange(b"GET /ping HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200 OK\r\n")
    with server.connect() as connection:
        connection.sendall(post(ROW, b"Connection: close"))
        answer = receive_all(connection)
    assert b"Connection: close\r\n" in answer
    assert answer.endswith(expected(ROW))


def test_client_that_ends_its_side_gets_its_answers(server: RunningServer) -> None:
    body = random_rows(20_000)
    answer = server.exchange(post(body) + post(ROW))
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert answer.endswith(expected(ROW))


@pytest.mark.parametrize("target", [b"http://x:8080/ping", b"HTTP://x/ping?a=b"])
def test_absolute_form_of_a_target(server: RunningServer, target: bytes) -> None:
    assert server.exchange(b"GET " + target + b" HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 200 OK\r\n")


def test_head_has_no_body(server: RunningServer) -> None:
    answer = server.exchange(b"HEAD /execution-parameters HTTP/1.1\r\n\r\n" + PING)
    first, _, rest = answer.partition(b"\r\n\r\n")
    assert re.search(rb"Content-Length: \d\d", first)
    assert rest.startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (b"POST /invocations HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /invocations HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
        (b"POST /invocations HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n", 400),
        (b"POST /invocations HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST /invocations HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
        (chunked(end=b"zz\r\n"), 400),
        (b"GET /ping HTTP/1.1\r\nA: " + b"x" * (MAX_HEAD + 1) + b"\r\n\r\n", 431),
        (b"GET /ping HTTP/1.1\r\n" + b"A: b\r\n" * MAX_HEAD + b"\r\n", 431),
        (b"GET /ping HTTP/1.1\r\n" + b"A:\r\n" * (MAX_HEAD // 4) + b"\r\n", 431),
        (b"GET /" + b"x" * (MAX_HEAD + 1) + b" HTTP/1.1\r\n\r\n", 431),
        (b"GET /ping HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),  # TLS
    ],
)
def test_what_is_no_request(server: RunningServer, request_bytes: bytes, status: int) -> None:
    answer = server.exchange(request_bytes)
    assert answer.startswith(b"HTTP/1.1 %d " % status), answer[:200]
    assert b"Connection: close" in answer
    assert server.request("GET", "/ping")[0] == 200


def test_headers_without_end(server: RunningServer) -> None:
    """They are refused, and what still comes is thrown away."""
    with server.connect() as connection:
        connection.sendall(b"GET /ping HTTP/1.1\r\nA: ")
        before = resident(server)
        for _ in range(100):
            connection.sendall(b"x" * (1 << 20))
        assert receive_all_after_shutdown(connection).startswith(b"HTTP/1.1 431 ")
        assert resident(server) - before < 10_000, "kB"


def resident(server: RunningServer, entry: str = "VmRSS") -> int:
    """Memory of the server, in kB."""
    with open(f"/proc/{server.pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(entry))


def test_answer_before_a_bad_request_still_comes(server: RunningServer) -> None:
    body = random_rows(30_000)
    answer = server.exchange(post(body) + b"nonsense\r\n\r\n")
    good, mark, refused = answer.partition(b"HTTP/1.1 400 ")
    assert mark
    assert good.endswith(expected(body))
    assert b"malformed" in refused


def test_broken_chunk_in_the_midst_of_a_body(server: RunningServer) -> None:
    answer = server.exchange(chunked(random_rows(20_000), end=b"zz\r\n"))
    assert answer.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("sent", [ROW[:5], ROW * 100_000])
def test_body_that_is_cut(server: RunningServer, sent: bytes) -> None:
    """The client goes in the midst: no answer, a log line, and the server goes on."""
    name = f"cut-{len(sent)}"
    with server.connect() as connection:
        connection.sendall(post(sent, b"X-Request-Id: " + name.encode(), length=len(sent) + 1))
        connection.shutdown(socket.SHUT_WR)
        assert receive_all(connection) == b""
    assert server.event(name)["event"] == "disconnected"


def test_client_that_goes_at_once(server: RunningServer) -> None:
    for _ in range(50):
        with server.connect() as connection:
            connection.sendall(post(random_rows(2000)))
    assert server.request("GET", "/ping")[0] == 200


def test_slow_client_is_told(server: RunningServer) -> None:
    with server.connect() as connection:
        connection.sendall(post(ROW, length=100))
        answer = receive_all(connection)
    assert answer.startswith(b"HTTP/1.1 408 ")


def test_slow_headers_are_told(server: RunningServer) -> None:
    with server.connect() as connection:
        connection.sendall(b"GET /ping HTT")
        assert receive_all(connection).startswith(b"HTTP/1.1 408 ")


def test_client_that_does_not_take_its_answers(server: RunningServer) -> None:
    """It is cut off after the timeout; until then the server's memory does not grow by what it asks for."""
    with server.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(SERVER_TIMEOUT + 5)
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            connection.sendall(PING * 1_000_000)


def test_error_answers_reach_clients_that_send_all_first(server: RunningServer) -> None:
    """A bad row at the start of a large body: the answer is not lost although most of the body is not wanted."""
    body = b"x,2,3,4,5\n" + ROW * 1_000_000
    status, answer = server.invoke(body)
    assert status == 400
    assert b"row 1, column 1" in answer


def test_too_large_bodies(server: RunningServer) -> None:
    status, answer = server.invoke(b"1" * (101 << 20))
    assert status == 413
    assert b"at most 104857600 bytes" in answer
    answer = server.exchange(chunked(*[b"1,2,3,4,5\n" * 100_000] * 110))
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_line_of_eight_megabytes(server: RunningServer) -> None:
    status, answer = server.invoke(b"1" * (8 << 20) + b"\n")
    assert status == 400
    assert len(answer) < 300


def test_thousand_connections(server: RunningServer) -> None:
    connections = [server.connect() for _ in range(1000)]
    try:
        for connection in connections:
            connection.sendall(post(ROW))
        for connection in connections:
            assert receive_answers(connection, 1) == [(200, expected(ROW))]
        assert server.request("GET", "/ping")[0] == 200
    finally:
        for connection in connections:
            connection.close()


def test_ping_does_not_wait_for_scoring(server: RunningServer) -> None:
    """Slow bodies and busy threads leave the loop free."""
    body = random_rows(300_000)
    stalled = [server.connect() for _ in range(20)]
    n_answers = 0
    try:
        for connection in stalled:
            connection.sendall(post(ROW, length=100))
        senders = [threading.Thread(target=server.invoke, args=(body,)) for _ in range(4)]
        for sender in senders:
            sender.start()
        while any(sender.is_alive() for sender in senders):
            assert server.request("GET", "/ping")[0] == 200
            n_answers += any(sender.is_alive() for sender in senders)
        for sender in senders:
            sender.join()
    finally:
        for connection in stalled:
            connection.close()
    assert n_answers > 2  # while bodies were scored


def test_memory_of_a_large_body_is_flat(server: RunningServer) -> None:
    body = random_rows(10_000, 1)
    server.invoke(body)
    before = resident(server, "VmHWM")
    status, answer = server.invoke(body * 100)
    assert status == 200
    assert len(body) > 2 * BLOCK / 5
    assert resident(server, "VmHWM") - before < 10_000 + 3 * len(answer) // 1024, "kB"


def test_sigterm_lets_requests_end() -> None:
    server = RunningServer(NUMERICAL)
    idle, busy = server.connect(), server.connect()
    body = random_rows(30_000)
    request = post(body)
    busy.sendall(request[:-1000])
    time.sleep(0.2)
    ended = threading.Thread(target=server.end)
    ended.start()
    assert idle.recv(1) == b""
    time.sleep(0.2)
    with pytest.raises(ConnectionRefusedError):
        server.connect()
    busy.sendall(request[-1000:])
    answer = receive_all(busy)
    assert b"Connection: close\r\n" in answer
    assert answer.endswith(expected(body))
    ended.join()
    assert server.end() == 0
    idle.close()
    busy.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_idle_server_ends_at_once(number: signal.Signals) -> None:
    server = RunningServer(NUMERICAL)
    with server.connect() as idle:
        assert server.end(number) == 0
        assert idle.recv(1) == b""
