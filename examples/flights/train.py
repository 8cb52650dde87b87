"""Trains the flights example and records what LightGBM predicts with it; README.md tells the story.

Run ``python examples/flights/train.py`` in an environment with requirements.txt installed. It writes model.txt,
rows.csv, raw_scores.csv, predictions.csv and metadata.json beside itself, the same bytes every time.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterable
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd
from flights import CATEGORICAL, FEATURES, LATE_MINUTES, read_flights

HERE = Path(__file__).parent
SEED = 2013
HELD_OUT_MONTH = 12
HELD_OUT_ROWS = 10_000
NUM_TREES = 300
PARAMETERS = {
    "objective": "binary",
    "num_leaves": 31,
    "learning_rate": 0.05,
    "min_data_in_leaf": 100,
    "feature_fraction": 0.8,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "seed": SEED,
    "deterministic": True,
    "force_col_wise": True,
    "verbosity": -1,
}


def encode(flights: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, list[str]]]:
    """Replace each category by its number in the sorted list of all categories; missing ones stay missing."""
    tables = {name: sorted(flights[name].dropna().unique()) for name in CATEGORICAL}
    features = flights[FEATURES].copy()
    for name, categories in tables.items():
        features[name] = flights[name].map({category: code for code, category in enumerate(categories)})
    return features.astype(np.float64), tables


def cell(value: float) -> str:
    """Write a number with the fewest digits that read back to the same double, a missing one as nothing."""
    return "" if np.isnan(value) else repr(float(value)).removesuffix(".0")


def write_csv(name: str, rows: Iterable[Iterable[float]]) -> None:
    """Write a CSV file without a header."""
    (HERE / name).write_text("".join(",".join(map(cell, row)) + "\n" for row in rows), encoding="ascii", newline="\n")


def auc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Compute the area under the ROC curve: how often a late flight scores above one in time."""
    ranks = pd.Series(scores).rank().to_numpy()
    late = int(labels.sum())
    return float((ranks[labels].sum() - late * (late + 1) / 2) / (late * (len(labels) - late)))


def main() -> None:
    """Train, score the held-out rows with LightGBM, and write the files."""
    flights = read_flights()
    features, tables = encode(flights)
    labels = (flights["arr_delay"] > LATE_MINUTES).to_numpy()
    in_training = (flights["month"] != HELD_OUT_MONTH).to_numpy()
    candidates = np.flatnonzero(~in_training)
    held_out = np.sort(np.random.default_rng(SEED).choice(candidates, HELD_OUT_ROWS, replace=False))

    data = lightgbm.Dataset(features[in_training], labels[in_training], categorical_feature=CATEGORICAL)
    booster = lightgbm.train(PARAMETERS, data, NUM_TREES)
    (HERE / "model.txt").write_text(booster.model_to_string(), encoding="utf-8", newline="\n")
    write_csv("rows.csv", features.to_numpy()[held_out])

    # From here on only the files count, as they do for whoever checks them.
    booster = lightgbm.Booster(model_file=HERE / "model.txt")
    rows = np.genfromtxt(HERE / "rows.csv", delimiter=",")
    if not np.array_equal(rows, features.to_numpy()[held_out], equal_nan=True):
        raise SystemExit("rows.csv does not read back to the values that were written")
    raw_scores = np.asarray(booster.predict(rows, raw_score=True))
    predictions = np.asarray(booster.predict(rows))
    write_csv("raw_scores.csv", raw_scores[:, np.newaxis])
    write_csv("predictions.csv", predictions[:, np.newaxis])

    late = labels[held_out]
    metadata = {
        "task": f"arrives more than {LATE_MINUTES} minutes late, known as the plane leaves the gate",
        "versions": {
            "lightgbm": lightgbm.__version__,
            "numpy": np.__version__,
            "pandas": pd.__version__,
            "python": platform.python_version(),
        },
        "machine": {"architecture": platform.machine(), "c_library": " ".join(platform.libc_ver())},
        "seed": SEED,
        "parameters": PARAMETERS,
        "num_trees": booster.num_trees(),
        "rows": {"training": int(in_training.sum()), "held_out": HELD_OUT_ROWS, "held_out_month": HELD_OUT_MONTH},
        "metrics": {
            "auc": auc(late, predictions),
            "log_loss": float(-np.log(np.where(late, predictions, 1 - predictions)).mean()),
            "late_rate": float(late.mean()),
            "mean_prediction": float(predictions.mean()),
        },
        "missing_cells": {name: int(count) for name, count in zip(FEATURES, np.isnan(rows).sum(axis=0), strict=True)},
        "columns": FEATURES,
        "categories": tables,
        "sha256": {
            name: hashlib.sha256((HERE / name).read_bytes()).hexdigest()
            for name in ("model.txt", "rows.csv", "raw_scores.csv", "predictions.csv")
        },
    }
    (HERE / "metadata.json").write_text(json.dumps(metadata, indent=1) + "\n", encoding="ascii", newline="\n")


if __name__ == "__main__":
    main()
