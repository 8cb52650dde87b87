"""Make the virtual environments: one for each file in benchmarks/requirements, made again when the file changes."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parent.parent
BUILD = ROOT / "build" / "benchmarks"
REQUIREMENTS = ROOT / "benchmarks" / "requirements"


def python_of(name: str, wheel: Path | None = None, requirements: Path | None = None) -> Path:
    """Return the Python of an environment, after making it if it is not there; with `wheel` installed in it too."""
    requirements = requirements or REQUIREMENTS / f"{name}.txt"
    folder = BUILD / "environments" / name
    python = folder / "bin" / "python"
    made_of = _digest(requirements.read_bytes() + sys.version.encode())
    if _read(folder / "made-of") != made_of:
        print(f"making the environment {name}", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        _pip(python, "-r", str(requirements))
        (folder / "made-of").write_text(made_of)
    if wheel is not None and _read(folder / "wheel") != _digest(wheel.read_bytes()):
        _pip(python, "--force-reinstall", "--no-deps", str(wheel))
        (folder / "wheel").write_text(_digest(wheel.read_bytes()))
    return python


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _read(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


def _pip(python: Path, *arguments: str) -> None:
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    subprocess.run([python, "-m", "pip", "install", "-q", *arguments], check=True, env=environment)
