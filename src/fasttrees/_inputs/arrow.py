"""Tables of Arrow as rows: of anything with Arrow's capsules, such as pyarrow's tables and polars' data frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fasttrees._inputs.arrow_columns import ArrowRows

if TYPE_CHECKING:
    from fasttrees._inputs import Columns, ReadOptions

__all__ = ["is_arrow", "rows_of_arrow"]


def is_arrow(data: Any) -> bool:
    """Return whether this is an Arrow table; a series, of one dimension, does not."""
    kind = type(data)
    return (hasattr(kind, "__arrow_c_stream__") or hasattr(kind, "__arrow_c_array__")) and (
        len(getattr(data, "shape", (0, 0))) == 2
    )


def rows_of_arrow(data: Any, columns: Columns, options: ReadOptions) -> ArrowRows:
    """Read rows from an Arrow table, in place.

    Parameters
    ----------
    data : object with ``__arrow_c_stream__`` or ``__arrow_c_array__``
    columns : Columns
    options : ReadOptions

    Raises
    ------
    InputError
        If a column has another type than whole numbers, float, double and bool.
    InputTypeError
        If this is no table.
    """
    width = columns.n_features if options.predict_disable_shape_check else -1
    if hasattr(data, "__arrow_c_stream__"):
        return ArrowRows(data.__arrow_c_stream__(), None, width)
    return ArrowRows(None, data.__arrow_c_array__(), width)
