"""Data frames of pandas as rows, column by column.

LightGBM makes one array of the whole frame, of the common type of its columns and float32. That type holds every
column's values as doubles would, so each column can be read straight to double: the numbers are the same.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fasttrees._engine.rows import ColumnRows, RowBuffer
from fasttrees._inputs.arrays import rows_of_array
from fasttrees.errors import InputError, InputTypeError

if TYPE_CHECKING:
    from fasttrees._inputs import Columns, ReadOptions

__all__ = ["is_frame", "rows_of_frame"]

FEW_ROWS = 1024  # of numpy's types: to copy so many takes less time than to ask pandas for every column


def is_frame(data: Any) -> bool:
    """Return whether this is a data frame of pandas."""
    frame = getattr(sys.modules.get("pandas"), "DataFrame", None)
    return frame is not None and isinstance(data, frame)


def rows_of_frame(frame: Any, columns: Columns, options: ReadOptions) -> RowBuffer:
    """Read rows from a data frame of pandas; columns of numpy's own types are read in place, or few rows copied.

    Parameters
    ----------
    frame : pandas.DataFrame
    columns : Columns
    options : ReadOptions

    Raises
    ------
    InputError
        If the frame has no rows, other names than the model (if the user wants them checked), another number of
        category columns or columns that are no numbers.
    InputTypeError
        If its types have no common one, as dates and numbers have none.
    """
    pandas = sys.modules["pandas"]
    if options.validate_features:
        check_names([str(name) for name in frame.columns], columns.names)
    if not len(frame):
        raise InputError("Input data must be 2 dimensional and non empty.")
    dtypes = list(frame.dtypes)
    coded = [number for number, dtype in enumerate(dtypes) if isinstance(dtype, pandas.CategoricalDtype)]
    known = columns.pandas_categorical
    if known is not None and len(known) != len(coded):
        raise InputError(
            "train and valid dataset categorical_feature do not match. "
            f"(expected {len(known)} category columns, got {len(coded)})"
        )
    check_types(frame, pandas, dtypes, {dtypes[number] for number in range(len(dtypes)) if number not in coded})
    width = columns.n_features if options.predict_disable_shape_check else None
    if len(frame) < FEW_ROWS and all(isinstance(dtype, np.dtype) for dtype in dtypes):
        return rows_of_array(frame.to_numpy(np.float64), width)
    categories = dict(zip(coded, known if known is not None else [None] * len(coded), strict=True))
    values: list[Any] = [
        codes_of(series.array, categories[number]) if number in categories else values_of(series)
        for number, (_, series) in zip(range(len(dtypes) if width is None else width), frame.items(), strict=False)
    ]
    if width is not None:
        values += [None] * (width - len(values))
    return ColumnRows(values, len(frame), frozenset(coded))


def check_names(names: Sequence[str], expected: Sequence[str]) -> None:
    """Compare names of columns with the model's, by position."""
    if len(names) != len(expected):
        raise InputError(
            f"Model was trained on {len(expected)} features, but got {len(names)} input features to predict."
        )
    for position, (name, wanted) in enumerate(zip(names, expected, strict=True)):
        if name != wanted:
            raise InputError(f"Expected '{wanted}' at position {position} but found '{name}'")


def check_types(frame: Any, pandas: Any, dtypes: list[Any], own: set[Any]) -> None:
    """Refuse columns that are no numbers; those that Arrow keeps are numbers if Arrow's type is one.

    Parameters
    ----------
    frame : pandas.DataFrame
    pandas : module
    dtypes : list of numpy's and pandas' dtypes
        By column.
    own : set of them
        Those of all columns but categories.
    """
    arrow = getattr(pandas, "ArrowDtype", ())
    try:
        np.result_type(np.float32, *(dtype.type for dtype in own if not isinstance(dtype, arrow)))
    except TypeError as error:
        raise InputTypeError(f"pandas dtypes must be int, float or bool: {error}") from error
    refused = {
        dtype for dtype in own if not (dtype.kind in "iufb" if isinstance(dtype, arrow) else is_number(dtype.type))
    }
    if refused:
        fields = [f"{name}: {dtype}" for name, dtype in zip(frame.columns, dtypes, strict=True) if dtype in refused]
        raise InputError(
            "pandas dtypes must be int, float or bool.\nFields with bad pandas dtypes: " + ", ".join(fields)
        )


def is_number(kind: type) -> bool:
    """Return whether LightGBM takes values of this type of numpy."""
    return issubclass(kind, (np.integer, np.floating, np.bool_)) and not issubclass(
        kind, (np.timedelta64, np.longdouble)
    )


def values_of(series: Any) -> np.ndarray:
    """Values of a column, its own memory if numpy can say what they are; missing ones become NaN."""
    dtype = series.dtype
    if not isinstance(dtype, np.dtype):  # nullable, sparse, or of Arrow
        values: np.ndarray = series.to_numpy(dtype=np.float64, na_value=np.nan)
        return values
    values = series.to_numpy()
    if dtype == np.float16:
        return values.astype(np.float32)
    return values if dtype.isnative and values.flags.aligned else values.astype(dtype.newbyteorder("="))


def codes_of(categorical: Any, categories: list[Any] | None) -> np.ndarray:
    """Numbers of a column's categories among the model's, or among its own without any; negative if missing."""
    if categories is not None and list(categorical.categories) != list(categories):
        categorical = categorical.set_categories(categories)
    codes: np.ndarray = categorical.codes
    return codes
