"""Decide from a data frame's schema, before any job, which columns are scored and which type the output has."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fasttrees._distributed import KINDS, Options, choose_features, choose_kept, some_names
from fasttrees.errors import InputError
from fasttrees.model import Model

if TYPE_CHECKING:
    from pyspark.sql.types import DataType, StructType

__all__ = ["ColumnPlan", "choose_columns", "output_type"]

NUMBERS = ("tinyint", "smallint", "int", "bigint", "float", "double", "boolean")
CAST = ("decimal", "void")  # numbers too, but of types that predict does not read from Arrow in place


class ColumnPlan(NamedTuple):
    """Which columns are passed to Python, and which of them come back.

    Attributes
    ----------
    kept : list of int
        Positions in the schema of the columns of the result.
    passed : list of int
        Positions in the schema of the columns to pass: `kept`, then the features that are not among them.
    to_cast : list of int
        Positions in the schema of the features that Spark casts to double; they are passed after `passed`.
    features : list of int
        Where the features are among the columns that are passed.
    """

    kept: list[int]
    passed: list[int]
    to_cast: list[int]
    features: list[int]


def choose_columns(schema: StructType, model: Model, options: Options, ignore_case: bool) -> ColumnPlan:
    """Find the columns to pass to Python.

    Parameters
    ----------
    schema : pyspark.sql.types.StructType
    model : Model
    options : Options
    ignore_case : bool
        Whether names are the same that differ in their case only: Spark's setting.

    Raises
    ------
    InputError
        If the columns do not fit the model or the data frame.
    """
    key = str.lower if ignore_case else str
    counts = Counter(map(key, schema.names))
    if twice := [name for name in schema.names if counts[key(name)] > 1]:
        raise InputError(f"expected columns of different names, got more than one for {some_names(twice)}: rename them")
    chosen = choose_features(model, schema.names, options.columns, key)
    kept = choose_kept(schema.names, options.keep, [options.output], key)
    types = {position: schema[position].dataType.simpleString().partition("(")[0] for position in chosen}
    if wrong := [f"{schema.names[i]!r} ({name})" for i, name in types.items() if name not in (*NUMBERS, *CAST)]:
        raise InputError(
            f"expected columns of numbers, got {', '.join(wrong[:10])}: cast them; categories are given as their codes"
        )
    to_cast = [position for position, name in types.items() if name in CAST]
    passed = list(dict.fromkeys([*kept, *(position for position in chosen if position not in to_cast)]))
    places = {position: place for place, position in enumerate(passed)}
    places |= {position: len(passed) + place for place, position in enumerate(to_cast)}
    return ColumnPlan(kept, passed, to_cast, [places[position] for position in chosen])


def output_type(model: Model, kind: str) -> tuple[DataType, int | None]:
    """Return the type of the output column, and how many numbers its arrays have; None: it has no arrays.

    Raises
    ------
    InputError
        If the model has no such output.
    """
    from pyspark.sql.types import ArrayType, DoubleType, IntegerType

    scores = model.predict(np.zeros((1, model.num_feature())), **KINDS[kind], n_threads=1)
    number = IntegerType() if scores.dtype == np.int32 else DoubleType()
    return (number, None) if scores.ndim == 1 else (ArrayType(number, containsNull=False), scores.shape[1])
