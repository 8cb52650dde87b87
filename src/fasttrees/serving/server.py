"""The life of a server: settings, model, port, requests, end."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import fasttrees
from fasttrees._runtime.heap import keep_blocks
from fasttrees._sagemaker.contract import CSV
from fasttrees.serving.app import App
from fasttrees.serving.connection import Connections
from fasttrees.serving.content import output_type
from fasttrees.serving.errors import RequestError, SettingsError
from fasttrees.serving.log import Log
from fasttrees.serving.message import BLOCK
from fasttrees.serving.models import ServedModel, load_model
from fasttrees.serving.settings import Settings
from fasttrees.serving.source import check_sha256, find_model

__all__ = ["DRAIN_SECONDS", "serve"]

DRAIN_SECONDS = 20  # for requests to end after SIGTERM; SIGKILL follows it by 30 s
BACKLOG = 1024


def serve(settings: Settings, host: str = "0.0.0.0", ready: Callable[[int], None] | None = None) -> int:
    """Load the model, serve until SIGTERM or SIGINT, let requests end, and return the process's status.

    Parameters
    ----------
    settings : Settings
    host : str, default "0.0.0.0"
        Address to listen on.
    ready : callable or None
        Called with the port once it is open.

    Raises
    ------
    ServingError
        If there is no model that can be served.
    OSError
        If the port cannot be had.
    """
    log = Log(settings.log_level)
    _check_accept(settings)
    began = time.perf_counter()
    served = None if settings.multi_model else _load(settings, log)
    log.write(
        "info",
        "starting",
        version=fasttrees.__version__,
        model=served.url if served else "multi-model",
        trees=served.n_trees if served else None,
        workers=settings.workers,
        batch=settings.batch or None,
        seconds=round(time.perf_counter() - began, 6),
    )
    listener = _listen(host, settings.port)
    keep_blocks(4 * BLOCK)  # a body's block, its numbers, its answer
    with ThreadPoolExecutor(settings.workers, "score") as pool:
        in_time = asyncio.run(_serve(settings, served, listener, pool, log, ready))
        if not in_time:
            sys.stderr.flush()
            os._exit(0)  # what threads still work on, nobody waits for
    return 0


def _check_accept(settings: Settings) -> None:
    """Refuse a default media type that no answer can have."""
    try:
        output_type(settings.default_accept or CSV)
    except RequestError as error:
        raise SettingsError(f"SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT: {error}") from None


def _load(settings: Settings, log: Log) -> ServedModel:
    """Find or fetch the only model."""
    if settings.model_s3_bucket is None or settings.model_s3_key is None:
        path = find_model(settings.model_path)
        if settings.model_sha256 is not None:
            check_sha256(path, settings.model_sha256)
        return load_model(path, settings)

    from fasttrees.serving.s3 import fetch_model

    with fetch_model(
        settings.model_s3_bucket,
        settings.model_s3_key,
        sha256=settings.model_sha256,
        version_id=settings.model_s3_version_id,
        expected_bucket_owner=settings.model_s3_bucket_owner,
        region=settings.region,
        timeout=settings.startup_timeout,
        debug=log.wants("debug"),
    ) as fetched:
        log.write("info", "fetched", **fetched.log_fields())
        return load_model(fetched.path, settings, url=fetched.uri)


def _listen(host: str, port: int) -> socket.socket:
    """Open the port. From then on connections are accepted, so the model must be ready."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With its protocol named, or asyncio does not set TCP_NODELAY: an answer sent in two parts then waits 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"cannot listen on {host}:{port}: {error.strerror}") from error
    return listener


async def _serve(
    settings: Settings,
    served: ServedModel | None,
    listener: socket.socket,
    pool: ThreadPoolExecutor,
    log: Log,
    ready: Callable[[int], None] | None,
) -> bool:
    """Answer requests until a signal comes; return whether all that had begun came to their end."""
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    loop.set_exception_handler(lambda _, context: _log_failure(log, context))
    app = App(settings, served, pool, log)
    connections = Connections(app, settings.timeout)
    app.count_connections = connections.__len__
    server = await loop.create_server(connections.make, sock=listener, backlog=BACKLOG)
    watching = loop.create_task(connections.watch())
    port = listener.getsockname()[1]
    log.write("info", "listening", port=port)
    if ready is not None:
        ready(port)
    await stopping.wait()
    log.write("info", "stopping", connections=len(connections))
    server.close()
    ended = await connections.end(DRAIN_SECONDS)
    watching.cancel()
    log.write("info" if ended else "warning", "stopped", unfinished=None if ended else len(connections))
    return ended


def _log_failure(log: Log, context: dict[str, object]) -> None:
    """Log what asyncio could tell nobody else."""
    error, message = context.get("exception"), context.get("message")
    if isinstance(error, Exception):
        log.exception("failure", error, message=message)
    else:
        log.write("error", "failure", message=message)
