"""Models that nobody chose: random training on random data, and random forests that no training would give."""

from __future__ import annotations

import dataclasses
from typing import Any

import lightgbm
import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from lightgbm.basic import LightGBMError

from tests.support.builders import (
    Matrix,
    assert_parity,
    load_lightgbm,
    model_text,
    neighbours,
    random_tree,
    strange_values,
)
from tests.support.cases import SEEDS, cases
from tests.support.training import MULTICLASS, OBJECTIVES, SQRT_OBJECTIVES, Case, prediction_rows, train


@settings(max_examples=1000)
@given(
    case=cases(),
    n_rows=st.sampled_from([1, 7, 8, 63, 65, 300, 513, 1100]),
    dtype=st.sampled_from(["float64", "float32"]),
    start=st.integers(-1, 9),
    count=st.sampled_from([None, -1, 0, 1, 2, 3, 5, 100]),
)
def test_trained_models(case: Case, n_rows: int, dtype: str, start: int, count: int | None) -> None:
    try:
        text, trained_on = train(case)
    except LightGBMError:  # such as: no column has two values. Hypothesis fails the test if this is frequent.
        reject()
    rows = prediction_rows(text, trained_on, n_rows, case.seed, dtype)
    booster = load_lightgbm(text)
    assert_parity(text, rows, booster)
    assert_parity(text, rows, booster, start_iteration=start, num_iteration=count)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective(objective: str) -> None:
    """What the random choice above may miss in one run: each objective, with and without its parameters."""
    n_classes = 3 if objective in MULTICLASS else 1
    case = Case(objective, n_categorical=1, missing_share=0.1, n_classes=n_classes, columns=("normal", "integers"))
    choices: list[dict[str, Any]] = [{}]
    if objective in SQRT_OBJECTIVES:
        choices.append({"reg_sqrt": True})
    if objective in ("binary", "multiclassova"):
        choices += [{"sigmoid": sigmoid} for sigmoid in (0.7, 2.35592, 0.123456789)]
    for params in choices:
        text, trained_on = train(dataclasses.replace(case, params=params))
        assert ("\nobjective=" in text) == (objective != "custom")
        assert_parity(text, prediction_rows(text, trained_on, 1000, seed=3))


def test_continued_training() -> None:
    """A model of trees from two trainings, one of them linear."""
    first, trained_on = train(Case("binary", missing_share=0.1))
    dataset = lightgbm.Dataset(trained_on, (trained_on[:, 0] > 0).astype(float))
    params = {"objective": "binary", "linear_tree": True, "num_threads": 1, "verbosity": -1}
    text = lightgbm.train(params, dataset, 5, init_model=load_lightgbm(first)).model_to_string()
    assert text.count("is_linear=0") == 5
    assert text.count("is_linear=1") == 5
    assert_parity(text, prediction_rows(text, trained_on, 1000, seed=4))


def test_models_changed_after_training() -> None:
    text, trained_on = train(Case("regression", missing_share=0.1, params={"use_quantized_grad": True}))
    booster = load_lightgbm(text).refit(np.nan_to_num(trained_on), np.arange(len(trained_on)), verbosity=-1)
    booster.set_leaf_output(1, 2, 5.5)
    booster.shuffle_models()
    for changed in (booster.model_to_string(), booster.model_to_string(start_iteration=1, num_iteration=2)):
        assert_parity(changed, prediction_rows(changed, trained_on, 1000, seed=5))


def test_large_categories() -> None:
    """Category sets of many thousand words."""
    rng = np.random.default_rng(0)
    rows = rng.choice(rng.integers(0, 1_000_000, 60), (2000, 1)).astype(float)
    params = {"objective": "regression", "min_data_per_group": 1, "num_threads": 1, "verbosity": -1}
    dataset = lightgbm.Dataset(rows, rng.permutation(rows[:, 0]), categorical_feature=[0])
    text = lightgbm.train(params, dataset, 3).model_to_string()
    assert "num_cat=0" not in text
    near = np.concatenate([rows, np.nextafter(rows, np.inf), rows + 1, rows - 1, rows + 2.0**32])
    assert_parity(text, near)


def forest_rows(rng: np.random.Generator, thresholds: Matrix, n_rows: int, n_features: int, dtype: str) -> Matrix:
    with np.errstate(all="ignore"):
        pool = np.concatenate([strange_values(), neighbours(thresholds.tolist()), rng.normal(size=100)])
        return rng.choice(pool, (n_rows, n_features)).astype(dtype)


@settings(max_examples=1000)
@given(
    seed=SEEDS,
    n_trees=st.integers(0, 9),
    n_leaves=st.sampled_from([1, 2, 3, 8, 64, 255, 256, 257, 258, 600]),
    n_features=st.integers(1, 12),
    n_classes=st.integers(1, 4),
    n_sets=st.sampled_from([0, 0, 1, 5]),
    objective=st.sampled_from([None, "custom", "binary sigmoid:0.7", "regression sqrt", "poisson", "cross_entropy",
                               "cross_entropy_lambda", "multiclass", "multiclassova"]),
    average_output=st.booleans(),
    n_rows=st.sampled_from([1, 11, 12, 64, 255, 257, 1023, 1025, 1100]),
    dtype=st.sampled_from(["float64", "float32"]),
    start=st.integers(-1, 4),
    count=st.sampled_from([None, 0, 1, 2]),
)  # fmt: skip
def test_hand_made_forests(
    seed: int,
    n_trees: int,
    n_leaves: int,
    n_features: int,
    n_classes: int,
    n_sets: int,
    objective: str | None,
    average_output: bool,
    n_rows: int,
    dtype: str,
    start: int,
    count: int | None,
) -> None:
    """Random shapes, thresholds and decision codes; leaf values that no training gives."""
    rng = np.random.default_rng(seed)
    if objective in ("multiclass", "multiclassova"):
        objective += f" num_class:{n_classes}" + (" sigmoid:2.35592" if objective == "multiclassova" else "")
    elif objective not in (None, "custom"):
        n_classes = 1
    with np.errstate(all="ignore"):
        thresholds = rng.choice(np.concatenate([strange_values(), rng.normal(size=700)]), 300)
    trees = []
    for _ in range(n_trees * n_classes):
        tree = random_tree(rng, int(rng.choice([1, n_leaves])), n_features, thresholds.tolist(), n_sets)
        if rng.random() < 0.2:
            odd = rng.choice(strange_values(), len(tree.leaf_value)).tolist()
            tree = dataclasses.replace(tree, leaf_value=odd)
        trees.append(tree)
    text = model_text(trees, n_features, n_classes, objective, average_output=average_output)
    rows = forest_rows(rng, thresholds, n_rows, n_features, dtype)
    assert_parity(text, rows, start_iteration=start, num_iteration=count)


@settings(max_examples=300)
@given(seed=SEEDS, n_leaves=st.integers(1, 300), n_rows=st.sampled_from([1, 11, 12, 600, 1500]))
def test_hand_made_linear_trees(seed: int, n_leaves: int, n_rows: int) -> None:
    """Leaves with no terms, one, many, the same feature twice; coefficients and constants of any size."""
    rng = np.random.default_rng(seed)
    n_features = 5
    trees = []
    for _ in range(6):
        counts = rng.choice([0, 1, 2, 3, 4, 5, 8, 9, 13], n_leaves)
        terms = int(counts.sum())
        linear = {
            "is_linear": [1],
            "leaf_const": rng.choice([0.0, -0.0, 1.5, 1e300, -1e-300, np.inf], n_leaves).tolist(),
            "num_features": counts.tolist(),
            "leaf_features": rng.integers(0, n_features, terms).tolist(),
            "leaf_coeff": rng.choice([0.0, 1e-17, -3.25, 1e200, 1 / 3], terms).tolist(),
        }
        trees.append(dataclasses.replace(random_tree(rng, n_leaves, n_features), more=linear if terms else {}))
    assert_parity(model_text(trees, n_features), forest_rows(rng, np.zeros(1), n_rows, n_features, "float64"))
