"""Samples of the rows of a long run: those that differ most, and the first ones of a kind."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttrees.verification._differences import Mask
from fasttrees.verification._rows import Array

__all__ = ["Sample", "Worst", "first_rows"]


class Sample:
    """Rows with what was predicted for them.

    Attributes
    ----------
    numbers : ndarray of int of shape (n,)
        Counted from 0.
    cells : ndarray of shape (n, n_features)
    predictions, references : ndarray of shape (n, n_columns)
    severity : ndarray of shape (n,)
    """

    def __init__(
        self, numbers: NDArray[np.int64], cells: Array, predictions: Array, references: Array, severity: Array
    ) -> None:
        self.numbers = numbers
        self.cells = cells
        self.predictions = predictions
        self.references = references
        self.severity = severity

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, chosen: NDArray[np.intp] | Mask | slice) -> Sample:
        """Copy some of the rows."""
        columns: Any = self._columns()
        return Sample(*(np.array(values[chosen]) for values in columns))

    def joined(self, other: Sample | None) -> Sample:
        """Append these rows to others."""
        if other is None:
            return self
        pairs: Any = zip(other._columns(), self._columns(), strict=True)
        return Sample(*map(np.concatenate, pairs))

    def _columns(self) -> tuple[NDArray[np.int64], Array, Array, Array, Array]:
        return self.numbers, self.cells, self.predictions, self.references, self.severity


def first_rows(sample: Sample | None, block: Sample, chosen: Mask, limit: int) -> Sample:
    """Add the chosen rows of a block to a sample, up to `limit` rows."""
    room = limit - len(sample) if sample is not None else limit
    if room <= 0 and sample is not None:
        return sample
    return block.take(np.flatnonzero(chosen)[:room]).joined(sample)


class Worst:
    """The rows that differ most, the worst first; among equal ones those that come first in the file.

    Attributes
    ----------
    rows : Sample or None
        None until there is one.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.rows: Sample | None = None

    def add(self, block: Sample, same: Mask) -> None:
        """Add the rows of a block that belong to the worst; blocks come in the order of the file."""
        chosen = ~same
        if self.rows is not None and len(self.rows) == self._limit > 0:
            chosen &= block.severity > self.rows.severity[-1]
        if self._limit and chosen.any():
            candidates = np.flatnonzero(chosen)
            candidates = candidates[np.argsort(-block.severity[candidates], kind="stable")[: self._limit]]
            both = block.take(candidates).joined(self.rows)
            self.rows = both.take(np.argsort(-both.severity, kind="stable")[: self._limit])
