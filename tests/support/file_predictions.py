"""Predicts from files with LightGBM, each in a process of its own, because a bad file can end it.

``python -m tests.support.file_predictions MODEL`` reads a JSON list of paths and keyword arguments, and writes what
came: a shape and the bytes of the result, the name of an error, or the number of a signal.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np

from tests.support.paths import ROOT


def predict_files(model: Path, cases: Sequence[tuple[Path, dict[str, Any]]]) -> list[Any]:
    """Give for each case an array, the name of an error, or the number of a signal."""
    answer = subprocess.run(
        [sys.executable, "-m", "tests.support.file_predictions", str(model)],
        input=json.dumps([(str(path), arguments) for path, arguments in cases]),
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT, check=True, timeout=300,
    )  # fmt: skip
    found = json.loads(answer.stdout.splitlines()[-1])
    return [
        np.frombuffer(bytes.fromhex(one["bytes"]), one["dtype"]).reshape(one["shape"]) if isinstance(one, dict) else one
        for one in found
    ]


def predict_in_fork(booster: lightgbm.Booster, path: str, arguments: dict[str, Any]) -> Any:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os.dup2(2, 1)
        try:
            result: Any = booster.predict(path, num_threads=1, **arguments)
            found: Any = {"bytes": result.tobytes().hex(), "dtype": str(result.dtype), "shape": result.shape}
        except Exception as error:
            found = type(error).__name__
        with os.fdopen(writing, "w") as file:
            json.dump(found, file)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as file:
        text = file.read()
    status = os.waitpid(child, 0)[1]
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else json.loads(text)


if __name__ == "__main__":
    _booster = lightgbm.Booster(model_file=sys.argv[1])
    print(json.dumps([predict_in_fork(_booster, path, arguments) for path, arguments in json.load(sys.stdin)]))
