"""Score datasets of Ray Data: ``fasttrees.ray.predict``, and the class that it passes to ``map_batches``.

Ray is imported on first use: ``pip install fasttrees-lightgbm[ray]``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from fasttrees._distributed import PortableModel, check_options, choose_features, choose_kept, output_of
from fasttrees.errors import InputError, InputTypeError
from fasttrees.model import Model

__all__ = ["Predictor", "predict"]


def predict(
    data: Any,
    model: Any,
    *,
    columns: Sequence[str] | None = None,
    output: str = "prediction",
    kind: str = "normal",
    keep: Sequence[str] | None = None,
    n_threads: int | None = 1,
    batch_format: str = "pyarrow",
    **options: Any,
) -> Any:
    """Add a column of predictions to a dataset, lazily and batch by batch: the bits of ``Model.predict``.

    The model is put in the object store once. Actors score, and those of one machine share its memory.

    Parameters
    ----------
    data : ray.data.Dataset
    model : Model, lightgbm.Booster, fitted estimator of lightgbm.sklearn, or path of a model file
        A path must lead to the same file on every machine.
    columns, output, kind, keep, n_threads
        As of :class:`Predictor`.
    batch_format : {"pyarrow", "numpy", "pandas"}, default "pyarrow"
        The form in which an actor gets its rows; what is in memory already is not copied for pyarrow.
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

    portable = PortableModel.of(model)
    settings: dict[str, Any] = {
        "columns": columns,
        "output": output,
        "kind": kind,
        "keep": keep,
        "n_threads": n_threads,
    }
    Predictor(portable, **settings)._check_schema(data.schema(fetch_if_missing=False), batch_format)
    reserved = {} if n_threads is None else {"num_cpus": n_threads}
    return data.map_batches(
        Predictor,
        fn_constructor_args=(ray.put(portable),),
        fn_constructor_kwargs=settings,
        batch_format=batch_format,
        **{**reserved, **options},
    )


class Predictor:
    """The class that actors of ``Dataset.map_batches`` score batches with.

    Parameters
    ----------
    model : Model, lightgbm.Booster, fitted estimator, str, path-like or ray.ObjectRef
        The model, the path of its file, or a reference to either in the object store.
    columns : sequence of str or None, default None
        The feature columns, in the order of the model's features. None: those with the features' names. In batches of
        numpy, one column of tensors with an item for each feature does too, which None finds if it is the only one.
    output : str, default "prediction"
        Name of the new column, the last one; it has tensors if a row has several numbers.
    kind : {"normal", "raw", "leaf", "contrib"}, default "normal"
        Predictions, raw scores, the number of each tree's leaf, or the features' contributions (SHAP values).
    keep : sequence of str or None, default None
        Columns of the data to keep in the result, in this order. None: all.
    n_threads : int or None, default 1
        Threads of each actor; None: as many as the CPUs that the process may use, which Ray does not reserve.

    Raises
    ------
    InputError, InputTypeError
        If an argument is out of range or of the wrong type.
    """

    def __init__(
        self,
        model: Any,
        *,
        columns: Sequence[str] | None = None,
        output: str = "prediction",
        kind: str = "normal",
        keep: Sequence[str] | None = None,
        n_threads: int | None = 1,
    ) -> None:
        if (ray := sys.modules.get("ray")) is not None and isinstance(model, ray.ObjectRef):
            model = ray.get(model)
        self._options = check_options(columns=columns, output=output, kind=kind, keep=keep, n_threads=n_threads)
        self._model = model if isinstance(model, Model) else _portable(model).model
        self._outputs = output_of(self._model, kind)

    def __call__(self, batch: Any) -> Any:
        """Add the column of predictions to a batch.

        Parameters
        ----------
        batch : pyarrow.Table, pandas.DataFrame or dict of str to numpy.ndarray

        Returns
        -------
        pyarrow.Table, pandas.DataFrame or dict of str to numpy.ndarray
            Of the same type; the kept columns share memory with those of `batch`.

        Raises
        ------
        InputError, InputTypeError
            If the batch cannot be scored.
        """
        output = self._options.output
        if isinstance(batch, dict):
            kept = self._kept(list(batch))
            return {**{name: batch[name] for name in kept}, output: self._predict(self._rows_of_arrays(batch))}
        if hasattr(batch, "append_column"):
            kept = self._kept(batch.column_names)
            scores = _arrow_of(self._predict(self._rows_of_table(batch)))
            rest = batch if self._options.keep is None else batch.select(kept)
            if not rest.num_columns:
                import pyarrow as pa

                return pa.table([scores], [output])  # a table without columns has lost its number of rows
            return rest.append_column(output, scores)
        if hasattr(batch, "assign"):
            kept = self._kept(batch.columns)
            scores = self._predict(self._rows_of_frame(batch))
            rest = batch if self._options.keep is None else batch[kept]
            return rest.assign(**{output: scores if scores.ndim == 1 else list(scores)})
        raise InputTypeError(f"expected a batch of pyarrow, pandas or numpy, got {type(batch).__name__}")

    def _predict(self, rows: Any) -> np.ndarray:
        return self._outputs.predict(self._model, rows, self._options.n_threads)

    def _features(self, names: Sequence[Any]) -> list[Any]:
        return [names[position] for position in choose_features(self._model, names, self._options.columns)]

    def _kept(self, names: Sequence[Any]) -> list[Any]:
        return [names[position] for position in choose_kept(names, self._options.keep, [self._options.output])]

    def _rows_of_arrays(self, batch: dict[str, Any]) -> Any:
        import pandas as pd

        columns = self._options.columns
        names = list(batch if columns is None else columns)
        if len(names) == 1 and getattr(batch.get(names[0]), "ndim", 0) == 2:
            return batch[names[0]]
        return pd.DataFrame({name: batch[name] for name in self._features(list(batch))}, copy=False)

    def _rows_of_frame(self, batch: Any) -> Any:
        import pandas as pd

        frame = batch[self._features(batch.columns)]
        if self._model.pandas_categorical is None and any(isinstance(t, pd.CategoricalDtype) for t in frame.dtypes):
            raise InputError(
                "the model knows no categories, so codes of category columns would differ from batch to batch: give it "
                "columns of numbers"
            )
        return frame

    def _rows_of_table(self, batch: Any) -> Any:
        from pyarrow.types import is_dictionary

        table = batch.select(self._features(batch.column_names))
        if categories := [field.name for field in table.schema if is_dictionary(field.type)]:
            raise InputError(
                f"expected columns of numbers, got categories in {categories[0]!r}: a model that knows them matches "
                'them in batches of pandas; use batch_format="pandas"'
            )
        return table

    def _check_schema(self, schema: Any, batch_format: str) -> None:
        """Raise what every batch would, as far as the schema shows: that of Arrow has the types of such batches."""
        if schema is None:
            return
        self._kept(schema.names)
        columns = self._options.columns
        if len(schema.names if columns is None else columns) == 1:
            return  # one column may have tensors, which the first batch shows
        import pyarrow as pa

        names = self._features(schema.names)
        if batch_format == "pyarrow" and isinstance(schema.base_schema, pa.Schema):
            fields = [schema.base_schema.field(name) for name in names]
            table = pa.table([pa.nulls(1, f.type) for f in fields], pa.schema(fields))
            self._outputs.predict(self._model, self._rows_of_table(table), 1)


def _portable(model: Any) -> PortableModel:
    return model if isinstance(model, PortableModel) else PortableModel.of(model)


def _arrow_of(scores: np.ndarray) -> Any:
    import pyarrow as pa

    if scores.ndim == 1:
        return pa.array(scores)
    lists = pa.FixedSizeListArray.from_arrays(pa.array(scores.reshape(-1)), scores.shape[1])
    return pa.ExtensionArray.from_storage(pa.fixed_shape_tensor(lists.type.value_type, [scores.shape[1]]), lists)
