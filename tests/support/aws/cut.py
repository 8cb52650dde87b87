"""A proxy that breaks connections in the middle, as networks do."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

__all__ = ["Cutter", "cutting"]

BLOCK = 64 << 10


class Cutter(socketserver.ThreadingTCPServer):
    """Passes bytes on to a server, until so many have gone there.

    Attributes
    ----------
    left : int
        Bytes until all connections break; those that come later break at once. Negative: none breaks.
    """

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.port = port
        self.left = -1
        self.lock = threading.Lock()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def take(self, size: int) -> bool:
        """Tell whether so many bytes may pass."""
        with self.lock:
            if self.left < 0:
                return True
            self.left = max(self.left - size, 0)
            return self.left > 0


class _Handler(socketserver.BaseRequestHandler):
    server: Cutter

    def handle(self) -> None:
        with socket.create_connection(("127.0.0.1", self.server.port)) as upstream:
            back = threading.Thread(target=self.copy_back, args=(upstream,))
            back.start()
            with suppress(OSError):
                while (block := self.request.recv(BLOCK)) and self.server.take(len(block)):
                    upstream.sendall(block)
            for end in (upstream, self.request):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            back.join()

    def copy_back(self, upstream: socket.socket) -> None:
        with suppress(OSError):
            while block := upstream.recv(BLOCK):
                self.request.sendall(block)


@contextmanager
def cutting(url: str) -> Iterator[Cutter]:
    """Run the proxy in front of a server."""
    with Cutter(int(url.rsplit(":", 1)[1])) as cutter:
        thread = threading.Thread(target=cutter.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield cutter
        finally:
            cutter.shutdown()
            thread.join()
