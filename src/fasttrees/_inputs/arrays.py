"""Arrays of numpy and lists as rows, and the arrays that ``Model.predict`` returns.

Which values LightGBM sees is decided here as LightGBM's Python package decides it: an array of native float32 or
float64 is read as it is; every other type, float64 of the other byte order included, is converted to float32.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fasttrees._engine.rows import ColumnRows, RowBuffer
from fasttrees.errors import InputError, InputTypeError

__all__ = ["empty_leaves", "empty_scores", "rows_of_array"]

READ_IN_PLACE = (np.dtype(np.float64), np.dtype(np.float32))  # native byte order, so other orders compare unequal


def rows_of_array(data: Any, width: int | None = None) -> RowBuffer:
    """Read rows from a numpy array or a list of lists, without a copy if the values need no conversion.

    Parameters
    ----------
    data : numpy.ndarray or list, shape (n_rows, n_columns)
    width : int or None
        How many columns to give the rows: further ones are left out, missing ones are zeros; None: those of the data.

    Raises
    ------
    InputError
        If the data is not a two-dimensional table of numbers.
    InputTypeError
        If it is an object of another type.
    """
    if isinstance(data, list):
        try:
            data = np.array(data)
        except Exception as error:
            raise InputError("Cannot convert data list to numpy array.") from error
    if not isinstance(data, np.ndarray):
        raise InputTypeError(
            f"Cannot predict data for type {type(data).__name__}: expected a numpy.ndarray or a list of lists"
        )
    if data.ndim != 2:
        raise InputError("Input numpy.ndarray or list must be 2 dimensional")
    if data.dtype not in READ_IN_PLACE:
        try:
            data = data.astype(np.float32)
        except (TypeError, ValueError) as error:
            raise InputError(f"cannot convert data of type {data.dtype} to float32: {error}") from error
    elif not data.flags.aligned:
        data = data.copy()
    if width is None or width == data.shape[1]:
        return RowBuffer(data)
    if width < data.shape[1]:
        return RowBuffer(data[:, :width])
    return ColumnRows([*np.asarray(data).T, *[None] * (width - data.shape[1])], len(data))


def empty_scores(n_rows: int, n_classes: int) -> np.ndarray:
    """Allocate scores in the shape that LightGBM gives them: one dimension if a row has one score, or if no row is."""
    return np.empty(n_rows if n_classes == 1 or not n_rows else (n_rows, n_classes))


def empty_leaves(n_rows: int, n_trees: int) -> np.ndarray:
    """Allocate leaf numbers, int32 of shape (n_rows, n_trees)."""
    return np.empty((n_rows, n_trees), np.int32)
