"""How two columns of numbers differ, counted block by block in memory that does not grow.

The results do not depend on the blocks: sums are kept as pairs of doubles, so means are exact to the last digits for
any number of rows.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fasttrees.verification._rows import Array

__all__ = ["DECADES", "DECADE_LABELS", "ULP_LABELS", "Differences", "RowVerdicts", "relative", "same_bits", "within"]

Mask = NDArray[np.bool_]

MOST_DOUBLINGS = 20
ULP_EDGES = np.array([1 << n for n in range(MOST_DOUBLINGS + 1)], np.uint64)
#: Classes of the distance of two doubles in units in the last place, and the cases in which it is not defined.
ULP_LABELS = [
    "0",
    "1",
    "2",
    *(f"{(1 << n - 1) + 1:,}-{1 << n:,}" for n in range(2, MOST_DOUBLINGS + 1)),
    f"more than {1 << MOST_DOUBLINGS:,}",
    "other sign",
    "NaN or infinity against another value",
]
MORE, OTHER_SIGN, UNLIKE = len(ULP_LABELS) - 3, len(ULP_LABELS) - 2, len(ULP_LABELS) - 1
MAGNITUDE = np.uint64((1 << 63) - 1)

DECADES = np.array([float(f"1e{n}") for n in range(-18, 4)])
#: Classes of absolute differences that are not 0.
DECADE_LABELS = ["below 1e-18", *(f"1e{n:+03d} to 1e{n + 1:+03d}" for n in range(-18, 3)), "1000 and more"]


class RowVerdicts(NamedTuple):
    """How the rows of a block compare; shape (n,).

    Attributes
    ----------
    same : ndarray of bool
        All of its numbers have equal bits; all NaNs count as equal.
    passed : ndarray of bool
        All of its numbers are within the tolerance, or NaN, or the same infinity.
    severity : ndarray of float
        Largest absolute difference of its numbers; infinite where NaN or infinity is compared with another value.
    """

    same: Mask
    passed: Mask
    severity: Array


class Sum:
    """A sum of floats that are not NaN, with about twice a double's digits."""

    def __init__(self) -> None:
        self._high = self._low = 0.0

    def add(self, values: Array) -> None:
        """Add values of the shape (n,)."""
        terms = [self._high, self._low, *values.tolist()]
        try:
            self._high = math.fsum(terms)
        except OverflowError:
            self._high = math.inf
        self._low = math.fsum([*terms, -self._high]) if math.isfinite(self._high) else 0.0

    def mean(self, n: int) -> float:
        """Divide by a count; 0 if that is 0."""
        return (self._high + self._low) / n if n else 0.0


class Differences:
    """Statistics of predictions beside references.

    Parameters
    ----------
    tolerance : float

    Attributes
    ----------
    rows, same_rows, failed_rows : int
    values, unlike_values : int
        All numbers, and those among them where NaN or infinity is compared with another value: they have no difference.
    max_absolute, max_relative : float
    ulps : ndarray of int of shape (len(ULP_LABELS),)
    decades : ndarray of int of shape (len(DECADE_LABELS),)
        Numbers of absolute differences other than 0.
    """

    def __init__(self, tolerance: float) -> None:
        self._tolerance = tolerance
        self.rows = self.same_rows = self.failed_rows = 0
        self.values = self.unlike_values = 0
        self.max_absolute = self.max_relative = 0.0
        self.ulps = np.zeros(len(ULP_LABELS), np.int64)
        self.decades = np.zeros(len(DECADE_LABELS), np.int64)
        self._absolute, self._relative = Sum(), Sum()

    @property
    def mean_absolute(self) -> float:
        """Mean over all numbers that have a difference."""
        return self._absolute.mean(self.values - self.unlike_values)

    @property
    def mean_relative(self) -> float:
        """Mean over all numbers that have a difference."""
        return self._relative.mean(self.values - self.unlike_values)

    def add(self, predictions: Array, references: Array) -> RowVerdicts:
        """Count a block; both of shape (n, n_columns)."""
        same = same_bits(predictions, references)
        absolute, unlike = _subtract(predictions, references, same)
        row_same: Mask = np.all(same, axis=1)
        row_passed: Mask = np.all(absolute <= self._tolerance, axis=1)

        self.rows += len(same)
        self.same_rows += int(row_same.sum())
        self.failed_rows += int((~row_passed).sum())
        self.values += same.size
        self.unlike_values += int(unlike.sum())
        self.ulps[0] += int(same.sum())
        differs = ~same & ~unlike
        self.ulps[UNLIKE] += int(unlike.sum())
        if differs.any():
            self._count(predictions[differs], references[differs], absolute[differs])
        return RowVerdicts(row_same, row_passed, absolute.max(axis=1, initial=0.0))

    def _count(self, predictions: Array, references: Array, absolute: Array) -> None:
        by_size = relative(predictions, references, absolute)
        self.ulps += np.bincount(_ulp_class(predictions, references), minlength=len(self.ulps))
        apart = absolute > 0
        decades = np.searchsorted(DECADES, absolute[apart], side="right")
        self.decades += np.bincount(decades, minlength=len(self.decades))
        self.max_absolute = max(self.max_absolute, float(absolute.max()))
        self.max_relative = max(self.max_relative, float(by_size.max()))
        self._absolute.add(absolute[apart])
        self._relative.add(by_size[apart])


def same_bits(a: Array, b: Array) -> Mask:
    """Mark equal bits; all NaNs count as equal."""
    bits: Mask = np.ascontiguousarray(a).view(np.uint64) == np.ascontiguousarray(b).view(np.uint64)
    return bits | (np.isnan(a) & np.isnan(b))


def within(predictions: Array, references: Array, tolerance: float) -> Mask:
    """Mark the rows all of whose numbers pass; both of shape (n, n_columns)."""
    absolute, _ = _subtract(predictions, references, same_bits(predictions, references))
    passed: Mask = np.all(absolute <= tolerance, axis=1)
    return passed


def _subtract(a: Array, b: Array, same: Mask) -> tuple[Array, Mask]:
    """Return absolute differences, infinite where NaN or infinity is compared with another value; and where it does."""
    equal = same | (a == b)
    unlike = ~equal & ~(np.isfinite(a) & np.isfinite(b))
    with np.errstate(invalid="ignore", over="ignore"):
        absolute = np.abs(a - b)
    absolute[equal] = 0.0
    absolute[unlike] = np.inf
    return absolute, unlike


def relative(a: Array, b: Array, absolute: Array) -> Array:
    """Divide absolute differences of finite numbers by the larger of both magnitudes: 0 to 2, and 0 for two zeros."""
    size = np.maximum(np.abs(a), np.abs(b))
    with np.errstate(invalid="ignore", over="ignore"):
        quotient = np.where(size > 0, absolute / np.where(size > 0, size, 1.0), 0.0)
    return np.minimum(quotient, 2.0)  # infinite where the difference is beyond the largest double


def _ulp_class(a: Array, b: Array) -> NDArray[np.intp]:
    """Find the classes of ULP_LABELS for finite numbers with other bits."""
    bits_a, bits_b = a.view(np.uint64), b.view(np.uint64)
    size_a, size_b = bits_a & MAGNITUDE, bits_b & MAGNITUDE
    apart = np.maximum(size_a, size_b) - np.minimum(size_a, size_b)
    classes = np.searchsorted(ULP_EDGES, apart, side="left") + 1
    return np.where(np.signbit(a) != np.signbit(b), OTHER_SIGN, classes)
