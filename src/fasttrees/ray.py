"""Scores datasets of Ray Data: ``fasttrees.ray.predict``, and the class that it gives to ``map_batches``.

Ray is imported when it is used, by whoever has it: ``pip install fasttrees-lightgbm[ray]``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from fasttrees._distributed import Shipped, choose_columns, output_of
from fasttrees._runtime.threads import resolve_n_threads
from fasttrees.errors import InputError, InputTypeError
from fasttrees.model import Model

__all__ = ["Predictor", "predict"]


def predict(
    dataset: Any,
    model: Model | str | os.PathLike[str],
    *,
    kind: str = "normal",
    columns: Sequence[str] | None = None,
    output: str = "prediction",
    n_threads: int | None = 1,
    batch_format: str = "pyarrow",
    **options: Any,
) -> Any:
    """Add a column of predictions to a dataset, lazily and batch by batch: the bits of ``Model.predict``.

    The model is put in the object store once. Actors score, and those of one machine share its memory.

    Parameters
    ----------
    dataset : ray.data.Dataset
    model : Model, str or path-like
        A path must lead to the same file on every machine.
    kind, columns, output, n_threads
        As of :class:`Predictor`.
    batch_format : {"pyarrow", "numpy", "pandas"}, default "pyarrow"
        In what form an actor gets its rows; what is in memory already is not copied for pyarrow.
    **options
        Further arguments of ``Dataset.map_batches``, such as `batch_size` and `concurrency`. Unless they say
        otherwise, an actor reserves `n_threads` CPUs.

    Returns
    -------
    ray.data.Dataset

    Raises
    ------
    InputError, InputTypeError
        If the dataset has a schema already, and cannot be scored; otherwise the first batch raises it.
    """
    import ray

    shipped = Shipped.of(model)
    settings: dict[str, Any] = {"kind": kind, "columns": columns, "output": output, "n_threads": n_threads}
    Predictor(shipped, **settings)._check_schema(dataset.schema(fetch_if_missing=False), batch_format)
    reserved = {} if n_threads is None else {"num_cpus": n_threads}
    return dataset.map_batches(
        Predictor,
        fn_constructor_args=(ray.put(shipped),),
        fn_constructor_kwargs=settings,
        batch_format=batch_format,
        **{**reserved, **options},
    )


class Predictor:
    """What an actor of ``Dataset.map_batches`` scores batches with.

    Parameters
    ----------
    model : Model, str, path-like or ray.ObjectRef
        The model, the path of its file, or a reference to either in the object store.
    kind : {"normal", "raw", "leaf", "contrib"}, default "normal"
        Predictions, raw scores, numbers of leaves or contributions of features.
    columns : sequence of str or None, default None
        Columns to score, in the order of the features. None: the names of the features. In batches of numpy, one column
        of tensors with an item for each feature does too, which None finds if it is the only one.
    output : str, default "prediction"
        Name of the new column; it has tensors where a row has several numbers.
    n_threads : int or None, default 1
        Threads of each actor; None: as many as the CPUs that the process may use, which Ray does not reserve.

    Raises
    ------
    InputError, InputTypeError
        If an argument cannot be what it is.
    """

    def __init__(
        self,
        model: Any,
        *,
        kind: str = "normal",
        columns: Sequence[str] | None = None,
        output: str = "prediction",
        n_threads: int | None = 1,
    ) -> None:
        if (ray := sys.modules.get("ray")) is not None and isinstance(model, ray.ObjectRef):
            model = ray.get(model)
        resolve_n_threads(n_threads)
        self._model = model if isinstance(model, Model) else _shipped(model).model
        self._scores = output_of(self._model, kind)
        self._columns = None if columns is None else list(columns)
        self._output = output
        self._n_threads = n_threads

    def __call__(self, batch: Any) -> Any:
        """Add the column of predictions to a batch.

        Parameters
        ----------
        batch : pyarrow.Table, pandas.DataFrame or dict of str to numpy.ndarray

        Returns
        -------
        pyarrow.Table, pandas.DataFrame or dict of str to numpy.ndarray
            As `batch`, whose columns are those of it.

        Raises
        ------
        InputError, InputTypeError
            If the batch cannot be scored.
        """
        if isinstance(batch, dict):
            scores = self._predict(self._rows_of_arrays(batch))
            return {**batch, self._output: scores}
        if hasattr(batch, "append_column"):
            scores = self._predict(self._rows_of_table(batch))
            return batch.append_column(self._output, _arrow_of(scores))
        if hasattr(batch, "assign"):
            scores = self._predict(self._rows_of_frame(batch))
            return batch.assign(**{self._output: scores if scores.ndim == 1 else list(scores)})
        raise InputTypeError(f"expected a batch of pyarrow, pandas or numpy, got {type(batch).__name__}")

    def _predict(self, rows: Any) -> np.ndarray:
        return self._scores.predict(self._model, rows, self._n_threads)

    def _choose(self, names: Sequence[Any]) -> list[Any]:
        if self._output in names:
            raise InputError(f"expected no column {self._output!r}, which is to be made: name another in output")
        return choose_columns(self._model, names, self._columns)

    def _rows_of_arrays(self, batch: dict[str, Any]) -> Any:
        import pandas as pd

        one = list(batch if self._columns is None else self._columns)
        if len(one) == 1 and getattr(batch.get(one[0]), "ndim", 0) == 2 and self._output not in batch:
            return batch[one[0]]
        return pd.DataFrame({name: batch[name] for name in self._choose(list(batch))}, copy=False)

    def _rows_of_frame(self, batch: Any) -> Any:
        import pandas as pd

        frame = batch[self._choose(batch.columns)]
        if self._model.pandas_categorical is None and any(isinstance(t, pd.CategoricalDtype) for t in frame.dtypes):
            raise InputError(
                "the model knows no categories, so codes of category columns would differ from batch to batch: give it "
                "columns of numbers"
            )
        return frame

    def _rows_of_table(self, batch: Any) -> Any:
        from pyarrow.types import is_dictionary

        table = batch.select(self._choose(batch.column_names))
        if words := [field.name for field in table.schema if is_dictionary(field.type)]:
            raise InputError(
                f"expected columns of numbers, got categories in {words[0]!r}: a model that knows them matches them in "
                'batches of pandas; use batch_format="pandas"'
            )
        return table

    def _check_schema(self, schema: Any, batch_format: str) -> None:
        """Raise what every batch would, as far as it can be told: a schema of Arrow tells the types of such batches."""
        if schema is None or len(schema.names if self._columns is None else self._columns) == 1:
            return  # one column may have tensors, which the first batch shows
        import pyarrow as pa

        names = self._choose(schema.names)
        if batch_format == "pyarrow" and isinstance(schema.base_schema, pa.Schema):
            fields = [schema.base_schema.field(name) for name in names]
            table = pa.table([pa.nulls(1, f.type) for f in fields], pa.schema(fields))
            self._scores.predict(self._model, self._rows_of_table(table), 1)


def _shipped(model: Any) -> Shipped:
    return model if isinstance(model, Shipped) else Shipped.of(model)


def _arrow_of(scores: np.ndarray) -> Any:
    import pyarrow as pa

    if scores.ndim == 1:
        return pa.array(scores)
    lists = pa.FixedSizeListArray.from_arrays(pa.array(scores.reshape(-1)), scores.shape[1])
    return pa.ExtensionArray.from_storage(pa.fixed_shape_tensor(lists.type.value_type, [scores.shape[1]]), lists)
