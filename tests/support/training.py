"""Small models from LightGBM's own training: any objective, on data with every kind of trouble."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import lightgbm
import numpy as np

from tests.support.builders import ZERO_THRESHOLD, Column, Matrix, as_type, neighbours, strange_values

#: All objectives of LightGBM; "custom" stands for a function: its models have no objective line.
OBJECTIVES = (
    "regression", "regression_l1", "huber", "fair", "poisson", "quantile", "mape", "gamma", "tweedie", "binary",
    "cross_entropy", "cross_entropy_lambda", "multiclass", "multiclassova", "lambdarank", "rank_xendcg", "custom",
)  # fmt: skip
MULTICLASS = ("multiclass", "multiclassova")
RANKING = ("lambdarank", "rank_xendcg")
SQRT_OBJECTIVES = ("regression", "regression_l1", "huber", "fair", "quantile", "mape")

#: What a column of training data can be filled with.
COLUMN_KINDS = (
    "normal", "rounded", "integers", "mostly zero", "constant", "huge", "tiny", "near the zero limit", "float32",
    "infinite",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Case:
    """What to train on what; `params` are LightGBM's own."""

    objective: str
    seed: int = 0
    n_rows: int = 300
    n_rounds: int = 5
    columns: tuple[str, ...] = ("normal",) * 4
    n_categorical: int = 0
    missing_share: float = 0.0
    n_classes: int = 1
    params: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def train(case: Case) -> tuple[str, Matrix]:
    """Train a model; return its text and the rows that it was trained on, categorical columns first."""
    rng = np.random.default_rng(case.seed)
    rows = np.column_stack(
        [category_column(rng, case.n_rows) for _ in range(case.n_categorical)]
        + [number_column(rng, kind, case.n_rows) for kind in case.columns]
    )
    rows[rng.random(rows.shape) < case.missing_share] = np.nan
    params = {
        "seed": case.seed, "verbosity": -1, "num_threads": 1, "min_data_in_leaf": 2, "min_data_per_group": 1,
        "min_data_in_bin": 1, "num_class": case.n_classes, "deterministic": True, "force_row_wise": True,
        "objective": squared_error if case.objective == "custom" else case.objective, **case.params,
    }  # fmt: skip
    dataset = lightgbm.Dataset(
        rows, make_labels(rng, case, rows), categorical_feature=list(range(case.n_categorical)),
        group=[case.n_rows // 2, case.n_rows - case.n_rows // 2] if case.objective in RANKING else None,
    )  # fmt: skip
    return lightgbm.train(params, dataset, case.n_rounds).model_to_string(), rows


def squared_error(predictions: Matrix, dataset: lightgbm.Dataset) -> tuple[Matrix, Matrix]:
    """Squared error, in every class: the custom objective."""
    labels = np.asarray(dataset.get_label(), float)
    return np.asarray((predictions.T - labels).T), np.ones_like(predictions)


def category_column(rng: np.random.Generator, n_rows: int) -> Column:
    """Small and large categories, so that a bit set has from one to many words."""
    categories: Column = np.minimum(rng.geometric(0.08, n_rows) - 1, 200) * rng.choice([1.0, 1.0, 1.0, 31.0], n_rows)
    return categories


def number_column(rng: np.random.Generator, kind: str, n_rows: int) -> Column:
    normal: Column = rng.normal(size=n_rows)
    if kind == "rounded":
        return normal.round(1)
    if kind == "integers":
        return rng.integers(-3, 9, n_rows).astype(float)
    if kind == "mostly zero":
        return np.where(rng.random(n_rows) < 0.7, 0.0, normal)
    if kind == "constant":
        return np.full(n_rows, 2.5)
    if kind == "huge":
        return normal * 1e300
    if kind == "tiny":
        return normal * 1e-307
    if kind == "near the zero limit":
        return rng.choice([*neighbours([-ZERO_THRESHOLD, ZERO_THRESHOLD, 0.0]), 1e-34, -1e-34], n_rows)
    if kind == "float32":
        return normal.astype(np.float32).astype(float)
    if kind == "infinite":
        return np.where(rng.random(n_rows) < 0.1, rng.choice([np.inf, -np.inf], n_rows), normal)
    return normal


def make_labels(rng: np.random.Generator, case: Case, rows: Matrix) -> Column:
    """Labels that the objective allows and that depend on the rows."""
    first: Column = np.nan_to_num(rows[:, 0], nan=0.5)
    order = np.argsort(np.argsort(first, kind="stable")) / len(rows)
    signal: Column = order + (np.isnan(rows).sum(axis=1) % 2) + rng.normal(scale=0.5, size=len(rows))
    if case.objective in MULTICLASS or (case.objective == "custom" and case.n_classes > 1):
        return np.digitize(signal, np.quantile(signal, np.arange(1, case.n_classes) / case.n_classes)).astype(float)
    if case.objective == "binary":
        return (signal > 0.7).astype(float)
    if case.objective in ("cross_entropy", "cross_entropy_lambda"):
        return np.clip(signal / 2, 0.0, 1.0)
    if case.objective in RANKING:
        return np.clip(signal * 2, 0, 4).astype(int).astype(float)
    if case.objective in ("poisson", "tweedie"):
        return np.maximum(signal, 0.0)
    if case.objective == "gamma":
        return np.maximum(signal, 0.01)
    return signal * 3 - 1


def prediction_rows(text: str, trained_on: Matrix, n_rows: int, seed: int, dtype: str = "float64") -> Matrix:
    """Mix training rows with strange values and with the model's thresholds and their neighbours."""
    rng = np.random.default_rng([seed, 1])
    thresholds = {
        float(number)
        for line in text.splitlines() if line.startswith("threshold=")
        for number in line.partition("=")[2].split()
    }  # fmt: skip
    rows = trained_on[rng.integers(len(trained_on), size=n_rows)]
    with np.errstate(all="ignore"):
        pools = [strange_values(), np.array([*neighbours(thresholds), 0.0])]
    for pool in pools:
        replaced = rng.random(rows.shape) < rng.choice([0.0, 0.1, 0.5], (n_rows, 1))
        rows[replaced] = rng.choice(pool, int(replaced.sum()))
    return as_type(rows, dtype)
