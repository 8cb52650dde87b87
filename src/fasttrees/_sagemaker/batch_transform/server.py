"""Start a server for the time of a job: this package's own, or a container."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from fasttrees._sagemaker.batch_transform.errors import ServerError
from fasttrees._sagemaker.contract import BIND_TO_PORT, MODEL_DIRECTORY, PORT, STOP_TIMEOUT
from fasttrees.serving.settings import VARIABLES

__all__ = ["Server", "container", "container_command", "free_port", "local_server", "server_command", "stop_command"]

LOG_LINES = 20  # shown when a server fails


class Server:
    """A server that runs as a child process.

    Attributes
    ----------
    url : str
    """

    def __init__(self, url: str, process: subprocess.Popen[bytes], log: Callable[[str], None]) -> None:
        self.url = url
        self._process = process
        self._log = log
        self._tail: deque[str] = deque(maxlen=LOG_LINES)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def last_lines(self) -> list[str]:
        """The last lines that the server wrote."""
        return list(self._tail)

    def check(self) -> None:
        """Raise ServerError if the server has ended."""
        if (status := self._process.poll()) is not None:
            self._reader.join(1)  # its last words
            how = f"by signal {-status}" if status < 0 else f"with status {status}"
            raise ServerError(f"the server ended {how}")

    def stop(self, terminate: Callable[[], object]) -> None:
        """Ask the server to end, then make it end."""
        if self._process.poll() is None:
            terminate()
            try:
                self._process.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._reader.join(1)

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                text = line.decode("utf-8", "backslashreplace").rstrip()
                self._tail.append(text)
                self._log(text)


@contextmanager
def local_server(model: str, variables: Mapping[str, str], log: Callable[[str], None]) -> Iterator[Server]:
    """Run ``fasttrees serve`` in a process of its own.

    Parameters
    ----------
    model : str
        Model file, or directory that holds one.
    variables : mapping
        Environment variables; what the server would read of this process's own is left out.
    log : callable
        Told each line that the server writes.
    """
    port = free_port()
    command, environment = server_command(model, port, variables)
    with _running(command, environment, f"http://127.0.0.1:{port}", log) as (server, process):
        try:
            yield server
        finally:
            server.stop(process.terminate)


@contextmanager
def container(
    image: str, model: str | None, network: str | None, variables: Mapping[str, str], log: Callable[[str], None]
) -> Iterator[Server]:
    """Run an image as the service does: ``docker run IMAGE serve``.

    Parameters
    ----------
    image : str
    model : str or None
        Model file or directory for ``/opt/ml/model``.
    network : str or None
        Docker's ``--network``; with ``host`` the server is told its port, else its port is published.
    variables, log
        As for :func:`local_server`.
    """
    port = free_port()
    name = f"fasttrees-transform-{secrets.token_hex(6)}"
    command = container_command(image, name, model, network, port, variables)
    stop = stop_command(name)
    with _running(command, None, f"http://127.0.0.1:{port}", log) as (server, _):
        try:
            yield server
        finally:
            server.stop(lambda: subprocess.run(stop, capture_output=True, check=False))


@contextmanager
def _running(
    command: Sequence[str], environment: Mapping[str, str] | None, url: str, log: Callable[[str], None]
) -> Iterator[tuple[Server, subprocess.Popen[bytes]]]:
    try:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the job, which then ends the server in its own time
        )
    except FileNotFoundError as error:
        raise ServerError(f"{command[0]}: command not found") from error
    yield Server(url, process, log), process


def server_command(model: str, port: int, variables: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """Return the command that starts this package's own server, and its environment."""
    known = {variable.name for variable, _ in VARIABLES}
    environment = {name: value for name, value in os.environ.items() if name not in known}
    command = [sys.executable, "-m", "fasttrees", "serve", "--model", model, "--port", str(port)]
    return command, environment | dict(variables)


def container_command(
    image: str, name: str, model: str | None, network: str | None, port: int, variables: Mapping[str, str]
) -> list[str]:
    """Return the command that runs an image as the service does, reached at a port of this machine."""
    command = ["docker", "run", "--rm", "--name", name]
    if network is not None:
        command += ["--network", network]
    if network == "host":
        variables = {BIND_TO_PORT: str(port), **variables}
    else:
        command += ["--publish", f"127.0.0.1:{port}:{PORT}"]
    if model is not None:
        target = MODEL_DIRECTORY if os.path.isdir(model) else f"{MODEL_DIRECTORY}/{os.path.basename(model)}"
        command += ["--mount", f"type=bind,source={os.path.abspath(model)},target={target},readonly"]
    for variable, value in variables.items():
        command += ["--env", f"{variable}={value}"]
    return [*command, image, "serve"]


def stop_command(name: str) -> list[str]:
    """Return the command that ends a container as the service does."""
    return ["docker", "stop", "--time", str(STOP_TIMEOUT), name]


def free_port() -> int:
    """Find a port of this machine that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
