"""pylignum as it loads a model: interpreted."""

from __future__ import annotations

from pathlib import Path

import lignum
import numpy as np


def load(path: Path, prepared: Path) -> lignum.Model:
    return lignum.load(str(path))


def predict(model: lignum.Model, rows: np.ndarray, n_threads: int = 1) -> np.ndarray:
    return np.asarray(model.predict(rows, n_jobs=n_threads))
