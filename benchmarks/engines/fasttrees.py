"""fasttrees: nothing to prepare."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

import fasttrees


def load(path: Path, prepared: Path) -> fasttrees.Model:
    return fasttrees.load(path)


def predict(model: fasttrees.Model, rows: np.ndarray, n_threads: int = 1) -> np.ndarray:
    return model.predict(rows, n_threads=n_threads)


def one_row(model: fasttrees.Model) -> Callable[[np.ndarray], object]:
    return model.row_scorer().score


def nbytes(model: fasttrees.Model) -> int:
    return model.nbytes


def describe() -> str:
    from fasttrees._builds import usable_builds

    return f"build {usable_builds()[0]}"
