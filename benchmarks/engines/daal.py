"""daal4py: oneDAL's trees, converted from LightGBM's object in memory, so the conversion is part of loading."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import daal4py
import lightgbm
import numpy as np


def load(path: Path, prepared: Path) -> Any:
    return daal4py.mb.convert_model(lightgbm.Booster(model_file=path))


def predict(model: Any, rows: np.ndarray, n_threads: int = 1) -> np.ndarray:
    if daal4py.num_threads() != n_threads:
        daal4py.daalinit(n_threads)
    if model.is_regressor_:
        return np.asarray(model.predict(rows)).ravel()
    scores = np.asarray(model.predict_proba(rows))
    return scores if scores.shape[1] > 2 else scores[:, 1]
