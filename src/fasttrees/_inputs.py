"""Turns what a user passes to ``Model.predict`` into rows that the kernels read; the only module that knows numpy.

Which values LightGBM sees is decided here as LightGBM's Python package decides it: an array of native float32 or
float64 is read as it is; every other type, float64 of the other byte order included, is converted to float32.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fasttrees._rows import RowBuffer
from fasttrees.errors import InputError, InputTypeError

if TYPE_CHECKING:
    import numpy as np

__all__ = ["as_rows", "empty_output", "shape_output"]


def as_rows(data: Any) -> RowBuffer:
    """Take rows from a numpy array or a list of lists, without a copy where the values need no conversion.

    Parameters
    ----------
    data : numpy.ndarray or list, shape (n_rows, n_columns)

    Raises
    ------
    InputError
        If the data is not a two-dimensional table of numbers.
    InputTypeError
        If it is an object of another type.
    """
    import numpy as np

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
    if data.dtype.num not in (np.dtype(np.float32).num, np.dtype(np.float64).num) or not data.dtype.isnative:
        try:
            data = data.astype(np.float32)
        except (TypeError, ValueError) as error:
            raise InputError(f"cannot convert data of type {data.dtype} to float32: {error}") from error
    elif not data.flags.aligned:
        data = data.copy()
    return RowBuffer(data)


def empty_output(n_rows: int, n_outputs: int, leaves: bool) -> np.ndarray:
    """Allocate what the kernels write: scores as float64 or leaf numbers as int32, shape (n_rows, n_outputs)."""
    import numpy as np

    return np.empty((n_rows, n_outputs), np.int32 if leaves else np.float64)


def shape_output(output: np.ndarray, leaves: bool) -> np.ndarray:
    """Give an output the shape that LightGBM gives it: one dimension if scores number one a row, or none at all."""
    if leaves:
        return output
    return output.reshape(-1) if output.shape[1] == 1 or not len(output) else output
