"""Train the models of the benchmarks from real data, each with 100,000 rows to score: NAME.txt and NAME.rows.npy.

``python -m benchmarks.models FOLDER NAME...`` makes what is not there yet; it runs in the environment of
``requirements/models.txt``.
"""

from __future__ import annotations

import os
import runpy
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "tests" / "data" / "lightgbm-examples"
N_ROWS = 100_000
SEED = 1
COMMON = {"min_data_in_leaf": 5, "learning_rate": 0.1, "seed": SEED, "num_threads": 1, "verbose": -1}
DEEP = {"min_data_in_leaf": 1, "min_sum_hessian_in_leaf": 0, "learning_rate": 0.02}  # or the leaves end before 255


@dataclass(frozen=True)
class Data:
    features: np.ndarray
    labels: np.ndarray
    categorical: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Recipe:
    data: Callable[[], Data]
    iterations: int
    leaves: int
    parameters: dict[str, Any]


# -- data -------------------------------------------------------------------------------------------------------------


def example(name: str) -> Data:
    """Read a data set of LightGBM's examples: 7,000 rows, 28 numerical features."""
    table = np.loadtxt(EXAMPLES / name)
    return Data(np.ascontiguousarray(table[:, 1:]), table[:, 0])


def binary() -> Data:
    return example("binary.train")


def multiclass() -> Data:
    return example("multiclass.train")


def regression() -> Data:
    return example("regression.train")


@cache
def flights_example() -> tuple[dict[str, Any], pd.DataFrame]:
    """Return what examples/flights/train.py defines, and the 327,346 flights that it reads."""
    module = runpy.run_path(str(ROOT / "examples" / "flights" / "train.py"))
    return module, module["read_flights"]()


def flights() -> Data:
    """Return the flights as the example has them: 6 categorical and 17 numerical features, missing values in many."""
    module, table = flights_example()
    features = module["encode"](table)[0].to_numpy()
    late = table["arr_delay"] > module["LATE_MINUTES"]
    return Data(features, late.to_numpy(float), list(range(len(module["CATEGORICAL"]))))


def flight_delays() -> Data:
    """Return the numerical features of the flights with the delay in minutes, which even small leaves can still fit."""
    module, table = flights_example()
    return Data(table[module["NUMERICAL"]].to_numpy(float), table["arr_delay"].to_numpy(float))


def flight_categories() -> Data:
    """Return flights as nothing but categories, of which the 4,037 planes are most."""
    module, table = flights_example()
    columns = ["carrier", "origin", "dest", "hour", "tailnum"]
    features = np.column_stack([pd.factorize(table[name], sort=True)[0] for name in columns]).astype(float)
    late = table["arr_delay"] > module["LATE_MINUTES"]
    return Data(features, late.to_numpy(float), list(range(len(columns))))


def flight_indicators(n_features: int = 2000) -> Data:
    """Return features that are nearly all zero: one for each of the commonest categories of the flights."""
    module, table = flights_example()
    columns = ["carrier", "origin", "dest", "hour", "month", "day", "day_of_week", "manufacturer", "model", "tailnum"]
    counts = pd.concat({name: table[name].value_counts() for name in columns})
    commonest = counts.sort_values(ascending=False, kind="stable").index[:n_features]
    features = np.zeros((len(table), len(commonest)), np.float32)
    for i, (name, category) in enumerate(commonest):
        features[:, i] = table[name] == category
    late = table["arr_delay"] > module["LATE_MINUTES"]
    return Data(features, late.to_numpy(float))


# -- models -----------------------------------------------------------------------------------------------------------

BINARY = {"objective": "binary"}
REGRESSION = {"objective": "regression"}
MODELS = {
    "binary-100x31": Recipe(binary, 100, 31, BINARY),
    "binary-500x31": Recipe(binary, 500, 31, BINARY),
    "binary-1000x63": Recipe(binary, 1000, 63, {**BINARY, **DEEP}),
    "binary-500x255": Recipe(binary, 500, 255, {**BINARY, **DEEP}),
    "flights-100x31": Recipe(flights, 100, 31, BINARY),
    "flights-500x63": Recipe(flights, 500, 63, BINARY),
    "categorical-100x31": Recipe(flight_categories, 100, 31, BINARY),
    "multiclass-500x31": Recipe(multiclass, 500, 31, {"objective": "multiclass", "num_class": 5, **DEEP}),
    "sparse-500x31": Recipe(flight_indicators, 500, 31, BINARY),
    "bins1023-500x31": Recipe(binary, 500, 31, {**BINARY, "max_bin": 1023, "min_data_in_bin": 1}),
    "linear-100x31": Recipe(regression, 100, 31, {**REGRESSION, "linear_tree": True}),
    "huge-200x4095": Recipe(flight_delays, 200, 4095, REGRESSION),
    "large-100x1023": Recipe(binary, 100, 1023, {**BINARY, **DEEP}),
}


def recipe_of(name: str) -> Recipe:
    """Return one of MODELS, or one of a series: trees-N, leaves-N or features-N."""
    if name in MODELS:
        return MODELS[name]
    quantity, _, value = name.partition("-")
    n = int(value)
    series = {
        "trees": Recipe(binary, n, 31, BINARY),
        "leaves": Recipe(flight_delays, 100, n, REGRESSION),
        "features": Recipe(partial(flight_indicators, n), 100, 31, BINARY),
    }
    return series[quantity]


def rows_to_score(features: np.ndarray) -> np.ndarray:
    """Draw N_ROWS rows in random order, none twice before all were drawn."""
    generator = np.random.default_rng(SEED)
    rounds = -(-N_ROWS // len(features))
    order = np.concatenate([generator.permutation(len(features)) for _ in range(rounds)])[:N_ROWS]
    return np.ascontiguousarray(features[order], np.float64)


def make(name: str, folder: Path) -> None:
    """Train a model and write it with its rows; each file appears when it is whole, the model last."""
    recipe = recipe_of(name)
    data = recipe.data()
    parameters = {**COMMON, "num_leaves": recipe.leaves, **recipe.parameters}
    training = lightgbm.Dataset(data.features, data.labels, categorical_feature=data.categorical)
    booster = lightgbm.train(parameters, training, recipe.iterations)
    partial = folder / f"{name}.partial"
    with partial.open("wb") as file:
        np.save(file, rows_to_score(data.features))
    os.replace(partial, folder / f"{name}.rows.npy")
    booster.save_model(partial)
    os.replace(partial, folder / f"{name}.txt")


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name in sys.argv[2:]:
        if not (folder / f"{name}.txt").exists():
            begin = time.perf_counter()
            make(name, folder)
            print(f"{name} trained in {time.perf_counter() - begin:.0f} s", flush=True)


if __name__ == "__main__":
    main()
