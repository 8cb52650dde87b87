"""Requests of one row: a client that takes little time itself, so that the server's is what is measured."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

import httptools

from fasttrees._sagemaker.contract import CSV, INVOCATIONS
from fasttrees.comparison.errors import ComparisonError
from fasttrees.comparison.results import OneRow

__all__ = ["measure_one_row", "warm_up"]

TIMEOUT = 60.0
CHUNK = 1 << 16
WARM_UP = 20  # requests that are not measured


class _Answer:
    """What httptools tells of an answer."""

    def __init__(self) -> None:
        self.complete = False
        self.body = b""

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        self.complete = True


def warm_up(url: str, rows: Sequence[bytes]) -> None:
    """Send a few requests, after which a server has all that it needs to answer them."""
    measure_one_row(url, rows, 0, WARM_UP)


def measure_one_row(url: str, rows: Sequence[bytes], seconds: float, at_least: int = 100) -> OneRow:
    """Send each row as a request of its own, one after the other on one connection, again and again.

    Parameters
    ----------
    url : str
    rows : sequence of bytes
        Lines of CSV.
    seconds : float
        For how long at least.
    at_least : int
        How many requests at least.
    """
    where = urlsplit(url)
    host, port = where.hostname or "", where.port or 80
    head = f"POST {where.path}{INVOCATIONS} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {CSV}\r\nContent-Length: "
    requests = [head.encode() + b"%d\r\n\r\n" % len(row) + row for row in rows]
    times: list[float] = []
    with socket.create_connection((host, port), TIMEOUT) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        end = time.perf_counter() + seconds
        while len(times) < at_least or time.perf_counter() < end:
            row = len(times) % len(requests)
            began = time.perf_counter()
            connection.sendall(requests[row])
            status, body = _receive(connection)
            times.append(time.perf_counter() - began)
            if status != 200:
                raise ComparisonError(
                    f"row {row + 1}: expected status 200, got {status}: {body[:200].decode('latin-1')}"
                )
    times.sort()
    return OneRow(requests=len(times), p50=_quantile(times, 50), p99=_quantile(times, 99))


def _receive(connection: socket.socket) -> tuple[int, bytes]:
    answer = _Answer()
    parser = httptools.HttpResponseParser(answer)
    while not answer.complete:
        data = connection.recv(CHUNK)
        if not data:
            raise ConnectionError("a request of one row: the server ended the connection before its answer")
        parser.feed_data(data)
    return parser.get_status_code(), answer.body.strip()


def _quantile(ordered: list[float], percent: int) -> float:
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]
