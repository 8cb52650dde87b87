"""Start engines in processes of their own and send them commands."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.catalogue import ENGINES, OURS
from benchmarks.environments import BUILD, ROOT, python_of


class EngineError(Exception):
    """An engine failed; the message says how."""


class Engines:
    """How to start each engine."""

    def __init__(self, names: list[str], wheel: Path | None) -> None:
        self.names = names
        self.wheel = wheel
        self.pythons = {name: python_of(ENGINES[name].requirements, wheel if name == OURS else None) for name in names}

    def environment(self, name: str) -> dict[str, str]:
        """Return the environment variables; without a wheel, fasttrees is imported from the tree."""
        paths = [str(ROOT)] + ([str(ROOT / "src")] if name == OURS and self.wheel is None else [])
        return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONHASHSEED": "0"}

    def start(self, name: str) -> Worker:
        """Start a process of the engine; it imports the engine with its first command."""
        return Worker(name, [str(self.pythons[name]), "-m", "benchmarks.worker", name], self.environment(name))


class Worker:
    """A process of an engine."""

    def __init__(self, name: str, command: list[str], environment: dict[str, str]) -> None:
        self.name = name
        log_path = BUILD / "logs" / f"{name}.log"
        log_path.parent.mkdir(parents=True, exist_ok=True)
        with log_path.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=ROOT,
                env=environment,
                start_new_session=True,  # so that the compilers it starts end with it
            )

    def __call__(self, command: str, limit: float = 300, **arguments: Any) -> dict[str, Any]:
        """Send a command and return the reply; raise EngineError if it fails or takes longer than `limit` seconds."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({"command": command, **arguments}).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise EngineError("the process has ended") from None
        if not select.select([self._process.stdout], [], [], limit)[0]:
            self.stop()
            raise EngineError(f"stopped: {command} took longer than {limit:.0f} s")
        line = self._process.stdout.readline()
        if not line:
            raise EngineError(f"crashed: {command} ended with {describe_exit(self._process.wait())}")
        reply: dict[str, Any] = json.loads(line)
        if "error" in reply:
            raise EngineError(reply["error"])
        return reply

    def stop(self) -> None:
        """End the process and what it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def describe_exit(status: int) -> str:
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"status {status}"
