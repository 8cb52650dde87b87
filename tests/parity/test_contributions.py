"""Contributions (``pred_contrib``) have LightGBM's bits, whatever the data, the iterations and the threads."""

from __future__ import annotations

import dataclasses
import pickle
import re
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

import fasttrees
from tests.builders import (
    CATEGORICAL,
    DEFAULT_LEFT,
    MISSING_NAN,
    MISSING_ZERO,
    Tree,
    chain,
    load_lightgbm,
    model_text,
    random_tree,
)

MODELS = Path(__file__).parent.parent / "models"
NAMES = ["numerical", "categorical", "multiclass", "forest"]


def with_counts(tree: Tree, rng: np.random.Generator, top: int = 1000) -> Tree:
    """Give a tree counts, those of splits being sums."""
    leaves = rng.integers(1, top, len(tree.leaf_value)).tolist()
    nodes = [0] * len(tree.left_child)

    def count(child: int) -> int:
        return int(leaves[~child] if child < 0 else nodes[child])

    for node in reversed(range(len(nodes))):
        nodes[node] = count(tree.left_child[node]) + count(tree.right_child[node])
    return dataclasses.replace(tree, more={"leaf_count": leaves, "internal_count": nodes})


def odd_rows(rng: np.random.Generator, n_rows: int, n_features: int) -> np.ndarray:
    """Rows with missing values, zeros and tiny numbers among others."""
    rows = rng.normal(size=(n_rows, n_features)) * 3
    odd = rng.choice([np.nan, 0.0, -0.0, 1e-36, 1e-35, 3.7, -1.0, np.inf, 1e300], rows.shape)
    return np.where(rng.random(rows.shape) < 0.3, odd, rows)


def assert_same(text: str, rows: Any, **arguments: Any) -> None:
    ours = fasttrees.loads(text).predict(rows, pred_contrib=True, **arguments)
    arguments.pop("n_threads", None)
    theirs = load_lightgbm(text).predict(rows, pred_contrib=True, **arguments)
    assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
    assert ours.tobytes() == theirs.tobytes()


@pytest.mark.parametrize("start", [-1, 0, 1, 3, 99])
@pytest.mark.parametrize("count", [None, 0, 1, 2, 99])
@pytest.mark.parametrize("name", NAMES)
def test_models(name: str, start: int, count: int | None) -> None:
    rows = odd_rows(np.random.default_rng(5), 200, 5)
    text = (MODELS / f"{name}.txt").read_text()
    assert_same(text, rows, start_iteration=start, num_iteration=count)


@pytest.mark.parametrize("n_threads", [1, 2, 5])
@pytest.mark.parametrize("n_rows", [1, 15, 64, 65, 8193, 16500])
def test_batches(n_rows: int, n_threads: int) -> None:
    rows = odd_rows(np.random.default_rng(6), n_rows, 5)
    assert_same((MODELS / "numerical.txt").read_text(), rows, n_threads=n_threads)
