"""Folders that stand for ``/opt/ml``, with small data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

N_FEATURES = 6
CATEGORY = 3
BINARY = {"objective": "binary", "num_iterations": "60", "early_stopping_round": "5", "seed": "1", "num_leaves": "7"}
SCHEMA = {
    "feature_names": ["depth", "how far", "x", "colour", "y", "z"],
    "categorical": [CATEGORY],
    "target": "late",
    "classes": [],
}

Array = npt.NDArray[np.float64]


def make_rows(n_rows: int, seed: int, n_classes: int = 2) -> tuple[Array, Array]:
    """Make rows with missing values and a category, and targets that depend on both; 0 classes: a number."""
    random = np.random.default_rng(seed)
    rows = random.normal(size=(n_rows, N_FEATURES))
    rows[:, CATEGORY] = random.integers(0, 9, n_rows)
    raw = rows[:, 0] + rows[:, 1] ** 2 + 2 * (rows[:, CATEGORY] % 3 == 1) + random.normal(size=n_rows)
    rows[random.random((n_rows, N_FEATURES)) < 0.05] = np.nan
    target = raw if n_classes == 0 else np.digitize(raw, np.linspace(0.5, 3, n_classes - 1)).astype(float)
    return rows, target


def write_csv(path: Path, rows: Array, target: Array) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        ",".join([repr(float(truth)), *("" if np.isnan(value) else repr(float(value)) for value in row)])
        for row, truth in zip(rows, target, strict=True)
    ]
    path.write_text("\n".join(lines) + "\n")


def write_json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def make_job(
    root: Path,
    hyperparameters: dict[str, Any] = BINARY,
    *,
    n_classes: int = 2,
    n_rows: int = 600,
    schema: dict[str, Any] | None = SCHEMA,
    channels: Sequence[str] = ("train", "validation"),
) -> Path:
    write_json(root / "input/config/hyperparameters.json", hyperparameters)
    write_json(root / "input/config/resourceconfig.json", {"current_host": "algo-1", "hosts": ["algo-1"]})
    names = [*channels, *(["schema"] if schema is not None else [])]
    facts = {"ContentType": "text/csv", "TrainingInputMode": "File", "RecordWrapperType": "None"}
    write_json(root / "input/config/inputdataconfig.json", dict.fromkeys(names, facts))
    for seed, channel in enumerate(channels):
        rows, target = make_rows(n_rows, seed, n_classes)
        half = n_rows // 2
        write_csv(root / f"input/data/{channel}/part-00000.csv", rows[:half], target[:half])
        write_csv(root / f"input/data/{channel}/part-00001.csv", rows[half:], target[half:])
    if schema is not None:
        write_json(root / "input/data/schema/schema.json", schema)
    return root


def read_channel(root: Path, channel: str) -> tuple[Array, Array]:
    tables = [np.genfromtxt(path, delimiter=",") for path in sorted((root / "input/data" / channel).glob("*.csv"))]
    table = np.concatenate(tables)
    return table[:, 1:], table[:, 0]
