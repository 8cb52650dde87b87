"""What a user passes to ``Model.predict``, turned into rows: a module for each kind of object.

Rows that lie in memory are read where they lie: a table (``RowBuffer``), or columns of any types and strides
(``ColumnRows`` and ``ArrowRows``, which are row buffers too). Sparse matrices and files are laid out block by block in
each thread's own memory (``BlockRows``). ``contributions`` also gives SHAP values the form that the data ask for.

None of the libraries that an object may come from is imported unless the object is theirs; numpy alone is, by the first
``predict``: the core runs without.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

from numpy import empty, ndarray

from fasttrees._engine.rows import RowBuffer
from fasttrees._inputs.arrays import empty_leaves, empty_scores, rows_of_array
from fasttrees._inputs.arrow import is_arrow, rows_of_arrow
from fasttrees._inputs.blocks import BlockRows, run_blocks
from fasttrees._inputs.contributions import contributions, refuses_contributions
from fasttrees._inputs.files import rows_of_file
from fasttrees._inputs.frames import is_frame, rows_of_frame
from fasttrees._inputs.sequences import rows_of_object
from fasttrees._inputs.sparse import is_sparse, rows_of_sparse

__all__ = [
    "Columns",
    "ReadOptions",
    "as_rows",
    "contributions",
    "empty",
    "empty_leaves",
    "empty_scores",
    "ndarray",
    "refuses_contributions",
    "run_blocks",
]


class Columns(NamedTuple):
    """The columns of a model.

    Attributes
    ----------
    names : sequence of str
    n_features : int
    pandas_categorical : list of lists or None
        Categories of each category column of the training data frame.
    label_index : int
        Column of the label in the training file.
    """

    names: Sequence[str]
    n_features: int
    pandas_categorical: list[list[Any]] | None
    label_index: int


class ReadOptions(NamedTuple):
    """Options of reading data: LightGBM's arguments of these names."""

    validate_features: bool = False
    data_has_header: bool = False
    precise_float_parser: bool = False
    predict_disable_shape_check: bool = False


def as_rows(data: Any, columns: Columns, options: ReadOptions) -> RowBuffer | BlockRows:
    """Read rows from any kind of data, in the order in which LightGBM looks for kinds.

    Parameters
    ----------
    data : object
    columns : Columns
    options : ReadOptions

    Raises
    ------
    InputError, InputTypeError
        Where LightGBM raises ValueError or LightGBMError, and TypeError.
    """
    if isinstance(data, (str, os.PathLike)):
        return rows_of_file(
            data,
            columns.names,
            columns.label_index,
            has_header=options.data_has_header,
            precise=options.precise_float_parser,
            checks_shape=not options.predict_disable_shape_check,
        )
    if is_frame(data):
        return rows_of_frame(data, columns, options)
    if is_sparse(data):
        return rows_of_sparse(data, columns.n_features, checks_shape=not options.predict_disable_shape_check)
    if is_arrow(data):
        return rows_of_arrow(data, columns, options)
    if not isinstance(data, (ndarray, list)):
        return rows_of_object(data, columns.n_features, checks_shape=not options.predict_disable_shape_check)
    return rows_of_array(data, columns.n_features if options.predict_disable_shape_check else None)
