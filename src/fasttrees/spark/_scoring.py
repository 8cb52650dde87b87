"""The part that runs in Spark's Python workers: batches of Arrow in, batches with a column of predictions out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from fasttrees._distributed import KINDS
from fasttrees.model import Model
from fasttrees.spark._sharing import SharedModel

__all__ = ["Scoring"]

MAX_NUMBERS = 1 << 22  # of the output at once, 32 MiB: contributions of a large batch can take gigabytes


class Scoring(NamedTuple):
    """How to score a partition.

    Attributes
    ----------
    shared : SharedModel
    positions : list of int
        Where the features are among the columns of a batch.
    names : list of str
        Names of the columns of the result, the new one last. A batch has those to keep first; what follows is there for
        the features alone.
    kind : str
        A key of KINDS.
    width : int or None
        Numbers of a row's array; None: a row has one number.
    n_threads : int
    """

    shared: SharedModel
    positions: list[int]
    names: list[str]
    kind: str
    width: int | None
    n_threads: int

    def run(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Score all batches of a partition; a partition without rows does not open the model."""
        n_rows = max(1, MAX_NUMBERS // (self.width or 1))
        for batch in batches:
            for start in range(0, batch.num_rows, n_rows):
                yield self._score(self.shared.model(), batch.slice(start, n_rows))

    def _score(self, model: Model, batch: pa.RecordBatch) -> pa.RecordBatch:
        features = [batch.column(position) for position in self.positions]
        rows = pa.RecordBatch.from_arrays(features, names=[str(position) for position in self.positions])
        scores = _as_arrow(model.predict(rows, **KINDS[self.kind], n_threads=self.n_threads))
        *kept, output = self.names
        fields = [batch.schema.field(position).with_name(name) for position, name in enumerate(kept)]
        schema = pa.schema([*fields, pa.field(output, scores.type, nullable=False)])
        return pa.RecordBatch.from_arrays([*batch.columns[: len(kept)], scores], schema=schema)


def _as_arrow(scores: np.ndarray) -> Any:
    """Convert scores to an array of Arrow, of numbers or of lists of numbers, without copying their memory."""
    numbers = pa.array(np.ascontiguousarray(scores).reshape(-1))
    if scores.ndim == 1:
        return numbers
    n_rows, width = scores.shape
    offsets = pa.array(np.arange(n_rows + 1, dtype=np.int32) * np.int32(width))
    kind = pa.list_(pa.field("element", numbers.type, nullable=False))
    return pa.ListArray.from_arrays(offsets, numbers, type=kind)
