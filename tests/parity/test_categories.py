"""Forests with many categorical splits: classes of categories, tiles of splits, and the features without them."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.builders import CATEGORICAL, Tree, assert_parity, model_text, random_tree, strange_values


def category_rows(rng: np.random.Generator, n_rows: int, n_features: int, highest: int) -> np.ndarray:
    rows = rng.integers(-3, highest + 40, (n_rows, n_features)).astype(float)
    strange = rng.random(rows.shape) < 0.1
    rows[strange] = rng.choice(strange_values(), strange.sum())
    return rows


@pytest.mark.parametrize("n_splits", [1, 63, 64, 65, 127, 128, 129, 1000])
def test_numbers_of_splits_on_one_feature(n_splits: int) -> None:
    """Around whole tiles of 64 splits."""
    rng = np.random.default_rng(n_splits)
    trees = [
        Tree([-1.0, float(i + 1)], [0], [0], [CATEGORICAL], [-1], [-2], [rng.integers(0, 150, 40).tolist()])
        for i in range(n_splits)
    ]
    rows = category_rows(rng, 1100, 1, 150)
    assert_parity(model_text(trees, 1), rows)
    assert_parity(model_text(trees, 1), rows, start_iteration=n_splits // 3, num_iteration=n_splits // 2 + 1)


@pytest.mark.parametrize("n_classes", [1, 3])
def test_trees_for_selection_between_trees_for_walks(n_classes: int) -> None:
    rng = np.random.default_rng(5)
    sizes = [300, 40, 1, 2, 400, 256, 257, 100, 30] * n_classes
    trees = [random_tree(rng, n_leaves, 3, n_sets=20) for n_leaves in sizes]
    assert_parity(model_text(trees, 3, n_classes), category_rows(rng, 1100, 3, 100))


@pytest.mark.parametrize("highest", [31, 65_503, 65_504, 65_535, 65_536, 3_000_000])
def test_highest_categories(highest: int) -> None:
    """A feature with too many categories has no classes; the next feature has."""
    rng = np.random.default_rng(highest)
    trees = []
    for _ in range(30):
        tree = random_tree(rng, 20, 2, n_sets=4)
        sets = [[*rng.integers(0, highest + 1, 30).tolist(), highest] for _ in range(3)]
        trees.append(Tree(**{**vars(tree), "category_sets": [[1, 2, 3], *sets]}))
    rows = category_rows(rng, 1100, 2, 100)
    rows[::3, 0] = rng.integers(highest - 40, highest + 40, len(rows[::3]))
    known = np.array([category for tree in trees for category in tree.category_sets[1]])
    rows[1::3] = rng.choice(known, rows[1::3].shape)
    assert_parity(model_text(trees, 2), rows)


def test_one_set_for_splits_on_two_features() -> None:
    """Nothing in the format ties a set to a feature."""
    tree = Tree([1.0, 2.0, 4.0], [0, 1], [0, 0], [CATEGORICAL] * 2, [-1, -2], [1, -3], [[1, 5, 40]])
    rng = np.random.default_rng(0)
    assert_parity(model_text([tree] * 3, 2), category_rows(rng, 600, 2, 45))


def test_a_feature_that_is_a_number_and_a_category() -> None:
    rng = np.random.default_rng(1)
    trees = [random_tree(rng, 50, 1, thresholds=[-1.5, 0.0, 3.0, 7.5, 40.0], n_sets=9) for _ in range(9)]
    assert_parity(model_text(trees, 1), category_rows(rng, 1100, 1, 100))
