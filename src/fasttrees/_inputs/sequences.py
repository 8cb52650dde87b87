"""Objects of no kind that has a module here: LightGBM's ``Sequence``, Series, buffers, whatever numpy can read.

LightGBM makes a sparse matrix of them, so they must hold float32 or float64; one dimension is one row.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fasttrees._engine.rows import RowBuffer
from fasttrees._inputs.arrays import READ_IN_PLACE
from fasttrees.errors import InputTypeError

__all__ = ["rows_of_object"]

ZERO_THRESHOLD = float(np.float32(1e-35))


def rows_of_object(data: Any, n_features: int, *, checks_shape: bool = True) -> RowBuffer:
    """Read rows from an object.

    Parameters
    ----------
    data : object
        Tuples are refused: scipy, and so LightGBM, would take one of two numbers for the shape of an empty matrix.
    n_features : int
    checks_shape : bool, default True
        If not, columns that the rows lack are zero, and those beyond `n_features` are left out.

    Raises
    ------
    InputTypeError
        If numpy cannot read it, or reads something else than rows of float32 or float64.
    """
    name = type(data).__name__
    try:
        array: Any = np.atleast_2d(np.asarray(() if isinstance(data, tuple) else data))
    except Exception as error:
        raise InputTypeError(f"Cannot predict data for type {name}: {error}") from error
    if isinstance(data, tuple) or array.ndim != 2 or array.dtype not in READ_IN_PLACE:
        raise InputTypeError(
            f"Cannot predict data for type {name}: expected a numpy.ndarray, a list of lists, a data frame, a sparse "
            "matrix, the path of a file, or an object that numpy reads as rows of float32 or float64"
        )
    if not checks_shape:
        array = np.hstack([array, np.zeros((len(array), n_features), array.dtype)])[:, :n_features]
    # A sparse matrix keeps these, where an array would have them made zero.
    has_near_zero = bool(((np.abs(array) <= ZERO_THRESHOLD) & (array != 0)).any())
    return RowBuffer(array if array.flags.aligned else array.copy(), has_near_zero)
