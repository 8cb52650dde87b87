"""LightGBM, whose predictions are the reference."""

from __future__ import annotations

from pathlib import Path

import lightgbm
import numpy as np


def load(path: Path, prepared: Path) -> lightgbm.Booster:
    return lightgbm.Booster(model_file=path)


def predict(model: lightgbm.Booster, rows: np.ndarray, n_threads: int = 1) -> np.ndarray:
    return np.asarray(model.predict(rows, num_threads=n_threads))
