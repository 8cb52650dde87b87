"""Evidence for the causes of differences, gathered block by block, and conclusions: ``verify(explain=True)``."""

from __future__ import annotations

import numpy as np

import fasttrees
from fasttrees.verification._differences import RowVerdicts, within
from fasttrees.verification._hints import Float32, explain
from fasttrees.verification._order import Order
from fasttrees.verification._rows import Array
from fasttrees.verification._sample import Sample, first_rows
from fasttrees.verification._trees import candidates

__all__ = ["Causes"]

SAMPLE = 256  # rows that differ, to try guesses on
SAMPLE_OF_EQUAL = 1024
NONE = np.empty(0, np.bool_)


class Causes:
    """Looks for what one side might have done: rows moved, columns swapped, numbers rounded, a leaf changed.

    Parameters
    ----------
    tolerance : float
        As of :func:`verify`.
    """

    def __init__(self, tolerance: float) -> None:
        self._tolerance = tolerance
        self._n_compared = 0
        self._order = Order()
        self._differing: Sample | None = None
        self._equal: Sample | None = None
        self._narrow = Float32(), Float32()

    def add(self, predictions: Array, references: Array, common: Sample, verdicts: RowVerdicts) -> None:
        """Add a block; one column may have more rows than the other, `common` and `verdicts` are of those of both."""
        self._order.add(predictions, references, ~verdicts.passed)
        for narrow, values in zip(self._narrow, (predictions, references), strict=True):
            narrow.add(values)
        self._n_compared += len(common)
        self._differing = first_rows(self._differing, common, ~verdicts.same, SAMPLE)
        self._equal = first_rows(self._equal, common, verdicts.same, SAMPLE_OF_EQUAL)

    def add_rest(self, predictions: Array, references: Array) -> None:
        """Add what a column has after the last row of the file; the other is empty."""
        self._order.add(predictions, references, NONE)

    def find_order(self, n_rows: int) -> str | None:
        """Describe what happened to the order of the rows, if anything."""
        return self._order.explain(n_rows, lambda a, b: within(a, b, self._tolerance))

    def find(self, model: fasttrees.Model, raw_score: bool, common: str | None, in_order: bool) -> list[str]:
        """Describe what would explain the differences.

        Parameters
        ----------
        model : Model
        raw_score : bool
            Whether raw scores are compared.
        common : str or None
            The trees that disagree, if they are known: then no leaf is guessed.
        in_order : bool
            Whether predictions and references are of the same rows; if not, only rounding is looked for.
        """
        findings = self._find_narrow()
        if in_order and self._differing is not None and len(self._differing):
            findings += explain(model, self._differing, raw_score, (self._narrow[0].all, self._narrow[1].all))
            if common is None and not findings:
                common = candidates(model, self._differing, self._equal, raw_score)
            findings += [common] if common is not None else []
        return findings

    def _find_narrow(self) -> list[str]:
        narrow = [side.all for side in self._narrow]
        if not self._n_compared or narrow[0] == narrow[1]:
            return []
        side, other, verb = ("reference", "predictions", "is") if narrow[1] else ("predictions", "reference", "are")
        return [
            f"All numbers of the {side} are float32 values, those of the {other} are not: the {side} {verb} rounded to "
            "float32 somewhere."
        ]
