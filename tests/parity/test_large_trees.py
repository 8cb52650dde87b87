"""Trees of more leaves than a byte can number: splits that many rows reach are selected, the others walked."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.builders import Tree, assert_parity, model_text, random_tree, strange_values


def rows_for(rng: np.random.Generator, n_rows: int) -> np.ndarray:
    rows = rng.normal(size=(n_rows, 4))
    rows[:, 3] = rng.integers(-2, 120, n_rows)
    strange = rng.random(rows.shape) < 0.1
    rows[strange] = rng.choice(strange_values(), strange.sum())
    return rows


def counts(kind: str, tree: Tree, rng: np.random.Generator) -> list[float]:
    """For each split how many rows training saw there, true or not: no prediction may depend on it."""
    n_splits = len(tree.left_child)
    if kind == "true":
        reach: list[float] = [1.0] * n_splits
        for split in range(n_splits - 1, -1, -1):  # children come after their parents
            reach[split] += sum(reach[c] for c in (tree.left_child[split], tree.right_child[split]) if c >= 0)
        return [int(number) for number in reach]
    if kind == "random":
        return [int(number) for number in rng.integers(0, 1 << 31, n_splits)]
    if kind == "all the same":
        return [7] * n_splits
    numbers: dict[str, float] = {"zero": 0, "negative": -5, "infinite": float("inf"), "beyond floats": 10**45}
    return [numbers[kind]] * n_splits


KINDS = ["none", "true", "random", "all the same", "zero", "negative", "infinite", "beyond floats"]


@pytest.mark.parametrize("kind", KINDS)
def test_counts_never_change_a_bit(kind: str) -> None:
    rng = np.random.default_rng(KINDS.index(kind))
    trees = []
    for n_leaves in (257, 300, 30, 2000, 256, 1, 900):
        tree = random_tree(rng, n_leaves, 4, n_sets=9)
        more = {} if kind == "none" else {"internal_count": counts(kind, tree, rng)}
        trees.append(Tree(**{**vars(tree), "more": more}))
    assert_parity(model_text(trees, 4), rows_for(rng, 1500))


@pytest.mark.parametrize("n_rows", [1023, 1024, 1025, 4096, 4097, 9001])
def test_numbers_of_blocks(n_rows: int) -> None:
    """Around whole blocks, and around as many as are evaluated together."""
    rng = np.random.default_rng(n_rows)
    trees = [random_tree(rng, n_leaves, 4, n_sets=3) for n_leaves in (600, 20, 40)] * 3
    assert_parity(model_text(trees, 4, n_classes=3), rows_for(rng, n_rows))
