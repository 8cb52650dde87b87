"""Find the trees that cause differences."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import fasttrees
from fasttrees.verification._result import TreeDifference
from fasttrees.verification._rows import Array
from fasttrees.verification._sample import Sample

__all__ = ["candidates", "common_trees", "compare_trees"]

MAX_CANDIDATES = 5
#: Objectives whose raw score can be computed from the prediction, and how. For others raw scores are not compared.
IDENTITIES = {"regression", "regression_l1", "huber", "fair", "quantile", "mape", "lambdarank", "rank_xendcg", "custom"}
LOGARITHMS = {"poisson", "gamma", "tweedie"}


class _Trees(NamedTuple):
    """Leaves and outputs of each tree for rows; shape (n_rows, n_trees)."""

    leaves: NDArray[np.intp]
    outputs: Array


def compare_trees(cells: Array, ours: fasttrees.Model, theirs: Any) -> list[list[TreeDifference]]:
    """Compare leaf numbers and outputs of trees, for each row.

    Parameters
    ----------
    cells : ndarray of shape (n_rows, n_features)
    ours : Model
    theirs : Model or lightgbm.Booster
        With as many trees per iteration.
    """
    n = min(ours.current_iteration(), theirs.current_iteration())
    if not n:
        return [[] for _ in cells]
    a, b = _run_trees(cells, ours, n), _run_trees(cells, theirs, n)
    differs = (a.leaves != b.leaves) | (a.outputs != b.outputs)
    return [
        [
            TreeDifference(
                int(tree),
                int(a.leaves[row, tree]),
                int(b.leaves[row, tree]),
                float(a.outputs[row, tree]),
                float(b.outputs[row, tree]),
            )
            for tree in np.flatnonzero(differs[row])
        ]
        for row in range(len(cells))
    ]


def common_trees(differences: list[list[TreeDifference]]) -> str | None:
    """Name the trees that disagree, those that do so in most rows first."""
    counts: dict[int, int] = {}
    for row in differences:
        for item in row:
            counts[item.tree] = counts.get(item.tree, 0) + 1
    if not counts:
        return None
    first = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    named = ", ".join(f"tree {tree} ({n} of {len(differences)} rows)" for tree, n in first[:MAX_CANDIDATES])
    more = f" and {len(first) - MAX_CANDIDATES} more" if len(first) > MAX_CANDIDATES else ""
    disagree = "1 tree disagrees" if len(first) == 1 else f"{len(first)} trees disagree"
    return f"In the rows that differ most, {disagree} with the reference's model: {named}{more}."


def candidates(model: fasttrees.Model, differing: Sample, equal: Sample | None, raw_score: bool) -> str | None:
    """Find leaves that all differing rows reach and no equal row does: one of them may have another value.

    Parameters
    ----------
    model : Model
    differing : Sample
    equal : Sample or None
    raw_score : bool
        Whether both columns are raw scores.
    """
    if len(differing) < 2:
        return None
    n = model.current_iteration()
    leaves = _run_leaves(differing.cells, model, n)
    shared = (leaves == leaves[0]).all(axis=0)
    if equal is not None and len(equal):
        shared &= ~(_run_leaves(equal.cells, model, n) == leaves[0]).any(axis=0)
    trees = np.flatnonzero(shared)
    if not len(trees) or len(trees) > MAX_CANDIDATES:
        return None
    named = " or ".join(f"tree {tree}, leaf {leaves[0, tree]}" for tree in trees)
    text = (
        f"One leaf with another value would explain it: {named}: all {len(differing):,} differing rows looked at end "
        f"there, and none of {len(equal) if equal else 0:,} rows without a difference."
    )
    change = _change(model, differing, raw_score)
    if change is None:
        return text
    way = "higher" if change > 0 else "lower"
    return f"{text} The reference's raw scores are {abs(change):.4g} {way} there."


def _change(model: fasttrees.Model, rows: Sample, raw_score: bool) -> float | None:
    """Return by how much the reference's raw scores are higher, if it is about the same in nearly all rows."""
    if rows.references.shape[1] != 1:
        return None
    ours = rows.predictions[:, 0] if raw_score else _raw(model, rows.predictions[:, 0])
    theirs = rows.references[:, 0] if raw_score else _raw(model, rows.references[:, 0])
    if ours is None or theirs is None:
        return None
    known = np.isfinite(ours) & np.isfinite(theirs)
    change = theirs[known] - ours[known]
    if len(change) < 2:
        return None
    typical = float(np.median(change))
    near = np.abs(change - typical) <= 1e-3 * abs(typical)  # probabilities near 1 determine raw scores poorly
    return typical if typical and near.mean() >= 0.9 else None


def _raw(model: fasttrees.Model, values: Array) -> Array | None:
    name, *parameters = (model.objective or "custom").split(" ")
    if model.average_output or (name == "regression" and "sqrt" in parameters):
        return None
    with np.errstate(all="ignore"):
        if name == "binary":
            sigmoid = next((float(text[8:]) for text in parameters if text.startswith("sigmoid:")), 1.0)
            return np.asarray((np.log(values) - np.log1p(-values)) / sigmoid)
        if name in LOGARITHMS:
            return np.asarray(np.log(values))
    return values if name in IDENTITIES else None


def _run_trees(cells: Array, model: Any, n_iterations: int) -> _Trees:
    leaves = _run_leaves(cells, model, n_iterations)
    # The raw score of a single iteration is the output of its trees.
    outputs = [
        np.asarray(model.predict(cells, start_iteration=i, num_iteration=1, raw_score=True)).reshape(len(cells), -1)
        for i in range(n_iterations)
    ]
    return _Trees(leaves, np.concatenate(outputs, axis=1))


def _run_leaves(cells: Array, model: Any, n_iterations: int) -> NDArray[np.intp]:
    leaves = model.predict(cells, num_iteration=n_iterations, pred_leaf=True)
    return np.asarray(leaves, np.intp).reshape(len(cells), -1)
