"""Score collections of Dask: ``fasttrees.dask.predict``.

Dask is imported on first use: ``pip install fasttrees-lightgbm[dask]``.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from fasttrees._distributed import (
    Options,
    Output,
    PortableModel,
    check_options,
    choose_features,
    choose_kept,
    output_of,
)
from fasttrees.errors import InputError, InputTypeError
from fasttrees.model import Model

__all__ = ["predict"]


def predict(
    data: Any,
    model: Any,
    *,
    columns: Sequence[Any] | None = None,
    output: str = "prediction",
    kind: str = "normal",
    keep: Sequence[Any] | None = None,
    n_threads: int | None = 1,
) -> Any:
    """Score a Dask DataFrame or a Dask array, lazily and partition by partition: the bits of ``Model.predict``.

    The model is one task of the graph, on which all others depend, so every worker gets it once, and a new one gets it
    again. With or without a cluster; see docs/how-to/distributed.md.

    Parameters
    ----------
    data : dask.dataframe.DataFrame or dask.array.Array, shape (n_rows, n_features)
        Sizes of chunks may be unknown. An array in several chunks along its columns is rechunked. An array has no
        names, so `columns`, `output` and `keep` are for a DataFrame only.
    model : Model, lightgbm.Booster, fitted estimator of lightgbm.sklearn, or path of a model file
        A path must lead to the same file on every worker; processes of a machine then share a compact file's memory,
        and the graph stays small.
    columns : sequence or None, default None
        The feature columns, in the order of the model's features. None: those with the features' names.
    output : str, default "prediction"
        Name of the new column, the last one. If a row has several numbers, each has a column: ``prediction_0``,
        ``prediction_1``, ...
    kind : {"normal", "raw", "leaf", "contrib"}, default "normal"
        Predictions, raw scores, the number of each tree's leaf, or the features' contributions (SHAP values).
    keep : sequence or None, default None
        Columns of `data` to keep in the result, in this order. None: all. The fewer, the less is read.
    n_threads : int or None, default 1
        Threads of each task: a worker runs as many tasks as it has threads of its own.

    Returns
    -------
    dask.dataframe.DataFrame or dask.array.Array
        For a DataFrame one with the columns to keep and those of predictions, its index, divisions and partitions those
        of `data`. For an array one of shape (n_rows,) if a row has one number, else (n_rows, number of outputs), its
        second dimension known. Predictions are float64, leaves int32.

    Raises
    ------
    InputError, InputTypeError
        If `data` cannot be scored, as far as its columns and their types show: before anything is computed.
    """
    import dask

    options = check_options(columns=columns, output=output, kind=kind, keep=keep, n_threads=n_threads, name_type=object)
    portable = PortableModel.of(model)
    outputs = output_of(portable.model, kind)
    # A single task takes the model with it: Dask 2026.8 cannot fuse a lone chain of a model, a partition and an array.
    is_single = getattr(data, "npartitions", 0) == 1
    node = portable if is_single else dask.delayed(portable, name=f"fasttrees-model-{portable.digest}", traverse=False)
    if dask.is_dask_collection(data) and hasattr(data, "divisions") and hasattr(data, "columns"):
        return _predict_frame(data, portable.model, node, outputs, options)
    if dask.is_dask_collection(data) and hasattr(data, "chunks"):
        given = {"columns": columns is not None, "output": output != "prediction", "keep": keep is not None}
        if any(given.values()):
            name = next(name for name, is_given in given.items() if is_given)
            raise InputError(f"expected {name} with a DataFrame only, got it with an array")
        return _predict_array(data, portable.model, node, outputs, n_threads)
    raise InputTypeError(
        f"expected a DataFrame or an array of Dask, got {type(data).__module__}.{type(data).__name__}: "
        "score what is in memory with Model.predict"
    )


def _predict_frame(frame: Any, model: Model, node: Any, outputs: Output, options: Options) -> Any:
    import pandas as pd

    if getattr(frame, "ndim", 0) != 2:
        raise InputTypeError(f"expected a DataFrame, got a {type(frame).__name__}")
    width = outputs.width
    names = [options.output] if width is None else [f"{options.output}_{number}" for number in range(width)]
    present = list(frame.columns)
    wanted = [present[position] for position in choose_features(model, present, options.columns)]
    kept = [present[position] for position in choose_kept(present, options.keep, names)]
    if options.keep is not None and (needed := list(dict.fromkeys([*kept, *wanted]))) != present:
        frame = frame[needed]  # which a reader of Parquet takes as the columns to read
    features = frame._meta_nonempty[wanted]
    if model.pandas_categorical is None and any(
        isinstance(features.dtypes.iloc[position], pd.CategoricalDtype) and not frame[name].cat.known
        for position, name in enumerate(wanted)
    ):
        raise InputError(
            "the model knows no categories, and those of the DataFrame are unknown: codes would differ from partition "
            "to partition; use .categorize() first"
        )
    outputs.predict(model, features, 1)  # raises what every partition would
    kept_names = None if options.keep is None else kept
    score = partial(
        _score_frame, wanted=wanted, kept=kept_names, names=names, outputs=outputs, n_threads=options.n_threads
    )
    meta = _join(frame._meta, kept_names, names, outputs.empty())
    return frame.map_partitions(score, node, meta=meta)


def _score_frame(
    part: Any,
    portable: PortableModel,
    wanted: list[Any],
    kept: list[Any] | None,
    names: list[str],
    outputs: Output,
    n_threads: int | None,
) -> Any:
    rows = part if wanted == list(part.columns) else part[wanted]
    return _join(part, kept, names, outputs.predict(portable.model, rows, n_threads))


def _join(part: Any, kept: list[Any] | None, names: list[str], scores: np.ndarray) -> Any:
    """Put columns of predictions behind those to keep; None: all."""
    import pandas as pd

    added = pd.DataFrame(scores.reshape(-1, len(names)), index=part.index, columns=names, copy=False)
    if kept == []:
        return added
    return pd.concat([part if kept is None else part[kept], added], axis=1)


def _predict_array(array: Any, model: Model, node: Any, outputs: Output, n_threads: int | None) -> Any:
    if array.ndim != 2 or not isinstance(array._meta, np.ndarray):
        raise InputTypeError(
            f"expected an array of two dimensions with chunks of numpy, got {array.ndim} and "
            f"{type(array._meta).__module__}.{type(array._meta).__name__}"
        )
    if array.numblocks[1] != 1:
        array = array.rechunk({1: -1})
    width = array.shape[1]
    outputs.predict(model, np.zeros((1, model.num_feature() if np.isnan(width) else width), array.dtype), 1)
    score = partial(_score_block, outputs=outputs, n_threads=n_threads)
    shape: dict[str, Any] = (
        {"drop_axis": 1} if outputs.width is None else {"chunks": (array.chunks[0], (outputs.width,))}
    )
    return array.map_blocks(score, node, dtype=outputs.dtype, meta=outputs.empty(), **shape)


def _score_block(block: np.ndarray, portable: PortableModel, outputs: Output, n_threads: int | None) -> np.ndarray:
    return outputs.predict(portable.model, block, n_threads)
