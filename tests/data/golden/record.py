"""Records LightGBM's outputs for the golden models: one JSON file beside each."""

from __future__ import annotations

import json
from pathlib import Path

import lightgbm
import numpy as np

from tests.support.builders import Matrix, lightgbm_predict, load_lightgbm, neighbours, strange_values
from tests.support.paths import GOLDEN

FOLDER = GOLDEN
N_ROWS = 48


def hexadecimal(values: Matrix) -> list[str] | list[list[str]]:
    """Spell doubles so that no bit is lost and NaN and infinity are JSON."""
    if values.ndim == 2:
        return [[float(value).hex() for value in row] for row in values]
    return [float(value).hex() for value in values]


def make_rows(text: str, n_features: int) -> Matrix:
    """Rows of the model's thresholds, the doubles next to them, categories, and strange values."""
    rng = np.random.default_rng(0)
    lines = [line.partition("=")[2] for line in text.splitlines() if line.startswith("threshold=")]
    thresholds = neighbours(sorted({float(number) for line in lines for number in line.split()}))
    with np.errstate(all="ignore"):
        strange = rng.choice(strange_values(), (N_ROWS, n_features))
        near = rng.choice(np.array(thresholds), (N_ROWS, n_features))
    usual = np.where(rng.random((N_ROWS, n_features)) < 0.5, rng.normal(size=(N_ROWS, n_features)),
                     rng.integers(0, 45, (N_ROWS, n_features)))  # fmt: skip
    return np.asarray(np.choose(rng.integers(0, 4, (N_ROWS, n_features)), [strange, near, usual, usual]))


def record(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    booster = load_lightgbm(text)
    rows = make_rows(text, booster.num_feature())
    outputs = {
        "lightgbm": lightgbm.__version__,
        "rows": hexadecimal(rows),
        "scores": hexadecimal(lightgbm_predict(booster, rows)),
        "raw_scores": hexadecimal(lightgbm_predict(booster, rows, raw_score=True)),
        "leaves": lightgbm_predict(booster, rows, pred_leaf=True).tolist(),
    }
    items = ",\n".join(f'"{key}": {json.dumps(value)}' for key, value in outputs.items())
    path.with_suffix(".json").write_text("{\n" + items + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    for path in sorted(FOLDER.glob("*.txt")):
        record(path)
