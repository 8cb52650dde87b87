"""The readings that know the schema: each block as numbers, with the side of each of its rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from fasttrees._runtime.progress import Progress
from fasttrees.pipeline.errors import ConfigError, PipelineError
from fasttrees.pipeline.preparation.raw_table import Block, RawTable
from fasttrees.pipeline.preparation.schema import Schema
from fasttrees.pipeline.preparation.split import TRAIN, Split

__all__ = ["Encoded", "encode_blocks", "normalize"]


class Encoded(NamedTuple):
    """A block as it is written.

    Attributes
    ----------
    block : Block
    values : ndarray of float64, shape (n_rows, 1 + n_features), C-contiguous
        The target first.
    sides : ndarray of int, shape (n_rows,)
    """

    block: Block
    values: np.ndarray
    sides: np.ndarray


def encode_blocks(
    table: RawTable, schema: Schema, split: Split, n_rows: int, what: str, progress: Progress
) -> Iterator[Encoded]:
    """Read the table, all columns.

    Parameters
    ----------
    table : RawTable
    schema : Schema
    split : Split
        Just made.
    n_rows : int
        That the table had when it was read before.
    what : str
        What the progress is called.
    progress : Progress

    Raises
    ------
    ConfigError
        If a target is no finite number.
    PipelineError
        If the table is not what it was.
    """
    read = 0
    for block in table.blocks(table.columns, what, progress):
        values = np.empty((block.n_rows, 1 + len(schema.features)))
        try:
            values[:, 0] = schema.encode_target(block.columns[schema.target])
            for i, column in enumerate(schema.features):
                values[:, 1 + i] = column.encode(block.columns[column.name])
        except pa.ArrowInvalid as error:
            raise PipelineError(f"{block.file}: the file has changed while it was read; run prepare again") from error
        wrong = np.flatnonzero(~np.isfinite(values[:, 0]))
        if len(wrong):
            row = int(wrong[0])
            got = block.columns[schema.target][row]
            raise ConfigError(f"{schema.target!r}: expected a finite number, got {got} in {block.place(row)}")
        read += block.n_rows
        yield Encoded(block, values, split.sides(block, values[:, 0]))
    if read != n_rows:
        raise PipelineError(f"{table.files[0]}: got {read} rows, {n_rows} when first read: has it changed? run again")


def normalize(table: RawTable, schema: Schema, split: Split, n_rows: int, progress: Progress) -> Schema:
    """Find mean and deviation of the numbers, from the training rows alone: what is learned knows nothing of the test.

    What is missing or infinite does not count. The blocks' moments are joined as Chan, Golub and LeVeque do (1979).

    Returns
    -------
    Schema
        With mean and deviation; the deviation of a constant column is 1, so that it becomes 0.
    """
    places = [i for i, column in enumerate(schema.features) if column.kind == "number"]
    count, mean, squares = np.zeros((3, len(places)))
    with np.errstate(over="ignore", invalid="ignore"):
        for encoded in encode_blocks(table, schema, split, n_rows, "measuring", progress):
            values = encoded.values[encoded.sides == TRAIN][:, 1:][:, places]
            finite = np.isfinite(values)
            n = finite.sum(axis=0)
            own_mean = np.where(finite, values, 0).sum(axis=0) / np.maximum(n, 1)
            own_squares = (np.where(finite, values - own_mean, 0) ** 2).sum(axis=0)
            step = own_mean - mean
            share = n / np.maximum(count + n, 1)
            mean = mean + step * share
            squares = squares + own_squares + step**2 * count * share
            count = count + n
        deviation = np.sqrt(squares / np.maximum(count, 1))
    features = list(schema.features)
    for k, i in enumerate(places):
        if not np.isfinite(mean[k]) or not np.isfinite(deviation[k]):
            raise ConfigError(f"{features[i].name!r}: its numbers are too large to normalise; scale them, or drop it")
        features[i] = features[i].model_copy(update={"mean": float(mean[k]), "deviation": float(deviation[k]) or 1.0})
    return schema.model_copy(update={"features": features})
