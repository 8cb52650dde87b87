"""Sparse matrices of scipy as rows.

CSR and CSC are laid out block by block, never as a whole; every other format becomes CSR first, as in LightGBM. scipy
is here only if the user has imported it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from fasttrees._engine.rows import RowBuffer
from fasttrees._inputs.arrays import READ_IN_PLACE
from fasttrees._inputs.blocks import BlockRows
from fasttrees._inputs.sparse_rows import BlockFiller, CompressedMatrix
from fasttrees.errors import InputError, InputTypeError

__all__ = ["block_size", "is_sparse", "rows_of_sparse"]

INDEX_TYPES = (np.dtype(np.int32), np.dtype(np.int64))
BLOCK_BYTES = 1 << 22
MIN_BLOCK_ROWS, MAX_BLOCK_ROWS = 64, 1024


def is_sparse(data: Any) -> bool:
    """Return whether this is a sparse matrix or array of scipy."""
    scipy_sparse = sys.modules.get("scipy.sparse")
    return scipy_sparse is not None and bool(scipy_sparse.issparse(data))


def rows_of_sparse(data: Any, n_features: int, *, checks_shape: bool = True) -> BlockRows:
    """Read rows from a sparse matrix of any format.

    Parameters
    ----------
    data : scipy.sparse matrix or array
        Values float32 or float64. In CSR, and what becomes CSR, the last of several values of one place counts; in CSC
        the first, as in LightGBM.
    n_features : int
        Columns that the model wants.
    checks_shape : bool, default True
        If not, columns that the matrix lacks are zero, and those that it has beyond `n_features` are left out.

    Raises
    ------
    InputTypeError
        If values or bounds have another type, or the object has no rows and columns.
    InputError
        If the number of columns is wrong, or the matrix is broken, or its meaning depends on the order of its values.
    """
    scipy_sparse = sys.modules["scipy.sparse"]
    by_rows = not isinstance(data, scipy_sparse.csc_matrix)
    if by_rows and not isinstance(data, scipy_sparse.csr_matrix):
        try:
            data = scipy_sparse.csr_matrix(data)
            _, _ = data.shape
        except Exception as error:  # scipy refuses in many ways
            raise InputTypeError(f"Cannot predict data for type {type(data).__name__}: {error}") from error
    matrix = take_arrays(data, by_rows)
    n_rows, n_columns = data.shape
    if checks_shape and n_columns != n_features:
        raise InputError(
            f"The number of features in data ({n_columns}) is not the same as it was in training data ({n_features})."
        )
    dtype = data.data.dtype
    block_rows = block_size(n_features * dtype.itemsize)

    def open_blocks() -> Callable[[int, int], RowBuffer]:
        block: Any = np.zeros((n_features, block_rows), dtype)
        filler = BlockFiller(matrix, block)

        def read(first: int, last: int) -> RowBuffer:
            has_near_zero = filler.fill(first, last)
            return RowBuffer(block.T[: last - first], has_near_zero)

        return read

    return BlockRows(n_rows, n_features, block_rows, open_blocks)


def take_arrays(data: Any, by_rows: bool) -> CompressedMatrix:
    """Check the arrays of a CSR or CSC matrix; a CSC matrix whose columns are out of order is sorted, in a copy."""
    if data.indptr.dtype not in INDEX_TYPES:
        raise InputTypeError(f"Expected np.int32 or np.int64, met type({data.indptr.dtype})")
    if data.data.dtype not in READ_IN_PLACE:
        raise InputTypeError(f"Expected np.float32 or np.float64, met type({data.data.dtype})")
    n_lines, width = data.shape if by_rows else data.shape[::-1]
    if len(data.indptr) != n_lines + 1:
        raise InputError(f"expected {n_lines + 1} bounds in indptr, got {len(data.indptr)}")
    indices = data.indices if data.indices.dtype in INDEX_TYPES else data.indices.astype(np.int64)
    matrix = CompressedMatrix(
        np.ascontiguousarray(data.indptr, np.int64),
        np.ascontiguousarray(indices),
        np.ascontiguousarray(data.data),
        width,
        by_rows,
    )
    if by_rows or matrix.is_sorted:
        return matrix
    # LightGBM would lose values here without a word.
    matrix = take_arrays(data.sorted_indices(), by_rows)
    if matrix.repeats:
        raise InputError(
            "a column of the CSC matrix has its rows out of order and one of them twice: which value counts is open; "
            "call sum_duplicates() or sort_indices() first"
        )
    return matrix


def block_size(row_bytes: int) -> int:
    """Choose how many rows a block has, a power of two: few enough for the caches, enough for the kernels."""
    rows = MAX_BLOCK_ROWS
    while rows > MIN_BLOCK_ROWS and rows * row_bytes > BLOCK_BYTES:
        rows //= 2
    return rows
