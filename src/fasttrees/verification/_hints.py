"""Common mistakes that would explain the differences, each tried on a sample of the rows that differ."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

import fasttrees
from fasttrees.verification._rows import Array
from fasttrees.verification._sample import Sample

__all__ = ["Float32", "explain"]

CLOSE = 1e-12  # relative; exponentials of other C libraries differ in the last digits
CLOSE_AS_FLOAT32 = 2.0**-23
FEW, ALL = slice(8), slice(None)  # a few rows rule out most guesses
MAX_PAIRS = 20_000
DIGITS = range(1, 16)


class Float32:
    """Whether all numbers of a column are float32 values.

    Attributes
    ----------
    all : bool
    """

    def __init__(self) -> None:
        self.all = True

    def add(self, values: Array) -> None:
        """Add a block."""
        if self.all:
            with np.errstate(over="ignore", invalid="ignore"):
                narrow = values.astype(np.float32).astype(np.float64)
            self.all = bool(((narrow == values) | np.isnan(values)).all())


class _Side:
    """The predictions or the references of rows that differ.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_columns)
    is_float32 : bool
        Whether they are rounded to float32, so that nothing fits more closely than that.
    """

    def __init__(self, values: Array, is_float32: bool) -> None:
        self._values = values
        self._close = CLOSE_AS_FLOAT32 if is_float32 else CLOSE

    def fits(self, computed: Array, rows: slice = ALL) -> bool:
        """Return whether the values are those computed for these rows."""
        values = self._values[rows]
        return bool(
            np.isclose(computed.reshape(values.shape), values, rtol=self._close, atol=0.0, equal_nan=True).all()
        )


def explain(model: fasttrees.Model, differing: Sample, raw_score: bool, are_float32: tuple[bool, bool]) -> list[str]:
    """Describe what one side might have done.

    Parameters
    ----------
    model : Model
    differing : Sample
        Rows whose bits differ.
    raw_score : bool
        Whether raw scores are compared.
    are_float32 : tuple of bool
        Whether the predictions, and the reference, are float32 values.
    """
    texts = []
    plain = model.predict(differing.cells, raw_score=raw_score)
    sides = ("The predictions are", differing.predictions), ("The reference is", differing.references)
    for (name, values), is_float32 in zip(sides, are_float32, strict=True):
        side = _Side(values, is_float32)
        if not side.fits(plain):
            guesses = _guesses(model, differing.cells, raw_score, side)
            text = next((text for text, fits in guesses if fits), None)
            texts += [f"{name} what the model gives {text}."] if text is not None else []
    return texts


def _guesses(model: fasttrees.Model, cells: Array, raw_score: bool, side: _Side) -> Iterator[tuple[str, bool]]:
    """Yield each guess, and whether it fits."""

    def predict(rows: Array, num_iteration: int | None = None) -> Array:
        return model.predict(rows, num_iteration=num_iteration, raw_score=raw_score)

    yield "if the rows are rounded to float32", side.fits(predict(_narrow(cells)))
    yield "if missing values are taken for 0", side.fits(predict(np.where(np.isnan(cells), 0.0, cells)))
    other = "without raw_score" if raw_score else "as raw scores"
    yield other, side.fits(model.predict(cells, raw_score=not raw_score))
    plain = predict(cells)
    for n in DIGITS:
        with np.errstate(over="ignore", invalid="ignore"):
            decimals = np.round(plain, n)
        yield f"rounded to {n} decimals", side.fits(decimals)
        yield f"rounded to {n} significant digits", side.fits(_significant(plain, n))
    for n in range(1, model.current_iteration()):
        fits = all(side.fits(predict(cells[rows], n), rows) for rows in (FEW, ALL))
        yield f"with its first {n} iterations only", fits
    names = [repr(name) for name in model.feature_name()]
    for first, second in _pairs(model):
        fits = all(side.fits(predict(_swap(cells[rows], first, second)), rows) for rows in (FEW, ALL))
        yield f"if the columns {names[first]} and {names[second]} are swapped", fits


def _pairs(model: fasttrees.Model) -> Iterator[tuple[int, int]]:
    """Yield pairs of columns at least one of which the model uses."""
    numerical, categorical = model.features_used()
    used = numerical | categorical
    pairs = itertools.combinations(range(model.num_feature()), 2)
    return itertools.islice((pair for pair in pairs if not used.isdisjoint(pair)), MAX_PAIRS)


def _swap(cells: Array, first: int, second: int) -> Array:
    swapped = cells.copy()
    swapped[:, [first, second]] = cells[:, [second, first]]
    return swapped


def _narrow(cells: Array) -> Array:
    with np.errstate(over="ignore"):
        return cells.astype(np.float32).astype(np.float64)


def _significant(values: Array, n: int) -> Array:
    return np.array([float(f"{value:.{n}g}") for value in values.ravel().tolist()]).reshape(values.shape)
