"""Containers of the image, run as SageMaker runs them, on ports of the host."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import time
import uuid
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.support.paths import FLIGHTS
from tests.support.ports import free_port

IMAGE = os.environ.get("FASTTREES_IMAGE", "")
TRAIN_IMAGE = os.environ.get("FASTTREES_TRAIN_IMAGE", "")
WITHOUT_RIGHTS = ["--user=65534:65534", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"]
PYTHON = ["/usr/bin/python3.11", "-I", "-S"]
SECONDS = 60  # for anything that must come to its end


def docker(*arguments: str, status: int = 0) -> str:
    """Run a command of the engine's, which must end with `status`; return all it printed."""
    run = subprocess.run(
        ["docker", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=60
    )
    assert run.returncode == status, f"docker {' '.join(arguments)}: status {run.returncode}: {run.stdout}"
    return run.stdout


def inspect(name: str, template: str) -> Any:
    return json.loads(docker("inspect", "--format", f"{{{{json {template}}}}}", name))


def mount(source: Path, target: str, mode: str = "ro") -> list[str]:
    return ["--volume", f"{source}:{target}:{mode}"]


FLIGHTS_MODEL = mount(FLIGHTS / "model.txt", "/opt/ml/model/model.txt")


class Container:
    """``docker run IMAGE serve``.

    Parameters
    ----------
    options : str
        Of ``docker run``.
    network : str
        With "none", there is nothing but its own loopback.
    environment : str
        Variables.
    """

    def __init__(self, *options: str, network: str = "host", **environment: str) -> None:
        self.name = f"fasttrees-test-{uuid.uuid4().hex[:12]}"
        self.port = free_port() if network == "host" else 8080
        self._network = network
        if network == "host":
            environment["SAGEMAKER_BIND_TO_PORT"] = str(self.port)
        variables = [f"--env={name}={value}" for name, value in environment.items()]
        self.began = time.perf_counter()
        docker("run", "--detach", "--name", self.name, "--network", network, *variables, *options, IMAGE, "serve")

    def wait(self) -> float:
        """Wait until it answers a ping; return the seconds since ``docker run`` was called."""
        while time.perf_counter() - self.began < SECONDS:
            try:
                if self.request("GET", "/ping")[0] == 200:
                    return time.perf_counter() - self.began
            except (OSError, AssertionError):
                if not inspect(self.name, ".State.Running"):
                    break
            time.sleep(0.005)
        raise AssertionError(f"the container does not answer: {self.log()}")

    def request(
        self, method: str, path: str, body: bytes | str | None = None, **headers: str
    ) -> tuple[int, bytes, dict[str, str]]:
        """Send one request; headers' names have _ for -. Without a network, a process inside sends it."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        if self._network == "none":
            return self._request_inside(method, path, body, names)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        try:
            connection.request(method, path, body, names)
            response = connection.getresponse()
            return response.status, response.read(), {name.lower(): value for name, value in response.getheaders()}
        finally:
            connection.close()

    def _request_inside(
        self, method: str, path: str, body: bytes | str | None, headers: dict[str, str]
    ) -> tuple[int, bytes, dict[str, str]]:
        text = body.decode("latin-1") if isinstance(body, bytes) else body
        arguments = json.dumps([method, path, text, headers])
        status, answer, names = json.loads(docker("exec", self.name, *PYTHON, "-c", CLIENT, arguments))
        return status, answer.encode("latin-1"), names

    def invoke(self, body: bytes, **headers: str) -> tuple[int, bytes]:
        status, answer, _ = self.request("POST", "/invocations", body, **{"Content_Type": "text/csv", **headers})
        return status, answer

    def stop(self) -> int:
        """Send SIGTERM as the service does, SIGKILL 30 s later, and return the exit status."""
        docker("stop", "--time", "30", self.name)
        return self.status()

    def status(self) -> int:
        """Wait for the end and return the exit status."""
        return int(docker("wait", self.name))

    def log(self) -> str:
        return docker("logs", self.name)

    def pids(self) -> list[int]:
        """List all its processes by their numbers on the host."""
        return [int(line) for line in docker("top", self.name, "-o", "pid").split()[1:]]

    def __enter__(self) -> Container:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            print(self.log())
        docker("rm", "--force", self.name)


CLIENT = """
import http.client, json, sys
method, path, body, headers = json.loads(sys.argv[1])
connection = http.client.HTTPConnection("127.0.0.1", 8080, timeout=10)
connection.request(method, path, body.encode("latin-1") if body is not None else None, headers)
response = connection.getresponse()
names = {name.lower(): value for name, value in response.getheaders()}
print(json.dumps([response.status, response.read().decode("latin-1"), names]))
"""
