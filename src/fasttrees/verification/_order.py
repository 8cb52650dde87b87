"""Detect rows that were dropped, repeated or reordered between predictions and references."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fasttrees.verification._rows import Array

__all__ = ["Order"]

WINDOW = 4096  # rows that are kept
MAX_GAP = 64  # rows that may pass between two failed ones of a run
LONG_RUN = 256  # failed rows from which a run is long
MAX_SHIFT = 256
SHIFTED, NOT_SHIFTED = 0.98, 0.9  # share of rows that must agree when shifted, and must not when not
FEW = 32  # rows that rule out most shifts
MULTIPLIERS = (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
NAN_BITS = 0x7FF8000000000000


class _Side:
    """One of the two columns: its number of rows, a checksum that ignores order, and a window of rows."""

    def __init__(self) -> None:
        self.n_rows = 0
        self.checksum = np.zeros(2, np.uint64)
        self._window: list[Array] = []
        self._n_window = 0
        self._last = np.empty((0, 1))  # the row before those of the next call
        self.before = np.empty((0, 1))  # the row before the window

    @property
    def window(self) -> Array:
        return np.concatenate(self._window) if self._window else np.empty((0, 1))

    def add(self, values: Array, start: int | None) -> None:
        """Count rows, and add those from `start` on to the window; None: none."""
        if start is not None:
            if not self._n_window:
                self.before = values[start - 1 : start].copy() if start else self._last
            part = values[start : start + WINDOW + MAX_SHIFT - self._n_window]
            self._window.append(part.copy())
            self._n_window += len(part)
        self.n_rows += len(values)
        self.checksum += _checksum(values)
        self._last = values[-1:].copy() if len(values) else self._last

    def clear_window(self) -> None:
        """Empty the window."""
        self._window, self._n_window = [], 0


class Order:
    """Compares the order of both columns, added block by block.

    If rows are dropped or added, nearly all that follow fail. So the window begins with a run of rows that fail, with
    few in between that pass; single failed rows before it do not matter.

    Attributes
    ----------
    n_predictions, n_references : int
    """

    def __init__(self) -> None:
        self._predictions, self._references = _Side(), _Side()
        self._first_failed: int | None = None
        self._last_failed = -MAX_GAP - 1
        self._start = 0  # of the run, counted from 0
        self._n_run = 0  # rows of it that failed

    @property
    def n_predictions(self) -> int:
        """Number of predictions."""
        return self._predictions.n_rows

    @property
    def n_references(self) -> int:
        """Number of references."""
        return self._references.n_rows

    def add(self, predictions: Array, references: Array, failed: NDArray[np.bool_]) -> None:
        """Add a block; the columns differ in length once one has ended, and `failed` marks the rows that both have."""
        begin = self.n_predictions
        self._follow(np.flatnonzero(failed) + begin)
        start = max(self._start - begin, 0) if self._n_run else None
        for side, values in ((self._predictions, predictions), (self._references, references)):
            side.add(values, start)

    def _follow(self, failed: NDArray[np.intp]) -> None:
        """Continue the run, or begin another; `failed` has numbers of rows. A long run is never abandoned."""
        if not len(failed):
            return
        if self._first_failed is None:
            self._first_failed = int(failed[0])
        begins = np.flatnonzero(np.diff(failed, prepend=self._last_failed) > MAX_GAP)
        self._n_run += int(begins[0]) if len(begins) else len(failed)
        if self._n_run < LONG_RUN and len(begins):
            lengths = np.diff(begins, append=len(failed))
            long = np.flatnonzero(lengths >= LONG_RUN)
            chosen = int(long[0]) if len(long) else len(lengths) - 1
            self._start, self._n_run = int(failed[begins[chosen]]), int(lengths[chosen])
            self._predictions.clear_window()
            self._references.clear_window()
        self._last_failed = int(failed[-1])

    def explain(self, n_rows: int, agree: Callable[[Array, Array], NDArray[np.bool_]]) -> str | None:
        """Describe what happened to the order of the rows.

        Parameters
        ----------
        n_rows : int
            Rows of the file.
        agree : callable
            Marks the rows that pass.
        """
        predictions, references = self._predictions, self._references
        if self._first_failed is None:
            return self._explain_end()
        shift = _find_shift(predictions.window, references.window, agree, predictions.n_rows != references.n_rows)
        if shift is not None:
            return self._explain_shift(n_rows, shift)
        if predictions.n_rows == references.n_rows and (predictions.checksum == references.checksum).all():
            return (
                "The reference holds the same values as the predictions, in another order; the first row that differs "
                f"is row {self._first_failed + 1:,}."
            )
        return None

    def _explain_end(self) -> str | None:
        n, m = self.n_predictions, self.n_references
        if n == m:
            return None
        shorter, end = ("reference ends", m) if m < n else ("predictions end", n)
        return f"All rows that both have agree: the {shorter} after row {end:,}, {abs(n - m):,} too early."

    def _explain_shift(self, n_rows: int, shift: int) -> str:
        """Describe the shift; blame the predictions if there are not as many as rows, else the reference."""
        row, n = self._start + 1, abs(shift)
        later = "later" if shift > 0 else "earlier"
        begin = f"From row {row:,} on, the reference matches the predictions {_rows(n)} {later}: "
        rows = f"row {row:,} was" if n == 1 else f"rows {row:,} to {row + n - 1:,} were"
        is_reference = self.n_predictions == n_rows
        side = self._references if is_reference else self._predictions
        name, have = ("reference", "has") if is_reference else ("predictions", "have")
        if (shift > 0) == is_reference:
            return f"{begin}{rows} dropped from the {name}."
        repeated = f": it repeats row {row - 1:,}" if n == 1 and _equal(side.before, side.window[:1]) else ""
        return f"{begin}the {name} {have} {_rows(n)} too many there{repeated}."


def _find_shift(
    predictions: Array, references: Array, agree: Callable[[Array, Array], NDArray[np.bool_]], counts_differ: bool
) -> int | None:
    """Return by how many rows the predictions are behind the reference; negative: ahead. None: no shift fits."""
    # Fewer rows might agree by chance.
    least = max(1 if counts_differ else 8, min(len(predictions), len(references), WINDOW) // 2)

    def share(shift: int) -> float:
        later, earlier = predictions[max(shift, 0) :], references[max(-shift, 0) :]
        n = min(len(later), len(earlier), WINDOW)
        few = min(n, FEW)
        if n < least or agree(later[:few], earlier[:few]).mean() < NOT_SHIFTED:
            return 0.0
        return float(agree(later[:n], earlier[:n]).mean())

    if share(0) >= NOT_SHIFTED:
        return None
    for n in range(1, MAX_SHIFT + 1):
        for shift in (n, -n):
            if share(shift) >= SHIFTED:
                return shift
    return None


def _checksum(values: Array) -> NDArray[np.uint64]:
    """Sum hashes of the rows: the same for the same rows in any order."""
    bits = np.ascontiguousarray(values).view(np.uint64).copy()
    bits[np.isnan(values)] = NAN_BITS
    first, second, third = (np.uint64(number) for number in MULTIPLIERS)
    total = np.zeros(len(bits), np.uint64)
    for column in range(bits.shape[1]):  # SplitMix64's finalizer
        total = (total + bits[:, column] + first) * first
        total = (total ^ (total >> np.uint64(30))) * second
        total = (total ^ (total >> np.uint64(27))) * third
        total ^= total >> np.uint64(31)
    return np.array([total.sum(dtype=np.uint64), (total * total).sum(dtype=np.uint64)])


def _equal(a: Array, b: Array) -> bool:
    return a.shape == b.shape and bool(np.array_equal(a, b, equal_nan=True))


def _rows(n: int) -> str:
    return f"{n:,} row{'' if n == 1 else 's'}"
