"""Contributions of features (SHAP values) as ``Model.predict`` returns them: dense, or sparse for sparse data."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from fasttrees._engine.rows import RowBuffer
from fasttrees._inputs.blocks import BlockRows, run_blocks
from fasttrees._inputs.sparse import is_sparse
from fasttrees._runtime.threads import resolve_n_threads, run_ranges
from fasttrees.errors import InputError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fasttrees._engine.contributions import Contributor
    from fasttrees._engine.forest import Forest

__all__ = ["as_sparse", "contributions", "find_contributions", "refuses_contributions"]

ROWS_OF_THREAD = 16  # fewer rows are not worth a thread
ROWS_OF_RANGE = 8192  # rows of a range share the work on the ways through a tree that they have in common


def refuses_contributions(parameters: str | None) -> bool:
    """Return whether LightGBM refuses contributions: the training parameters say that trees may be linear."""
    start = "[linear_tree: "
    lines = (parameters or "").splitlines()
    return any(line.startswith(start) and line[len(start) : len(start) + 1] in tuple("123456789") for line in lines)


def contributions(
    data: Any, rows: RowBuffer | BlockRows, forest: Forest, iterations: tuple[int, int], n_threads: int | None,
    pred_leaf: bool,
) -> Any:  # fmt: skip
    """Find contributions in the form that LightGBM gives them for `data`, of which `rows` are the rows.

    Parameters
    ----------
    data : object
        What the user passed.
    rows : RowBuffer or BlockRows
    forest : Forest
    iterations : tuple of int
        The first, and how many.
    n_threads : int or None
    pred_leaf : bool
        Whether leaves are asked for, too: LightGBM then cuts contributions to whole numbers.

    Returns
    -------
    numpy.ndarray, or scipy.sparse.csr_matrix or csc_matrix, or a list of these for several classes
    """
    from fasttrees._engine.contributions import Contributor  # here, because few calls need it

    sparse = is_sparse(data)
    if not rows.n_rows and not sparse:
        raise InputError("expected at least one row to find contributions for, got none")
    contributor = Contributor(forest, *iterations)
    result: Any = find_contributions(rows, contributor, forest.n_classes, n_threads)
    if sparse:
        result = as_sparse(result, data, contributor.columns_met())
    if not pred_leaf:
        return result
    return [matrix.astype(np.int32) for matrix in result] if isinstance(result, list) else result.astype(np.int32)


def find_contributions(
    rows: RowBuffer | BlockRows, contributor: Contributor, n_classes: int, n_threads: int | None
) -> Any:
    """Find contributions, float64 of shape (n_rows, n_classes * (n_features + 1)), in threads where that pays."""
    n_rows, n_columns = rows.n_rows, rows.n_columns
    threads = resolve_n_threads(n_threads)
    out: Any = np.empty((n_rows, n_classes * (n_columns + 1)))
    view = memoryview(out)
    if isinstance(rows, BlockRows):
        run_blocks(
            rows,
            view,
            lambda block, part: contributor.contribute(block, part, 0, block.n_rows),
            n_threads,
        )
        return out
    threads = min(threads, max(n_rows // ROWS_OF_THREAD, 1))
    n_ranges = -(-n_rows // (threads * ROWS_OF_RANGE)) * threads
    ranges = [(n_rows * i // n_ranges, n_rows * (i + 1) // n_ranges) for i in range(n_ranges)]
    run_ranges(lambda start, stop: contributor.contribute(rows, view, start, stop), ranges, threads)
    return out


def as_sparse(dense: np.ndarray, data: Any, columns_met: list[list[int]]) -> Any:
    """Make of contributions what LightGBM returns for sparse data.

    Parameters
    ----------
    dense : numpy.ndarray, shape (n_rows, n_classes * (n_features + 1))
    data : scipy.sparse matrix or array
        A ``csc_matrix`` gets a ``csc_matrix``, all others a ``csr_matrix``; contributions get its dtype.
    columns_met : list of lists of int
        For each class the columns that its trees add to, in order: these are stored for all rows, zeros included.

    Returns
    -------
    scipy.sparse.csr_matrix or csc_matrix, or a list of these for several classes, shape (n_rows, n_features + 1)
    """
    sparse = sys.modules["scipy.sparse"]
    index = getattr(getattr(data, "indptr", None), "dtype", np.dtype(np.int32))
    n_rows, n_classes = len(dense), len(columns_met)
    width = dense.shape[1] // n_classes
    by_column = isinstance(data, sparse.csc_matrix)
    matrices = []
    for number, columns in enumerate(columns_met):
        stored = np.array(columns, np.int32)
        values = dense[:, number * width + stored].astype(data.dtype)
        if by_column:
            begins = np.zeros(width + 1, index)
            begins[stored + 1] = n_rows
            indices = np.tile(np.arange(n_rows, dtype=np.int32), len(stored))
            parts = values.ravel("F"), indices, np.cumsum(begins, dtype=index)
            matrices.append(sparse.csc_matrix(parts, (n_rows, width)))
        else:
            begins = np.arange(n_rows + 1, dtype=index) * len(stored)
            parts = values.ravel(), np.tile(stored, n_rows), begins
            matrices.append(sparse.csr_matrix(parts, (n_rows, width)))
    return matrices if n_classes > 1 else matrices[0]
