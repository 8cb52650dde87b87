"""The few rows of a long run that are kept whole: the worst, and samples."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttrees.verification._differences import Mask
from fasttrees.verification._rows import Array

__all__ = ["Kept", "Worst", "first_rows"]


class Kept:
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

    def take(self, chosen: NDArray[np.intp] | Mask | slice) -> Kept:
        """Copy some of the rows."""
        columns: Any = self._columns()
        return Kept(*(np.array(values[chosen]) for values in columns))

    def joined(self, other: Kept | None) -> Kept:
        """Put these rows behind others."""
        if other is None:
            return self
        pairs: Any = zip(other._columns(), self._columns(), strict=True)
        return Kept(*map(np.concatenate, pairs))

    def _columns(self) -> tuple[NDArray[np.int64], Array, Array, Array, Array]:
        return self.numbers, self.cells, self.predictions, self.references, self.severity


def first_rows(kept: Kept | None, block: Kept, chosen: Mask, limit: int) -> Kept:
    """Add the chosen rows of a block to those kept so far, as long as there is room."""
    room = limit - len(kept) if kept is not None else limit
    if room <= 0 and kept is not None:
        return kept
    return block.take(np.flatnonzero(chosen)[:room]).joined(kept)


class Worst:
    """The rows that differ most, the worst first; of equal ones the first in the file.

    Attributes
    ----------
    rows : Kept or None
        None until there is one.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.rows: Kept | None = None

    def add(self, block: Kept, same: Mask) -> None:
        """Look through a block, whose rows come after those of all before."""
        chosen = ~same
        if self.rows is not None and len(self.rows) == self._limit > 0:
            chosen &= block.severity > self.rows.severity[-1]
        if self._limit and chosen.any():
            found = np.flatnonzero(chosen)
            found = found[np.argsort(-block.severity[found], kind="stable")[: self._limit]]
            both = block.take(found).joined(self.rows)
            self.rows = both.take(np.argsort(-both.severity, kind="stable")[: self._limit])
