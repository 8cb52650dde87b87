"""Scores collections of Dask: ``fasttrees.dask.predict``.

Dask is imported when it is used, by whoever has it: ``pip install fasttrees-lightgbm[dask]``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from fasttrees._distributed import Output, Shipped, choose_columns, output_of
from fasttrees._runtime.threads import resolve_n_threads
from fasttrees.errors import InputError, InputTypeError
from fasttrees.model import Model

__all__ = ["predict"]


def predict(
    model: Model | str | os.PathLike[str],
    data: Any,
    *,
    kind: str = "normal",
    columns: Sequence[Any] | None = None,
    n_threads: int | None = 1,
) -> Any:
    """Score a Dask DataFrame or a Dask array, lazily and partition by partition: the bits of ``Model.predict``.

    The model is one task of the graph, on which all others depend, so every worker gets it once, and a new one gets it
    again. With or without a cluster; see docs/how-to/distributed.md.

    Parameters
    ----------
    model : Model, str or path-like
        A path must lead to the same file on every worker; processes of a machine then share a compact file's memory,
        and the graph stays small.
    data : dask.dataframe.DataFrame or dask.array.Array, shape (n_rows, n_features)
        Sizes of chunks may be unknown. An array in several chunks along its columns is rechunked.
    kind : {"normal", "raw", "leaf", "contrib"}, default "normal"
        Predictions, raw scores, numbers of leaves or contributions of features.
    columns : sequence or None, default None
        Columns of a DataFrame to score, in the order of the features. None: the names of the features.
    n_threads : int or None, default 1
        Threads of each task: a worker runs as many tasks as it has threads of its own.

    Returns
    -------
    dask.dataframe.Series or dask.array.Array
        Where a row has one number, float64: of a DataFrame a Series named ``prediction`` with the same index and
        divisions, of an array one of shape (n_rows,). Else an array of shape (n_rows, number of outputs), its second
        dimension known: float64, for leaves int32. Partitions are those of `data`.

    Raises
    ------
    InputError, InputTypeError
        If `data` cannot be scored, as far as its columns and their types show: before anything is computed.
    """
    import dask

    resolve_n_threads(n_threads)
    shipped = Shipped.of(model)
    output = output_of(shipped.model, kind)
    # A single task takes the model with it: Dask 2026.8 cannot fuse a lone chain of a model, a partition and an array.
    alone = getattr(data, "npartitions", 0) == 1
    node = shipped if alone else dask.delayed(shipped, name=f"fasttrees-model-{shipped.digest}", traverse=False)
    if dask.is_dask_collection(data) and hasattr(data, "divisions") and hasattr(data, "columns"):
        return _predict_frame(data, shipped.model, node, output, columns, n_threads)
    if dask.is_dask_collection(data) and hasattr(data, "chunks"):
        if columns is not None:
            raise InputError("expected columns with a DataFrame only, got them with an array")
        return _predict_array(data, shipped.model, node, output, n_threads)
    raise InputTypeError(
        f"expected a DataFrame or an array of Dask, got {type(data).__module__}.{type(data).__name__}: "
        "score what is in memory with Model.predict"
    )


def _predict_frame(
    frame: Any, model: Model, node: Any, output: Output, columns: Sequence[Any] | None, n_threads: int | None
) -> Any:
    import pandas as pd

    if getattr(frame, "ndim", 0) != 2:
        raise InputTypeError(f"expected a DataFrame, got a {type(frame).__name__}")
    wanted = choose_columns(model, frame.columns, columns)
    if wanted != list(frame.columns):
        frame = frame[wanted]  # which a reader of Parquet takes as the columns to read
    if model.pandas_categorical is None and any(
        isinstance(dtype, pd.CategoricalDtype) and not frame[name].cat.known for name, dtype in frame.dtypes.items()
    ):
        raise InputError(
            "the model knows no categories, and those of the DataFrame are unknown: codes would differ from partition "
            "to partition; use .categorize() first"
        )
    output.predict(model, frame._meta_nonempty, 1)  # raises what every partition would
    score = partial(_score_frame, output=output, n_threads=n_threads)
    if output.width is None:
        meta = pd.Series([], dtype=output.dtype, name="prediction", index=frame._meta.index[:0])
        return frame.map_partitions(score, node, meta=meta)
    meta = pd.DataFrame(output.empty(), index=frame._meta.index[:0])
    return frame.map_partitions(score, node, meta=meta).to_dask_array()


def _score_frame(part: Any, shipped: Shipped, output: Output, n_threads: int | None) -> Any:
    import pandas as pd

    scores = output.predict(shipped.model, part, n_threads)
    if output.width is None:
        return pd.Series(scores, index=part.index, name="prediction", copy=False)
    return pd.DataFrame(scores, index=part.index, copy=False)


def _predict_array(array: Any, model: Model, node: Any, output: Output, n_threads: int | None) -> Any:
    if array.ndim != 2 or not isinstance(array._meta, np.ndarray):
        raise InputTypeError(
            f"expected an array of two dimensions with chunks of numpy, got {array.ndim} and "
            f"{type(array._meta).__module__}.{type(array._meta).__name__}"
        )
    if array.numblocks[1] != 1:
        array = array.rechunk({1: -1})
    width = array.shape[1]
    output.predict(model, np.zeros((1, model.num_feature() if np.isnan(width) else width), array.dtype), 1)
    score = partial(_score_block, output=output, n_threads=n_threads)
    shape: dict[str, Any] = {"drop_axis": 1} if output.width is None else {"chunks": (array.chunks[0], (output.width,))}
    return array.map_blocks(score, node, dtype=output.dtype, meta=output.empty(), **shape)


def _score_block(block: np.ndarray, shipped: Shipped, output: Output, n_threads: int | None) -> np.ndarray:
    return output.predict(shipped.model, block, n_threads)
