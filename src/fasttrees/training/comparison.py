"""Load the written model, and compare predictions of fasttrees with LightGBM's, bit for bit."""

from __future__ import annotations

from pathlib import Path

import lightgbm
import numpy as np

import fasttrees
from fasttrees.training.errors import TrainingError
from fasttrees.training.table import Rows

__all__ = ["predict_and_compare"]

CHUNK = 1 << 16  # rows


def predict_and_compare(path: Path, rows_of: str, rows: Rows) -> Rows:
    """Predict rows with the model file, with fasttrees and with LightGBM.

    Parameters
    ----------
    path : Path
        Of the model.
    rows_of : str
        Name of the channel, for the error.
    rows : ndarray of float64, shape (n_rows, n_features)

    Returns
    -------
    ndarray of float64, shape (n_rows,) or (n_rows, n_classes)

    Raises
    ------
    TrainingError
        If any bit differs.
    """
    model = fasttrees.load(path)
    booster = lightgbm.Booster(model_file=path)
    parts = []
    for start in range(0, len(rows), CHUNK):
        chunk = np.array(rows[start : start + CHUNK])
        ours, theirs = model.predict(chunk), np.asarray(booster.predict(chunk))
        if ours.shape != theirs.shape or ours.tobytes() != theirs.tobytes():
            rows_differ = np.flatnonzero((ours.view(np.int64) != theirs.view(np.int64)).reshape(len(chunk), -1).any(1))
            first = rows_differ[0]
            raise TrainingError(
                f"row {start + first + 1} of {rows_of}: fasttrees predicts {ours[first].tolist()!r}, "
                f"LightGBM {theirs[first].tolist()!r}: the model is not kept; this is a bug of fasttrees"
            )
        parts.append(ours)
    return np.concatenate(parts)
