"""Score data frames of Spark: :func:`transform`, and a stage of pipelines in :mod:`fasttrees.spark.ml`.

Spark is imported on first use: ``pip install fasttrees-lightgbm[spark]``, 3.5 or later. All
machines of the cluster need this package.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from fasttrees._distributed import check_options, read_model
from fasttrees._runtime.threads import resolve_n_threads
from fasttrees.errors import InputError, InputTypeError

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructField

__all__ = ["transform"]


def transform(
    data: DataFrame,
    model: Any,
    *,
    columns: Sequence[str] | None = None,
    output: str = "prediction",
    kind: str = "normal",
    keep: Sequence[str] | None = None,
    n_threads: int | None = 1,
) -> DataFrame:
    """Add a column of scores to a data frame: the same bits as :meth:`fasttrees.Model.predict`.

    Nothing is computed until Spark is asked for rows. Batches of Arrow then go straight from Spark into ``predict``,
    and on with one more column; docs/how-to/distributed.md says how the model gets to the workers.

    Parameters
    ----------
    data : pyspark.sql.DataFrame
        Feature columns are whole numbers, float, double, boolean and decimal, which becomes the nearest double; null
        and NaN are missing. Categories are given as their codes. Kept columns stay as they are.
    model : Model, lightgbm.Booster, fitted estimator of lightgbm.sklearn, or path of a model file
        A path is read by the driver.
    columns : sequence of str or None, default None
        The feature columns, in the order of the model's features. None: those with the features' names.
    output : str, default "prediction"
        Name of the new column, the last one.
    kind : {"normal", "raw", "leaf", "contrib"}, default "normal"
        Predictions, raw scores, the number of each tree's leaf, or the features' contributions (SHAP values).
    keep : sequence of str or None, default None
        Columns of `data` to keep in the result, in this order. None: all. The fewer, the less Spark passes to Python.
    n_threads : int or None, default 1
        Threads of a task; None: its CPUs, which are ``spark.task.cpus``. More would have to share them.

    Returns
    -------
    pyspark.sql.DataFrame
        With a column of double; array<double> for several classes, and for contributions num_class * (n_features + 1)
        numbers; array<int> for leaves. It is never null.

    Raises
    ------
    InputError
        If a column is missing, there twice or of no number, if there are more or fewer than the model's features, if
        the name of the output is that of a kept column, if Spark cannot pass a column through
        Python (intervals of months), or if an argument is out of range. All this is found here, before any job.
    InputTypeError
        If an argument is of another type.
    OSError, ModelFormatError
        If the model cannot be read.
    """
    from pyspark.sql import DataFrame
    from pyspark.sql.types import StructField, StructType

    from fasttrees.spark._schema import choose_columns, output_type
    from fasttrees.spark._scoring import Scoring
    from fasttrees.spark._sharing import share

    if not isinstance(data, DataFrame):
        raise InputTypeError(f"expected a data frame of Spark, got {type(data).__module__}.{type(data).__qualname__}")
    options = check_options(columns=columns, output=output, kind=kind, keep=keep, n_threads=n_threads)
    model = read_model(model)
    schema, session = data.schema, data.sparkSession
    task_threads = _task_threads(session, n_threads)
    ignore_case = session.conf.get("spark.sql.caseSensitive", "false") == "false"
    chosen = choose_columns(schema, model, options, ignore_case)
    data_type, width = output_type(model, kind)

    # mapInArrow wants names without dots, so the columns are numbered on their way. Those that Spark has to cast come
    # last: Spark finds the double that is nearest to a decimal, Arrow does not.
    numbered = data.toDF(*(f"c{position}" for position in range(len(schema))))
    df = numbered.select(
        *(f"c{position}" for position in chosen.passed),
        *(numbered[f"c{position}"].cast("double").alias(f"d{position}") for position in chosen.to_cast),
    )
    kept = [schema[position] for position in chosen.kept]
    names = [*(field.name for field in kept), output]
    scoring = Scoring(share(session, model), chosen.features, names, kind, width, task_threads)

    def score(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return scoring.run(batches)

    def scored(*fields: StructField) -> DataFrame | None:
        try:
            return df.mapInArrow(score, StructType([*fields, StructField(output, data_type, nullable=False)]))
        except NotImplementedError:  # a type that Spark cannot pass through Python; its error does not name the column
            return None

    result = scored(*kept)
    if result is None:
        wrong = [f"{field.name!r} ({field.dataType.simpleString()})" for field in kept if scored(field) is None]
        raise InputError(
            f"expected columns that Spark can pass through Python, got {', '.join(wrong)}: cast or drop them"
        )
    return result


def _task_threads(session: SparkSession, n_threads: int | None) -> int:
    cpus = int(session.conf.get("spark.task.cpus", "1"))
    if n_threads is None:
        return cpus
    if (number := resolve_n_threads(n_threads)) > cpus:
        raise InputError(
            f"expected n_threads of at most {cpus}, which a task may use by spark.task.cpus, got {number}: start Spark "
            f"with spark.task.cpus={number}, or leave n_threads at 1, because Spark runs a task on every core"
        )
    return number
