"""Start the servers that are compared, as processes or as containers."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import psutil

import fasttrees
from fasttrees._sagemaker.batch_transform import (
    Client,
    Job,
    Server,
    ServerError,
    container_command,
    free_port,
    stop_command,
)
from fasttrees._sagemaker.contract import BIND_TO_PORT, MODEL_DIRECTORY, MODEL_SERVER_WORKERS
from fasttrees.comparison.environment import make_environment, versions_of
from fasttrees.comparison.errors import ComparisonError
from fasttrees.comparison.processes import Tree, running_on
from fasttrees.comparison.results import Contender
from fasttrees.errors import FastTreesError
from fasttrees.serving.settings import VARIABLES

__all__ = ["FolderServer", "ImageServer", "OwnServer", "Running", "ServerKind", "run_process"]

START_LIMIT = 300.0  # seconds
POLL = 0.002
STOP_LIMIT = 10.0  # seconds that remaining processes of a server have to end
MOST_SHARES = "262144"  # of the CPUs that a control group can have


@dataclass(frozen=True)
class Running:
    """A running server.

    Attributes
    ----------
    server : Server
    tree : Tree
    seconds : float
        From the command to the first 200 of ``/ping``.
    stop : callable
        Ends the server, as a container is ended, and returns its status; so does the end of the block.
    """

    server: Server
    tree: Tree
    seconds: float
    stop: Callable[[], int]

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return urlsplit(self.server.url).port or 80


class ServerKind(Protocol):
    """A kind of server, which can be started."""

    def describe(self) -> Contender:
        """Describe the server for the results."""

    @contextmanager
    def start(self, cpus: set[int], workers: int) -> Iterator[Running]:
        """Run it on some CPUs until the block ends; `workers` is what it is told, if it has workers."""
        raise NotImplementedError


class OwnServer:
    """The server of the installed package, as its image runs it."""

    def __init__(self, model: Path) -> None:
        self._model = model.resolve()

    def describe(self) -> Contender:
        """Describe the server for the results."""
        return Contender(how="processes", versions=[f"fasttrees=={fasttrees.__version__}"])

    @contextmanager
    def start(self, cpus: set[int], workers: int) -> Iterator[Running]:
        """Run it; it has one process, and takes the CPUs that it may use."""
        command = [sys.executable, "-m", "fasttrees.serving", "serve"]
        with run_process(command, {"MODEL_PATH": str(self._model)}, cpus) as running:
            yield running


class FolderServer:
    """A Python container's folder, its ``serve`` run in a virtual environment.

    Parameters
    ----------
    folder : Path
        With ``serve`` and ``requirements.txt``.
    model : Path
    environment : Path
        Where the virtual environment is, or will be.
    """

    def __init__(self, folder: Path, model: Path, environment: Path) -> None:
        self._folder, self._model, self._environment = folder.resolve(), model.resolve(), environment.absolute()
        self._programs = make_environment(self._folder, self._environment)

    def describe(self) -> Contender:
        """Describe the server for the results."""
        return Contender(how="processes", versions=versions_of(self._environment))

    @contextmanager
    def start(self, cpus: set[int], workers: int) -> Iterator[Running]:
        """Run it."""
        variables = {
            "MODEL_PATH": str(self._model),
            MODEL_SERVER_WORKERS: str(workers),
            "PATH": f"{self._programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        }
        with run_process(["sh", str(self._folder / "serve")], variables, cpus) as running:
            yield running


class ImageServer:
    """A container image, run as the service does."""

    def __init__(self, image: str, model: Path, network: str | None) -> None:
        if shutil.which("docker") is None:
            raise ComparisonError(f"--image: {image} needs Docker, and there is no command docker on the path")
        self._image, self._model, self._network = image, model.resolve(), network
        self._about: dict[str, Any] = json.loads(_docker("image", "inspect", image))[0]

    def describe(self) -> Contender:
        """Describe the image; with the versions of its packages only if it has pip."""
        command = ["docker", "run", "--rm", "--network", "none", "--entrypoint", "pip", self._image, "freeze"]
        frozen = subprocess.run(command, capture_output=True, text=True, check=False)
        return Contender(
            how="image",
            image=self._image,
            image_id=self._about["Id"],
            image_bytes=self._about["Size"],
            versions=frozen.stdout.split() if frozen.returncode == 0 else [],
        )

    @contextmanager
    def start(self, cpus: set[int], workers: int) -> Iterator[Running]:
        """Run it."""
        name, port = f"fasttrees-compare-{secrets.token_hex(6)}", free_port()
        variables = {
            "MODEL_PATH": f"{MODEL_DIRECTORY}/{self._model.name}",
            MODEL_SERVER_WORKERS: str(workers),
        }
        command = container_command(self._image, name, str(self._model), self._network, port, variables)
        command[2:2] = ["--cpuset-cpus", ",".join(map(str, sorted(cpus)))]
        if os.getpriority(os.PRIO_PROCESS, 0) < 0:  # containers share the CPUs by group first, by niceness then
            command[2:2] = ["--cpu-shares", MOST_SHARES]
        stop = stop_command(name)

        def tree() -> Tree:
            pid = int(_docker("inspect", "--format", "{{.State.Pid}}", name))
            try:
                return Tree(pid, in_cgroup=True)
            except psutil.NoSuchProcess as error:
                raise ComparisonError(
                    f"{self._image}: expected to see the container's process {pid} on this machine, to measure its "
                    "memory; a Docker engine in a virtual machine hides it: run the comparison inside that"
                ) from error

        with _started(command, None, os.sched_getaffinity(0), port, tree, lambda _: _docker(*stop[1:])) as running:
            running.tree.take_niceness()
            yield running


@contextmanager
def run_process(command: list[str], variables: Mapping[str, str], cpus: set[int]) -> Iterator[Running]:
    """Run a server as processes of this machine until the block ends.

    Parameters
    ----------
    command : list of str
    variables : mapping
        Environment variables; those that a server of this package reads and this process has are not passed on. The
        port is in ``SAGEMAKER_BIND_TO_PORT``.
    cpus : set of int
        CPUs that its processes may use.

    Raises
    ------
    ComparisonError
        If it does not start, or an exchange with it fails.
    """
    known = {variable.name for variable, _ in VARIABLES}
    environment = {key: value for key, value in os.environ.items() if key not in known}
    port = free_port()
    environment |= {BIND_TO_PORT: str(port), **variables}
    with _started(command, environment, cpus, port, None, subprocess.Popen.terminate) as running:
        yield running


@contextmanager
def _started(
    command: list[str],
    environment: Mapping[str, str] | None,
    cpus: set[int],
    port: int,
    tree: Callable[[], Tree] | None,
    stop: Callable[[subprocess.Popen[bytes]], object],
) -> Iterator[Running]:
    """Start a process, and stop it in the end."""
    began = time.perf_counter()
    with running_on(cpus):
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for this process, which then ends the server
        )
    server = Server(f"http://127.0.0.1:{port}", process, lambda line: None)

    def end() -> int:
        server.stop(lambda: stop(process))
        return process.wait()

    try:
        own = Tree(process.pid, in_cgroup=False)
        client = Client(server.url, Job(), server.check)
        try:
            client.wait_until_healthy(START_LIMIT, POLL)
        finally:
            client.close()
        seconds = time.perf_counter() - began
        yield Running(server, tree() if tree else own, seconds, end)
    except (ServerError, ConnectionError, TimeoutError, psutil.Error) as error:
        end()  # after which its last lines have been read
        last = next((f"; its last line: {line}" for line in reversed(server.last_lines) if line.strip()), "")
        raise ComparisonError(f"{' '.join(command[:3])}: {error}{last}") from error
    except FastTreesError as error:
        raise ComparisonError(f"{' '.join(command[:3])}: {error}") from error
    finally:
        end()
        _end_group(process.pid)


def _end_group(group: int) -> None:
    """End processes that a server left behind, such as those of a ``serve`` shell script without ``exec``."""
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGTERM)
        end = time.monotonic() + STOP_LIMIT
        while time.monotonic() < end:
            time.sleep(POLL)
            os.killpg(group, 0)
        os.killpg(group, signal.SIGKILL)


def _docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip() or "no message").splitlines()[-1]
        raise ComparisonError(f"docker {' '.join(arguments[:2])}: {last}")
    return done.stdout
