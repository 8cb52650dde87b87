"""Whether both servers answer the same: speed of wrong answers means nothing."""

from __future__ import annotations

import math
from itertools import zip_longest
from pathlib import Path

from fasttrees.comparison.errors import ComparisonError
from fasttrees.comparison.results import Agreement

__all__ = ["compare_answers"]

TOLERANCE = 1e-5  # between predictions of two programs, as in a validation of a new one


def compare_answers(ours: Path, others: Path) -> Agreement:
    """Compare two files of answers, line by line.

    Raises
    ------
    ComparisonError
        If they have another number of rows or values, or differ by more than 1e-5.
    """
    n_rows = n_equal = 0
    largest = 0.0
    with ours.open("rb") as first, others.open("rb") as second:
        for number, (line, other) in enumerate(zip_longest(first, second), 1):
            if line is None or other is None:
                raise ComparisonError(
                    f"{ours}, {others}: expected as many rows in both, got one file of {number - 1:,}"
                )
            n_rows += 1
            if line == other:
                n_equal += 1
            else:
                pairs = _pairs(line, other)
                n_equal += all(repr(a) == repr(b) for a, b in pairs)  # written in another way
                largest = max(largest, _difference(pairs, line, other, number))
    return Agreement(rows=n_rows, equal_rows=n_equal, largest_difference=largest)


def _pairs(line: bytes, other: bytes) -> list[tuple[float, float]]:
    try:
        return list(zip(map(float, line.split(b",")), map(float, other.split(b",")), strict=True))
    except ValueError:
        return [(math.nan, 0.0)]


def _difference(pairs: list[tuple[float, float]], line: bytes, other: bytes, number: int) -> float:
    differences = [0.0 if a == b or (a != a and b != b) else abs(a - b) for a, b in pairs]
    if not all(difference <= TOLERANCE for difference in differences):  # NaN is no less than anything
        raise ComparisonError(
            f"row {number:,}: expected the same prediction of both servers, got {_show(line)} of ours and "
            f"{_show(other)} of the Python container; fasttrees verify says where they differ"
        )
    return max(differences)


def _show(line: bytes) -> str:
    return line.decode("latin-1").strip()[:60]
