"""A server in a process of its own, and raw bytes to and from it."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from types import TracebackType
from typing import Any

SECONDS = 60  # for anything that must come to its end


class RunningServer:
    """``fasttrees serve`` on a free port.

    Parameters
    ----------
    model : str or None
        None: whatever `environment` says.
    environment : str
        Further environment variables.
    """

    def __init__(self, model: str | None = None, **environment: str) -> None:
        command = [sys.executable, "-m", "fasttrees", "serve", "--port", "0"]
        command += ["--model", model] if model else []
        self._process = subprocess.Popen(
            command, env={**os.environ, **environment}, stderr=subprocess.PIPE, text=True, encoding="utf-8"
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read_lines, daemon=True)
        self._reader.start()
        self.port = self._wait_for_port()

    def _read_lines(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.lines.append(line.rstrip("\n"))

    def _wait_for_port(self) -> int:
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            for line in list(self.lines):
                if found := re.match(r"fasttrees: serving at http://127\.0\.0\.1:(\d+)/", line):
                    return int(found.group(1))
            if self._process.poll() is not None:
                break
            time.sleep(0.005)
        self.end(signal.SIGKILL)
        raise AssertionError("the server did not start: " + "\n".join(self.lines))

    @property
    def pid(self) -> int:
        return self._process.pid

    def events(self, kind: str = "request") -> list[dict[str, Any]]:
        """Return the events of a kind that the log has."""
        lines = [json.loads(line) for line in list(self.lines) if line.startswith("{")]
        return [line for line in lines if line["event"] == kind]

    def event(self, request_id: str) -> dict[str, Any]:
        """Wait for the log line of a request."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            for line in list(self.lines):
                if request_id in line:
                    found: dict[str, Any] = json.loads(line)
                    return found
            time.sleep(0.005)
        raise AssertionError(f"no log line for {request_id}")

    def request(
        self, method: str, path: str, body: bytes | str | None = None, **headers: str
    ) -> tuple[int, bytes, dict[str, str]]:
        """Send one request over a connection of its own; headers' names have _ for -."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        try:
            names = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, names)
            response = connection.getresponse()
            answer = response.read()
            return response.status, answer, {name.lower(): value for name, value in response.getheaders()}
        finally:
            connection.close()

    def invoke(self, body: bytes | str, **headers: str) -> tuple[int, bytes]:
        status, answer, _ = self.request("POST", "/invocations", body, **{"Content_Type": "text/csv", **headers})
        return status, answer

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), SECONDS)

    def exchange(self, data: bytes) -> bytes:
        """Send bytes, end the sending side, and return all that comes back."""
        with self.connect() as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            return receive_all(connection)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and return the status of the process."""
        if self._process.poll() is None:
            self._process.send_signal(number)
        status = self._process.wait(SECONDS + 10)
        self._reader.join(SECONDS)
        assert self._process.stderr is not None
        self._process.stderr.close()
        return status

    def __enter__(self) -> RunningServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()


def receive_all(connection: socket.socket) -> bytes:
    """Receive until the other side closes."""
    data = bytearray()
    while True:
        try:
            block = connection.recv(1 << 16)
        except ConnectionResetError:
            return bytes(data)
        if not block:
            return bytes(data)
        data += block


def receive_answers(connection: socket.socket, count: int) -> list[tuple[int, bytes]]:
    """Receive whole answers from a connection that stays open: status and body of each."""
    data = b""
    answers: list[tuple[int, bytes]] = []
    while len(answers) < count:
        head, mark, rest = data.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE) if mark else None
        size = int(length.group(1)) if length else 0
        if mark and len(rest) >= size:
            answers.append((int(head.split()[1]), rest[:size]))
            data = rest[size:]
            continue
        block = connection.recv(1 << 16)
        if not block:
            raise AssertionError(f"closed after {len(answers)} answers")
        data += block
    return answers
