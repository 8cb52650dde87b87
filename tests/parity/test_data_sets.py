"""Models of LightGBM's example data sets, and models at the limits of size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest

import fasttrees
from tests.support.builders import (
    OUTPUTS,
    Matrix,
    Tree,
    as_type,
    assert_parity,
    assert_same_bits,
    chain,
    join_model,
    layouts,
    lightgbm_predict,
    load_builds,
    load_lightgbm,
    model_text,
    neighbours,
    one_split,
    random_tree,
    strange_values,
)
from tests.support.paths import DATA
from tests.support.training import prediction_rows

EXAMPLES = DATA / "lightgbm-examples"

FINE = {"num_leaves": 127, "max_bin": 1000}
#: Data set and LightGBM's parameters; all models have 60 iterations.
MODELS: list[tuple[str, dict[str, Any]]] = [
    ("binary", {"objective": "binary"}),
    ("binary", {"objective": "binary", "boosting": "dart", "sigmoid": 0.7, "max_bin": 1000}),
    ("binary", {"objective": "cross_entropy", "data_sample_strategy": "goss"}),
    ("binary", {"objective": "binary", "linear_tree": True}),
    ("regression", {"objective": "regression"}),
    ("regression", {"objective": "regression_l1", "reg_sqrt": True, **FINE}),
    ("regression", {"objective": "regression", "boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}),
    ("regression", {"objective": "regression", "linear_tree": True, "num_leaves": 15}),
    ("multiclass", {"objective": "multiclass", "num_class": 5}),
    ("multiclass", {"objective": "multiclassova", "num_class": 5, "sigmoid": 2.35592}),
    ("rank", {"objective": "lambdarank"}),
    ("rank", {"objective": "rank_xendcg", "max_bin": 5000, "num_leaves": 127}),
]


def read_table(path: Path) -> tuple[Matrix, Matrix]:
    """Read labels and rows from the tab-separated or, for the ranking data, LibSVM format."""
    if not path.name.startswith("rank"):
        table = np.loadtxt(path)
        return table[:, 0], table[:, 1:]
    lines = [line.split() for line in path.read_text().splitlines()]
    rows = np.zeros((len(lines), 301))
    for row, line in zip(rows, lines, strict=True):
        for entry in line[1:]:
            column, _, value = entry.partition(":")
            row[int(column)] = float(value)
    return np.array([float(line[0]) for line in lines]), rows


@pytest.fixture(scope="module")
def tables() -> dict[str, tuple[Matrix, Matrix]]:
    return {path.name: read_table(path) for path in sorted(EXAMPLES.glob("*.t*")) if path.suffix in (".train", ".test")}


@pytest.mark.parametrize(
    ("name", "params"), MODELS, ids=["-".join([name, *map(str, params.values())]) for name, params in MODELS]
)
def test_example_data(name: str, params: dict[str, Any], tables: dict[str, tuple[Matrix, Matrix]]) -> None:
    labels, rows = tables[f"{name}.train"]
    queries = np.loadtxt(EXAMPLES / "rank.train.query", dtype=int) if name == "rank" else None
    dataset = lightgbm.Dataset(rows, labels, group=queries)
    params = {**params, "num_threads": 1, "verbosity": -1, "seed": 1}
    text = lightgbm.train(params, dataset, 60).model_to_string()
    assert text.count("\nTree=") == 60 * params.get("num_class", 1)
    tests = np.concatenate([tables[f"{name}.test"][1], rows[:1000]])
    for dtype in ("float64", "float32"):
        assert_parity(text, as_type(tests, dtype))
        assert_parity(text, prediction_rows(text, rows, 1000, seed=0, dtype=dtype))
    assert_parity(text, tests, start_iteration=7, num_iteration=31)
    expected = lightgbm_predict(load_lightgbm(text), tests)
    for layout, same_rows in layouts(tests):
        assert_same_bits(fasttrees.loads(text).predict(same_rows), expected, layout)


def rows_at(thresholds: Matrix, n_rows: int, n_features: int, seed: int = 0) -> Matrix:
    """Rows of thresholds, their neighbours, normal and strange values."""
    rng = np.random.default_rng(seed)
    some = rng.choice(thresholds, 500).tolist()
    pool = np.concatenate([neighbours(some), rng.normal(size=1500), strange_values()])
    return rng.choice(pool, (n_rows, n_features))


@pytest.mark.parametrize("n_leaves", [255, 256, 257, 4096, 20000])
def test_large_trees(n_leaves: int) -> None:
    rng = np.random.default_rng(n_leaves)
    trees = [random_tree(rng, n_leaves, 20, n_sets=n_sets) for n_sets in (0, 7, 0)]
    rows = rows_at(np.array(trees[0].threshold), 1500, 20)
    assert_parity(model_text(trees, 20, objective="binary sigmoid:1"), rows)


def test_trained_trees_of_four_thousand_leaves(tables: dict[str, tuple[Matrix, Matrix]]) -> None:
    labels, rows = tables["regression.train"]
    labels = labels + np.random.default_rng(0).normal(size=len(labels))
    params = {"num_leaves": 5000, "min_data_in_leaf": 1, "min_sum_hessian_in_leaf": 0, "max_bin": 5000,
              "min_data_in_bin": 1, "verbosity": -1, "num_threads": 1}  # fmt: skip
    text = lightgbm.train(params, lightgbm.Dataset(rows, labels), 4).model_to_string()
    assert max(int(line.partition("=")[2]) for line in text.splitlines() if line.startswith("num_leaves=")) > 4000
    assert_parity(text, prediction_rows(text, rows, 2000, seed=0))


@pytest.mark.parametrize("n_thresholds", [254, 255, 256, 509, 511, 5000, 70000])
def test_many_thresholds_on_a_feature(n_thresholds: int) -> None:
    """More thresholds than a byte, or two, can rank; all ways to treat missing values share them."""
    rng = np.random.default_rng(n_thresholds)
    thresholds = np.unique(rng.normal(size=n_thresholds))
    assert len(thresholds) == n_thresholds
    trees = []
    for chosen in np.array_split(rng.permutation(thresholds), -(-n_thresholds // 2000)):
        tree = random_tree(rng, len(chosen) + 1, 1, [0.0])
        trees.append(Tree(tree.leaf_value, tree.split_feature, chosen.tolist(), tree.decision_type, tree.left_child,
                          tree.right_child))  # fmt: skip
    assert_parity(model_text(trees, 1), rows_at(thresholds, 3000, 1))


def test_a_threshold_for_every_double_in_a_small_range() -> None:
    """Neighbouring doubles as thresholds, which one bucket of a search table holds, beside some far away."""
    start = np.float64(0.3).view(np.int64)
    dense = (start + np.arange(300)).view(np.float64)
    trees = [one_split(threshold, 2) for threshold in [*dense.tolist(), -1e300, 1e300, 1e-320]]
    rows = np.concatenate([dense, neighbours([-1e300, 1e300, 1e-320]), strange_values()]).reshape(-1, 1)
    assert_parity(model_text(trees, 1), rows)


def test_five_thousand_features() -> None:
    rng = np.random.default_rng(5)
    trees = [random_tree(rng, 64, 5000, n_sets=3 if i % 5 == 0 else 0) for i in range(200)]
    rows = rows_at(np.array(trees[1].threshold), 600, 5000)
    text = model_text(trees, 5000)
    assert_parity(text, rows)
    assert_parity(text, np.asfortranarray(as_type(rows, "float32")))


def test_a_hundred_thousand_features() -> None:
    """Beyond 100,000 features LightGBM keeps rows of few values in a hash map."""
    rng = np.random.default_rng(100)
    trees = [random_tree(rng, 20, 100_500) for _ in range(5)]
    rows = np.zeros((20, 100_500))
    for tree in trees:
        rows[:, tree.split_feature] = rng.choice([0.0, 1.0, -1.0, np.nan], (20, 19))
    assert_parity(model_text(trees, 100_500), rows)


def test_ten_thousand_trees() -> None:
    rng = np.random.default_rng(10)
    blocks = [random_tree(rng, int(rng.integers(1, 9)), 10).text(0) for _ in range(500)]
    text = join_model(blocks * 20, 10, objective="binary sigmoid:1")
    model = fasttrees.loads(text)
    assert model.num_trees() == 10_000
    rows = rows_at(np.array([0.0]), 600, 10)
    assert_parity(text, rows)
    assert_parity(text, rows, start_iteration=9_990)


@pytest.mark.parametrize("objective", ["multiclass num_class:1000", "multiclassova num_class:1000 sigmoid:0.7", None])
def test_a_thousand_classes(objective: str | None) -> None:
    rng = np.random.default_rng(1000)
    trees = [random_tree(rng, 6, 8) for _ in range(3000)]
    assert_parity(model_text(trees, 8, 1000, objective), rows_at(np.array([0.0]), 530, 8))


@pytest.mark.parametrize("depth", [255, 256, 3500])
def test_a_chain_as_deep_as_its_leaves_are_many(depth: int) -> None:
    """Falling thresholds send rows out of the chain at all depths."""
    thresholds = np.linspace(-2.0, 2.0, depth).tolist()
    text = model_text([chain(depth, thresholds, 2), chain(depth, thresholds[::-1], 2, 2)], 2)
    rows = rows_at(np.array(thresholds), 1200, 2)
    assert_parity(text, rows)
    assert len(np.unique(fasttrees.loads(text).predict(rows, pred_leaf=True)[:, 0])) > 100


def test_threads_give_the_same_bits() -> None:
    rng = np.random.default_rng(0)
    text = model_text([random_tree(rng, 31, 10) for _ in range(30)], 10, objective="binary sigmoid:1")
    rows = rows_at(np.array([0.0]), 20_011, 10)
    booster = load_lightgbm(text)
    for output in OUTPUTS:
        expected = lightgbm_predict(booster, rows, **output)
        for build, model in load_builds(text).items():
            for n_threads in (None, 1, 2, 3, 16):
                assert_same_bits(model.predict(rows, **output, n_threads=n_threads), expected, f"{build} {n_threads}")
