"""Start each of the servers compared, with the harness of ``fasttrees compare``."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from benchmarks.environments import ROOT, python_of
from fasttrees.comparison.servers import Running, run_process

OURS, PYTHON = "fasttrees", "python-container"
TITLES = {OURS: "fasttrees", PYTHON: "Python container"}
CONTAINER = ROOT / "benchmarks" / "python-container"
REQUIREMENTS = CONTAINER / "requirements.txt"


def container_python() -> Path:
    """Return the Python of the Python container's environment."""
    return python_of(PYTHON, requirements=REQUIREMENTS)


class Servers:
    """Starts servers that score one model."""

    def __init__(self, model: Path, wheel: Path | None) -> None:
        self.model, self.wheel = model, wheel
        self.pythons = {OURS: python_of("serving", wheel), PYTHON: container_python()}

    def start(self, name: str, cpus: set[int]) -> AbstractContextManager[Running]:
        """Start a server on some CPUs; it finds out by itself how many workers that makes."""
        environment = {"MODEL_PATH": str(self.model)}
        if name == OURS:
            command: list[str | Path] = [self.pythons[name], "-m", "fasttrees.serving", "serve"]
            if self.wheel is None:
                environment["PYTHONPATH"] = str(ROOT / "src")
        else:
            settings: list[str | Path] = ["--config", CONTAINER / "gunicorn.conf.py", "--chdir", CONTAINER]
            command = [self.pythons[name], "-m", "gunicorn", *settings, "app:app"]
            environment["OMP_NUM_THREADS"] = "1"
        return run_process([str(part) for part in command], environment, cpus)
