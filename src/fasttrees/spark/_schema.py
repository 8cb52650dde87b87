"""What a data frame's schema says before any job: which columns are the features, and what the output will be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fasttrees._distributed import KINDS
from fasttrees.errors import InputError, InputTypeError
from fasttrees.model import Model

if TYPE_CHECKING:
    from pyspark.sql.types import DataType, StructType

__all__ = ["Chosen", "choose_columns", "output_type"]

NUMBERS = ("tinyint", "smallint", "int", "bigint", "float", "double", "boolean")
CAST = ("decimal", "void")  # numbers too, but not in Arrow's types that are read in place


class Chosen(NamedTuple):
    """Where the feature columns stand in the schema, and where those that Spark has to cast to double."""

    places: list[int]
    to_cast: list[int]


def choose_columns(
    schema: StructType, model: Model, columns: Sequence[str] | None, output: str, caseless: bool
) -> Chosen:
    """Find the feature columns.

    Parameters
    ----------
    schema : pyspark.sql.types.StructType
    model : Model
    columns : sequence of str or None
        None: the names of the features.
    output : str
        Name of the column that is to be added.
    caseless : bool
        Whether names are the same that differ in their case only, as Spark is set to see it.

    Raises
    ------
    InputError
        If the columns do not fit the model or the data frame.
    InputTypeError
        If `columns` is not a sequence of names, or `output` no name.
    """
    if not isinstance(output, str):
        raise InputTypeError(f"expected the name of a column as output, got {output!r}")
    wanted = model.feature_name() if columns is None else _names(columns)
    if len(wanted) != model.num_feature():
        raise InputError(f"expected {model.num_feature()} columns, one for each feature, got {len(wanted)}")

    def key(name: str) -> str:
        return name.lower() if caseless else name

    places = {key(name): place for place, name in enumerate(schema.names)}
    counts = Counter(key(name) for name in schema.names)
    if twice := [name for name in schema.names if counts[key(name)] > 1]:
        raise InputError(f"expected columns of different names, got more than one for {_some(twice)}: rename them")
    if missing := [name for name in wanted if key(name) not in places]:
        hint = "; name the feature columns in columns" if columns is None else ""
        raise InputError(f"expected the columns {_some(missing)}, got {_some(schema.names)}{hint}")
    if key(output) in places:
        raise InputError(f"expected a new name as output, got {output!r}, which is a column of the data frame")
    chosen = [places[key(name)] for name in wanted]
    kinds = {place: schema[place].dataType.simpleString().partition("(")[0] for place in chosen}
    if wrong := [f"{schema.names[place]!r} ({kind})" for place, kind in kinds.items() if kind not in (*NUMBERS, *CAST)]:
        raise InputError(
            f"expected columns of numbers, got {', '.join(wrong[:10])}: cast them; categories stand as their codes"
        )
    return Chosen(chosen, [place for place, kind in kinds.items() if kind in CAST])


def output_type(model: Model, kind: str) -> tuple[DataType, int | None]:
    """Tell the type of the output column, and how many numbers its arrays have; None: it has no arrays.

    Raises
    ------
    InputError
        If there is no such kind, or the model has no such output.
    """
    from pyspark.sql.types import ArrayType, DoubleType, IntegerType

    if kind not in KINDS:
        raise InputError(f"expected kind to be one of {', '.join(KINDS)}, got {kind!r}")
    scores = model.predict(np.zeros((1, model.num_feature())), **KINDS[kind], n_threads=1)
    number = IntegerType() if scores.dtype == np.int32 else DoubleType()
    return (number, None) if scores.ndim == 1 else (ArrayType(number, containsNull=False), scores.shape[1])


def _names(columns: Sequence[str]) -> list[str]:
    if isinstance(columns, str) or not all(isinstance(name, str) for name in columns):
        raise InputTypeError(f"expected a list of names as columns, got {columns!r}")
    return list(columns)


def _some(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:10])) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
