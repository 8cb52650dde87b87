"""The result of a verification."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from fasttrees.verification._grid import Grid

__all__ = ["TreeDifference", "Verification", "WorstRow"]


@dataclass(frozen=True)
class TreeDifference:
    """A tree that two models evaluate differently for a row.

    Attributes
    ----------
    tree : int
        Its number in the model file, from 0.
    leaf, reference_leaf : int
        The leaf that the row reaches.
    output, reference_output : float
        What the tree adds to the raw score.
    """

    tree: int
    leaf: int
    reference_leaf: int
    output: float
    reference_output: float

    def __str__(self) -> str:
        leaf = f"leaf {self.leaf}" + (f" against {self.reference_leaf}" if self.leaf != self.reference_leaf else "")
        return f"tree {self.tree}: {leaf}, {self.output!r} against {self.reference_output!r}"


@dataclass(frozen=True)
class WorstRow:
    """One of the rows that differ most.

    Attributes
    ----------
    row : int
        Its number, from 1; a header is not counted.
    prediction, reference : list of float
        One number, or one for each class.
    difference : float
        Largest absolute difference; infinite where NaN or infinity is compared with another value.
    library : list of float or None
        Predictions of the model in this process, if those verified come from elsewhere.
    cells : dict of str to float
        Values of the row, by the names of the features that the model uses.
    trees : list of TreeDifference or None
        The trees that disagree; None if there is no other model to compare with.
    """

    row: int
    prediction: list[float]
    reference: list[float]
    difference: float
    library: list[float] | None
    cells: dict[str, float]
    trees: list[TreeDifference] | None


@dataclass(frozen=True)
class Verification:
    """The result of :func:`verify`; docs/how-to/verify.md describes each item.

    Attributes
    ----------
    model, rows_file : str
    reference, target : str
        Where the reference predictions come from, and those that are verified.
    output : str
        ``predictions`` or ``raw scores``.
    tolerance : float
        A number passes if its absolute difference is at most this.
    n_rows, n_predictions, n_references : int
        Rows of the file, and of both columns; they must be equal.
    n_compared, n_same, n_failed : int
        Rows that both columns have; with equal bits; with a difference above the tolerance.
    n_values, n_unlike : int
        Numbers compared, and those where NaN or infinity is compared with another value, which have no difference.
    max_absolute, mean_absolute, max_relative, mean_relative : float
        Over the numbers that have a difference. Relative ones are divided by the larger of both magnitudes.
    ulps, decades : dict of str to int
        Numbers by units in the last place, and by the size of an absolute difference that is not 0.
    explained : bool
        Whether causes were looked for: ``verify(explain=True)``.
    order : str or None
        What happened to the rows, if they are shifted, lost or in another order; None if causes were not looked for.
    findings : list of str
        Trees that disagree; and what would explain the differences, if causes were looked for.
    worst : list of WorstRow
    seconds : float
    grid : Grid
        References (x) and predictions (y), for a plot; not in the JSON.
    """

    model: str
    rows_file: str
    reference: str
    target: str
    output: str
    tolerance: float
    n_rows: int
    n_predictions: int
    n_references: int
    n_compared: int
    n_same: int
    n_failed: int
    n_values: int
    n_unlike: int
    max_absolute: float
    mean_absolute: float
    max_relative: float
    mean_relative: float
    ulps: dict[str, int]
    decades: dict[str, int]
    explained: bool
    order: str | None
    findings: list[str]
    worst: list[WorstRow]
    seconds: float
    grid: Grid

    @property
    def passed(self) -> bool:
        """Whether there is a prediction and a reference for each row, and all are within the tolerance."""
        return self.n_rows > 0 and self.n_rows == self.n_predictions == self.n_references and not self.n_failed

    @property
    def verdict(self) -> str:
        """One sentence."""
        if not self.n_rows:
            return "there are no rows, so nothing is verified"
        problems = []
        if not self.n_rows == self.n_predictions == self.n_references:
            problems.append(
                f"{self.n_rows:,} rows, {self.n_predictions:,} predictions and {self.n_references:,} reference "
                "predictions: their numbers must be equal"
            )
        if self.n_failed:
            problems.append(
                f"{self.n_failed:,} of {self.n_compared:,} rows differ by more than {self.tolerance:g}"
                + (", some in NaN or infinity" if self.n_unlike else "")
            )
        if problems:
            return "; ".join(problems)
        same = "and all" if self.n_same == self.n_rows else f"{self.n_same:,} of them"
        return f"all {self.n_rows:,} rows agree within {self.tolerance:g}, {same} in every bit"

    def as_dict(self) -> dict[str, Any]:
        """Return everything for JSON, which has no NaN and no infinity: they become strings."""
        result = {"passed": self.passed, "verdict": self.verdict} | asdict(self)
        del result["grid"]
        plain: dict[str, Any] = _for_json(result)
        return plain


def _for_json(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {key: _for_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_for_json(item) for item in value]
    return value
