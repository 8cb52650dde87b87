"""Serve with one of the libraries: ``python -m benchmarks.serving.http_servers.serve NAME``.

Each is set up for one process that serves several connections at once, and to write no log. The port is in
``SAGEMAKER_BIND_TO_PORT``, as for every server that the harness starts.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

THREADS = 8
APPLICATIONS = "benchmarks.serving.http_servers.applications"


def nothing(port: int) -> None:
    """Wait, to measure what Python itself takes."""
    import signal

    signal.pause()


def own_protocol(port: int) -> None:
    import asyncio

    from benchmarks.serving.http_servers.protocol import serve

    asyncio.run(serve(port))


def waitress(port: int) -> None:
    from waitress import serve

    from benchmarks.serving.http_servers.applications import wsgi

    serve(wsgi, host="127.0.0.1", port=port, threads=THREADS, max_request_body_size=1 << 31, _quiet=True)


def cheroot(port: int) -> None:
    from cheroot.wsgi import Server

    from benchmarks.serving.http_servers.applications import wsgi

    Server(("127.0.0.1", port), wsgi, numthreads=THREADS).start()


def gunicorn(port: int) -> None:
    from gunicorn.app.base import BaseApplication

    from benchmarks.serving.http_servers.applications import wsgi

    class Application(BaseApplication):  # type: ignore[misc]  # it has no types
        def load_config(self) -> None:
            settings = {"bind": f"127.0.0.1:{port}", "worker_class": "gthread", "threads": THREADS, "keepalive": 75}
            for name, value in {**settings, "loglevel": "error"}.items():
                self.cfg.set(name, value)

        def load(self) -> Any:
            return wsgi

    Application().run()


def uvicorn_httptools(port: int) -> None:
    uvicorn(port, "httptools")


def uvicorn_h11(port: int) -> None:
    uvicorn(port, "h11")


def uvicorn(port: int, parser: str) -> None:
    from uvicorn import run

    settings: dict[str, Any] = {"loop": "asyncio", "lifespan": "off", "ws": "none"}
    run(f"{APPLICATIONS}:asgi", port=port, http=parser, log_config=None, access_log=False, **settings)


def hypercorn(port: int) -> None:
    import asyncio

    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    from benchmarks.serving.http_servers.applications import asgi

    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.loglevel = "ERROR"
    asyncio.run(serve(asgi, config))


def granian(port: int) -> None:
    from granian import Granian

    Granian(f"{APPLICATIONS}:asgi", port=port, interface="asgi", workers=1, log_enabled=False).serve()


def standard_library(port: int) -> None:
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    from benchmarks.serving.http_servers.applications import wsgi

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1
        disable_nagle_algorithm = True

        def log_message(self, *_: object) -> None: ...

        def do_GET(self) -> None:
            environ = {"PATH_INFO": self.path, "REQUEST_METHOD": self.command, "wsgi.input": self.rfile}
            environ["CONTENT_LENGTH"] = self.headers.get("Content-Length")
            (answer,) = wsgi(environ, self.start)
            self.wfile.write(answer)

        do_POST = do_GET  # noqa: N815

        def start(self, status: str, headers: list[tuple[str, str]]) -> None:
            self.send_response(int(status[:3]))
            for name, value in headers:
                self.send_header(name, value)
            self.end_headers()

    class Server(ThreadingHTTPServer):
        request_queue_size = 128
        daemon_threads = True

    Server(("127.0.0.1", port), Handler).serve_forever()


SERVERS: dict[str, Callable[[int], None]] = {
    "asyncio + httptools": own_protocol,
    "http.server": standard_library,
    "waitress": waitress,
    "cheroot": cheroot,
    "gunicorn gthread": gunicorn,
    "uvicorn, httptools": uvicorn_httptools,
    "uvicorn, h11": uvicorn_h11,
    "hypercorn": hypercorn,
    "granian": granian,
}

if __name__ == "__main__":
    {"nothing": nothing, **SERVERS}[sys.argv[1]](int(os.environ.get("SAGEMAKER_BIND_TO_PORT", 0)))
