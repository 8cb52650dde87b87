"""The same application for WSGI and for ASGI.

It answers /ping, takes bodies in pieces and answers ``0.5``; /received says how much of the latest body it has seen.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

PIECE = 1 << 16
ANSWER = b"0.5\n"
received = 0


def wsgi(environ: dict[str, Any], start_response: Callable[[str, list[tuple[str, str]]], object]) -> Iterable[bytes]:
    global received
    answer = b""
    if environ["PATH_INFO"] == "/received":
        answer = str(received).encode()
    elif environ["REQUEST_METHOD"] == "POST":
        received = 0
        missing = int(environ["CONTENT_LENGTH"])
        while missing:
            missing -= (size := len(environ["wsgi.input"].read(min(PIECE, missing))))
            received += size
        answer = ANSWER
    start_response("200 OK", [("Content-Type", "text/csv"), ("Content-Length", str(len(answer)))])
    return [answer]


async def asgi(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    global received
    if scope["type"] != "http":
        return
    answer = b""
    if scope["path"] == "/received":
        answer = str(received).encode()
    elif scope["method"] == "POST":
        received, more = 0, True
        while more:
            message = await receive()
            received += len(message.get("body", b""))
            more = message.get("more_body", False)
        answer = ANSWER
    headers = [(b"content-type", b"text/csv"), (b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
