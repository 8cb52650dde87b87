"""tl2cgen, which makes C of what treelite reads and compiles it with gcc."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import tl2cgen
import treelite


class Model:
    """The compiled library; each number of threads takes a predictor of its own."""

    def __init__(self, library: Path) -> None:
        self.library = library
        self.predictors: dict[int, tl2cgen.Predictor] = {}

    def predictor(self, n_threads: int) -> tl2cgen.Predictor:
        if n_threads not in self.predictors:
            self.predictors[n_threads] = tl2cgen.Predictor(self.library, nthread=n_threads)
        return self.predictors[n_threads]


def prepare(path: Path, prepared: Path) -> None:
    model = treelite.frontend.load_lightgbm_model(path)
    # 32 translation units: as one, larger models take gcc hours.
    parameters = {"parallel_comp": 32}
    tl2cgen.export_lib(model, "gcc", prepared / "model.so", params=parameters, nthread=os.cpu_count())


def load(path: Path, prepared: Path) -> Model:
    model = Model(prepared / "model.so")
    model.predictor(1)
    return model


def predict(model: Model, rows: np.ndarray, n_threads: int = 1) -> np.ndarray:
    scores = model.predictor(n_threads).predict(tl2cgen.DMatrix(rows, dtype="float64"))
    return np.asarray(scores).squeeze(1) if scores.shape[2] > 1 else np.asarray(scores)[:, 0, 0]
