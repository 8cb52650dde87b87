"""A histogram in two dimensions whose cells grow with the data, for plots of any number of rows."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from fasttrees.verification._rows import Array

__all__ = ["CELLS", "Grid"]

CELLS = 64  # in each direction
LARGEST = 2.0**900  # magnitude that is counted, so that all edges are doubles
SMALLEST = -300  # least exponent of a cell's side
PRECISION = 50  # bits: a cell is no smaller than the largest value times 2**-PRECISION, so that its index is exact


class Grid:
    """Counts points in square cells whose side is a power of two; it doubles when a point falls outside.

    Attributes
    ----------
    counts : ndarray of int of shape (CELLS, CELLS)
        By x, then y.
    """

    def __init__(self) -> None:
        self.counts = np.zeros((CELLS, CELLS), np.int64)
        self._exponent: int | None = None
        self._origin = np.zeros(2, np.int64)
        self._limits = np.array([[np.inf, np.inf], [-np.inf, -np.inf]])

    @property
    def edges(self) -> tuple[Array, Array]:
        """Return the edges of the cells along x and y; shape (CELLS + 1,)."""
        steps = np.arange(CELLS + 1)
        x, y = (np.ldexp((origin + steps).astype(np.float64), self._exponent or 0) for origin in self._origin)
        return x, y

    def add(self, x: Array, y: Array) -> None:
        """Count points of shape (n,); those that are not finite, or beyond LARGEST, are left out."""
        points = np.stack([x, y], axis=1)
        points = points[(np.abs(points) <= LARGEST).all(axis=1)]
        if len(points):
            self._grow(points)
            indices = self._indices(points) - self._origin
            flat = np.bincount(indices[:, 0] * CELLS + indices[:, 1], minlength=CELLS * CELLS)
            self.counts += flat.reshape(CELLS, CELLS)

    def _indices(self, points: Array) -> NDArray[np.int64]:
        assert self._exponent is not None
        return np.floor(np.ldexp(points, -self._exponent)).astype(np.int64)

    def _grow(self, points: Array) -> None:
        """Resize and move the grid so that it has a cell for every point."""
        low = np.minimum(self._limits[0], points.min(axis=0))
        high = np.maximum(self._limits[1], points.max(axis=0))
        self._limits = np.stack([low, high])
        before, origin = self._exponent, self._origin
        span = _exponent(float((high / 2 - low / 2).max())) + 1
        least = max(span - CELLS.bit_length(), _exponent(float(np.abs(self._limits).max())) - PRECISION)
        self._exponent = max(least, SMALLEST if before is None else before)
        while True:
            first, last = self._indices(self._limits)
            if (last - first < CELLS).all():
                break
            self._exponent += 1
        if before is None:
            self._origin = first
        elif self._exponent > before or (first < origin).any() or (last >= origin + CELLS).any():
            self._origin = first
            self._move(min(self._exponent - before, 63), origin)

    def _move(self, doublings: int, origin: NDArray[np.int64]) -> None:
        """Add the counts of the old cells to the new ones that cover them."""
        x, y = np.nonzero(self.counts)
        counts = self.counts[x, y]
        self.counts = np.zeros_like(self.counts)
        new_x, new_y = ((old + start >> doublings) for old, start in zip((x, y), origin, strict=True))
        np.add.at(self.counts, (new_x - self._origin[0], new_y - self._origin[1]), counts)


def _exponent(value: float) -> int:
    return math.frexp(value)[1] if value else math.frexp(5e-324)[1]
