"""Endpoints on this machine: servers that outlive the command that started them."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil  # tells whether the process of a number is still the one that was started

from fasttrees._runtime.progress import Progress
from fasttrees._sagemaker.batch_transform import (
    Client,
    Job,
    ServerError,
    TransformError,
    container_command,
    free_port,
    server_command,
    stop_command,
)
from fasttrees._sagemaker.contract import ENDPOINT_TIMEOUT, INVOCATIONS, PING, PING_TIMEOUT, STOP_TIMEOUT
from fasttrees.pipeline.backend import Hosting
from fasttrees.pipeline.errors import PipelineError
from fasttrees.pipeline.results import Resource

__all__ = ["Endpoints"]

LAST_LINES = 5  # of the log, shown when a server does not start


class Endpoints:
    """The servers whose records lie in a folder.

    Parameters
    ----------
    folder : Path
    network : str
        Docker's ``--network``.
    """

    def __init__(self, folder: Path, network: str) -> None:
        self._folder = folder
        self._network = network

    def start(self, hosting: Hosting, model: Path, timeout: float, progress: Progress) -> str:
        """Start a server, unless one for the same hosting answers; return its URL."""
        wanted = asdict(hosting)
        record = self._read(hosting.name)
        if record is not None and record["hosting"] == wanted and self.answers(hosting.name):
            return str(record["url"])
        self.delete(hosting.name)
        self._folder.mkdir(parents=True, exist_ok=True)
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        log = self._folder / f"{hosting.name}.log"
        command, environment = self._command(hosting, model, port)
        process = psutil.Process(_spawn(command, environment, log))
        started = {"url": url, "pid": process.pid, "created": process.create_time(), "hosting": wanted}
        self._record(hosting.name).write_text(json.dumps(started))
        progress.say(f"starting {url}; log: {log}")

        def check() -> None:
            if _process(started) is None:
                raise ServerError("it ended")

        try:
            with closing(Client(url, Job(), check)) as client:
                client.wait_until_healthy(timeout)
        except (ServerError, TransformError) as error:
            last = " / ".join(log.read_text("utf-8", "backslashreplace").splitlines()[-LAST_LINES:])
            self.delete(hosting.name)
            raise PipelineError(f"endpoint {hosting.name} did not come into service: {error}: {last}") from error
        return url

    def answers(self, name: str) -> bool:
        """Ask the server's ``/ping``."""
        record = self._read(name)
        if record is None or _process(record) is None:
            return False
        with suppress(OSError), urllib.request.urlopen(f"{record['url']}{PING}", timeout=PING_TIMEOUT) as answer:
            return bool(answer.status == 200)
        return False

    def invoke(self, name: str, body: bytes, content_type: str) -> bytes:
        """Send a body to ``/invocations``."""
        record = self._read(name)
        if record is None:
            raise PipelineError(f"endpoint {name} does not exist; `fasttrees pipeline deploy` creates it")
        request = urllib.request.Request(f"{record['url']}{INVOCATIONS}", body, {"Content-Type": content_type})
        try:
            with urllib.request.urlopen(request, timeout=ENDPOINT_TIMEOUT) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                message = error.read().decode("utf-8", "backslashreplace").strip()
            raise PipelineError(f"endpoint {name} answered {error.code}: {message}") from error
        except OSError as error:
            raise PipelineError(
                f"endpoint {name} does not answer at {record['url']}: {error}; "
                "`fasttrees pipeline deploy` starts it again"
            ) from error

    def find(self) -> list[Resource]:
        """List the servers."""
        names = sorted(path.stem for path in self._folder.glob("*.json"))
        return [Resource(kind="endpoint", name=name, detail=self._detail(name)) for name in names]

    def delete(self, name: str) -> None:
        """End a server; no error if it is gone."""
        record = self._read(name)
        process = _process(record) if record is not None else None
        if record is not None and record["hosting"]["image"]:
            subprocess.run(stop_command(_container(name)), capture_output=True, check=False)
        if process is not None:
            with suppress(psutil.NoSuchProcess):
                process.terminate()
                _wait(process.wait, process.kill)
        for path in (self._record(name), self._folder / f"{name}.log"):
            path.unlink(missing_ok=True)

    def _command(self, hosting: Hosting, model: Path, port: int) -> tuple[list[str], Mapping[str, str]]:
        if not hosting.image:
            return server_command(str(model), port, hosting.environment)
        name, network = _container(hosting.name), self._network or None
        return container_command(hosting.image, name, str(model), network, port, hosting.environment), os.environ

    def _record(self, name: str) -> Path:
        return self._folder / f"{name}.json"

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            record: dict[str, Any] = json.loads(self._record(name).read_text())
        except FileNotFoundError:
            return None
        return record

    def _detail(self, name: str) -> str:
        record = self._read(name)
        return f"{record['url']}, {'in service' if self.answers(name) else 'does not answer'}" if record else ""


def _spawn(command: list[str], environment: Mapping[str, str], log: Path) -> int:
    """Start a process that outlives this one, in a session of its own so that Ctrl-C does not reach it."""
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    try:
        return os.posix_spawnp(command[0], command, environment, file_actions=actions, setsid=True)
    except FileNotFoundError as error:
        raise PipelineError(f"{command[0]}: command not found") from error


def _process(record: dict[str, Any]) -> psutil.Process | None:
    """Find the process of a record; None if it has ended, even if its number is another's by now."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(record["pid"])
        if process.create_time() == record["created"] and process.status() != psutil.STATUS_ZOMBIE:
            return process
    return None


def _wait(wait: Callable[[float], object], kill: Callable[[], object]) -> None:
    try:
        wait(STOP_TIMEOUT)
    except psutil.TimeoutExpired:
        kill()
        wait(STOP_TIMEOUT)


def _container(name: str) -> str:
    return f"fasttrees-{name}"
