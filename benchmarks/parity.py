"""Count predictions not bit-equal to LightGBM's, over many trained models, and write docs/internals/parity.md.

Run from the root of the repository: ``python -m benchmarks.parity``. Takes a few minutes.
"""

from __future__ import annotations

import dataclasses
import datetime
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np

import fasttrees
from benchmarks.machine import describe_system
from fasttrees._builds import usable_builds
from tests.support.builders import Matrix, as_type, differences, lightgbm_predict, load_builds, load_lightgbm
from tests.support.training import (
    COLUMN_KINDS,
    MULTICLASS,
    OBJECTIVES,
    SQRT_OBJECTIVES,
    Case,
    prediction_rows,
    train,
)

N_ROWS = 4000
N_FEW = 210
PAGE = Path(__file__).parents[1] / "docs" / "internals" / "parity.md"
MACHINE = f"""Machine: {describe_system()},
numpy {np.__version__}, lightgbm {lightgbm.__version__}, fasttrees {fasttrees.__version__} (builds
{", ".join(usable_builds())})."""

COLUMNS = ("normal", "rounded", "integers", "mostly zero", "near the zero limit", "normal")
BASE = Case("regression", n_rows=2000, n_rounds=30, columns=COLUMNS, missing_share=0.1)
LARGE = {"min_data_in_leaf": 1, "min_sum_hessian_in_leaf": 0.0, "max_bin": 5000}
RF = {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6, "feature_fraction": 0.8}
SIGMOIDS = (0.7, 2.35592, 0.123456789, 1e-3, 20.0)


def of(objective: str, **changes: Any) -> Case:
    """Change the usual case; multiclass objectives get five classes unless told otherwise."""
    if objective in MULTICLASS:
        changes = {"n_classes": 5, "n_rounds": 10, **changes}
    return dataclasses.replace(BASE, objective=objective, **changes)


def cases() -> Iterator[tuple[str, Case]]:
    """List what to train, by group."""
    params: dict[str, Any]
    for objective in OBJECTIVES:
        yield "Objectives", of(objective)
        yield "Objectives", of(objective, n_categorical=2, params={"boost_from_average": False})
        yield "Boosting: dart", of(objective, n_categorical=1, params={"boosting": "dart", "drop_rate": 0.3})
        yield "Boosting: goss", of(objective, n_categorical=1, params={"data_sample_strategy": "goss"})
        if objective != "custom":  # LightGBM has no random forests with custom objectives
            yield "Boosting: random forest", of(objective, n_categorical=1, params=RF)
        if objective != "regression_l1":  # LightGBM has no linear trees with it
            yield "Linear trees", of(objective, n_rows=1000, n_rounds=10, params={"linear_tree": True})
    for sigmoid in SIGMOIDS:
        for objective in ("binary", "multiclassova"):
            yield "Output parameters (sigmoid, sqrt)", of(objective, params={"sigmoid": sigmoid})
    for objective in SQRT_OBJECTIVES:
        yield "Output parameters (sigmoid, sqrt)", of(objective, params={"reg_sqrt": True})
        yield "Output parameters (sigmoid, sqrt)", of(objective, params={"reg_sqrt": True, **RF})
    for objective in ("regression", "binary", "poisson", "multiclass"):
        for missing_share in (0.0, 0.1, 0.6):
            for params in ({}, {"zero_as_missing": True}, {"use_missing": False}):
                yield "Missing values", of(objective, missing_share=missing_share, params=params)
    for objective in ("regression", "binary", "multiclassova"):
        for n_categorical in (1, 4):
            for max_cat_to_onehot in (1, 4, 300):
                params = {"max_cat_to_onehot": max_cat_to_onehot, "cat_smooth": 1.0}
                yield "Categories", of(objective, n_categorical=n_categorical, params=params)
    for n_classes in (2, 3, 17, 40):
        for objective in (*MULTICLASS, "custom"):
            for params in ({}, {"boosting": "dart"}):
                yield "Classes", of(objective, n_classes=n_classes, n_rounds=6, params=params)
    for max_bin in (2, 15, 255, 256, 300, 1000, 5000):
        for objective in ("regression", "binary"):
            for linear_tree in (False, True):
                params = {"max_bin": max_bin, "linear_tree": linear_tree, "num_leaves": 15 if linear_tree else 127}
                yield "max_bin up to 5,000", of(objective, n_rows=6000, n_rounds=15, params=params)
    for num_leaves in (2, 3, 100, 255, 256, 257, 1000, 5000):
        for objective in ("regression", "cross_entropy"):
            params = {"num_leaves": num_leaves, **LARGE}
            yield "Trees of 2 to 5,000 leaves", of(objective, n_rows=9000, n_rounds=6, n_categorical=1, params=params)
    for kind in COLUMN_KINDS:
        for objective in ("regression", "binary"):
            yield "Columns of odd values", of(objective, columns=(kind, kind, "normal"))
            yield (
                "Columns of odd values",
                of(objective, columns=(kind, kind, "normal"), params={"zero_as_missing": True}),
            )
    for objective in OBJECTIVES:
        yield "Few rows, one-leaf trees", of(objective, n_rows=12, n_rounds=3)
    for objective in ("regression", "binary", "poisson", "lambdarank", "multiclass"):
        monotone = {"monotone_constraints": [1, -1, 0, 0, 1, 0]}
        for params in (
            {"extra_trees": True},
            {"path_smooth": 5.0},
            monotone,
            {"bagging_freq": 1, "bagging_fraction": 0.3},
        ):
            yield "Other training options", of(objective, params=params)


def comparisons(rows: Matrix, n_iterations: int) -> Iterator[tuple[Matrix, int, dict[str, Any]]]:
    """List calls of ``predict``: rows, how many of them to a call, and the other arguments."""
    narrow = np.asfortranarray(as_type(rows, np.float32))
    third = max(n_iterations // 3, 1)
    for output in ({}, {"raw_score": True}, {"pred_leaf": True}):
        yield rows, len(rows), output
        yield narrow, len(rows), output
        yield rows[:N_FEW], 7, output
        yield rows, len(rows), {"start_iteration": third, "num_iteration": third, **output}
        yield rows, len(rows), {"start_iteration": 1, **output}
        yield rows, len(rows), {"num_iteration": 2, **output}


def compare(text: str, rows: Matrix) -> tuple[Counter[str], int]:
    """Count the predictions of each kind, and those that differ in any build of the kernels."""
    booster = load_lightgbm(text)
    models = load_builds(text)
    compared: Counter[str] = Counter()
    different = 0
    for some_rows, step, arguments in comparisons(rows, booster.current_iteration()):
        expected = lightgbm_predict(booster, some_rows, **arguments)
        kind = "leaves" if "pred_leaf" in arguments else "raw" if "raw_score" in arguments else "scores"
        compared[kind] += expected.size
        differ = np.zeros(expected.shape, bool)
        for model in models.values():
            parts = [model.predict(some_rows[i : i + step], **arguments) for i in range(0, len(some_rows), step)]
            differ |= differences(np.concatenate(parts), expected)
        different += int(differ.sum())
    return compared, different


def main() -> int:
    groups: dict[str, Counter[str]] = {}
    begin = time.perf_counter()
    for seed, (group, case) in enumerate(cases()):
        case = dataclasses.replace(case, seed=seed)
        text, trained_on = train(case)
        compared, different = compare(text, prediction_rows(text, trained_on, N_ROWS, seed))
        if different:
            print(f"DIFFERENT: {different} predictions of {case}")
        count = groups.setdefault(group, Counter())
        count.update(compared)
        count.update(models=1, trees=text.count("\nTree="), different=different)
    page = write_page(groups)
    print(page)
    print(f"{time.perf_counter() - begin:.0f} s")
    PAGE.write_text(page, encoding="utf-8")
    return sum(count["different"] for count in groups.values()) > 0


def write_page(groups: dict[str, Counter[str]]) -> str:
    total: Counter[str] = sum(groups.values(), Counter())
    keys = ("models", "trees", "scores", "raw", "leaves", "different")
    lines = [
        f"| {name} | " + " | ".join(f"{count[key]:,}" for key in keys) + " |"
        for name, count in [*groups.items(), ("**Total**", total)]
    ]
    today = datetime.datetime.now(datetime.timezone.utc).date()
    n_predictions = total["scores"] + total["raw"] + total["leaves"]
    return f"""# Parity with LightGBM

<!-- Written by `python -m benchmarks.parity`. -->

{total["models"]} models trained by LightGBM {lightgbm.__version__}, {n_predictions:,} predictions compared bit for bit:
**{total["different"]:,} differ.**

| Group | Models | Trees | Scores | Raw scores | Leaf numbers | Not bit-equal |
|---|--:|--:|--:|--:|--:|--:|
{chr(10).join(lines)}

Each model scores {N_ROWS:,} rows made from its training rows: cells are replaced at random by the model's
thresholds, the doubles next to them, and values at which implementations go apart (signed zeros, LightGBM's zero limit
of 1e-35 and its neighbours, subnormals, infinities, NaNs of several payloads, category numbers at word edges, below
zero, fractional and beyond 32 bits, the largest doubles). Compared are the scores, the raw scores and the leaf numbers,
each

- of all iterations, from float64 rows in C order and from float32 rows in Fortran order,
- of {N_FEW} rows passed seven at a time, which takes another path through the code than a batch,
- of three ranges of iterations.

A prediction counts once and counts as different if it differs in any build of the kernels that the processor runs. One
NaN equals another; everything else must have the same 64 bits. Models of one-leaf trees are included.

Measured on {today}. {MACHINE}

`tests/parity` compares the same outputs for hand-made trees, random models, LightGBM's example data and models of older
formats on every test run.
"""


if __name__ == "__main__":
    sys.exit(main())
