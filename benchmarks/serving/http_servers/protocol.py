"""The same application on asyncio and httptools: what a protocol of one's own takes."""

from __future__ import annotations

import asyncio

import httptools

from benchmarks.serving.http_servers.applications import ANSWER

received = 0


class Protocol(asyncio.Protocol):
    """A connection; httptools calls the methods that begin with ``on_``."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.transport.close()

    def on_url(self, url: bytes) -> None:
        self.url = url

    def on_headers_complete(self) -> None:
        global received
        self.posts = self.parser.get_method() == b"POST"
        if self.posts:
            received = 0

    def on_body(self, body: bytes) -> None:
        global received
        received += len(body)

    def on_message_complete(self) -> None:
        answer = str(received).encode() if self.url == b"/received" else ANSWER if self.posts else b""
        self.transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer)
        )


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Protocol, "127.0.0.1", port)
    await server.serve_forever()
