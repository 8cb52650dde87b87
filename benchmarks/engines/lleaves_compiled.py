"""lleaves, which compiles with LLVM."""

from __future__ import annotations

from pathlib import Path

import lleaves
import numpy as np


def prepare(path: Path, prepared: Path) -> None:
    load(path, prepared)


def load(path: Path, prepared: Path) -> lleaves.Model:
    model = lleaves.Model(str(path))
    model.compile(cache=prepared / "model.o")
    return model


def predict(model: lleaves.Model, rows: np.ndarray, n_threads: int = 1) -> np.ndarray:
    return np.asarray(model.predict(rows, n_jobs=n_threads))
