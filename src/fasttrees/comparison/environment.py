"""Make the virtual environment for a Python container's folder, to run it without Docker."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from fasttrees.comparison.errors import ComparisonError

__all__ = ["make_environment", "versions_of"]

MARK = "made-of"


def make_environment(baseline: Path, folder: Path) -> Path:
    """Make the environment from the container's ``requirements.txt``, unless it is there.

    Parameters
    ----------
    baseline : Path
        The container's folder.
    folder : Path
        Of the environment; replaced where it was made of other requirements, or for another Python.

    Returns
    -------
    Path
        The folder of its programs.
    """
    requirements = baseline / "requirements.txt"
    for file in (requirements, baseline / "serve"):
        if not file.is_file():
            raise ComparisonError(
                f"{file}: no such file; expected the folder of a Python container: serve, as SageMaker runs it, and "
                "requirements.txt"
            )
    made_of = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    mark = folder / MARK
    if not (mark.exists() and mark.read_text() == made_of):
        if folder.exists() and not (folder / "pyvenv.cfg").exists():
            raise ComparisonError(f"{folder}: expected a virtual environment, or nothing; move it away")
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        _pip(folder, "install", "--quiet", "--requirement", str(requirements))
        mark.write_text(made_of)
    return folder / "bin"


def versions_of(folder: Path) -> list[str]:
    """List the packages of an environment, as ``pip freeze`` does."""
    return _pip(folder, "freeze").split()


def _pip(folder: Path, *arguments: str) -> str:
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    command = [str(folder / "bin" / "python"), "-m", "pip", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise ComparisonError(f"{folder}: pip {arguments[0]} failed with status {done.returncode}: {last}")
    return done.stdout
