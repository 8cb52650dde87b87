"""Statistics gathered by blocks equal those of all numbers at once, computed with plain numpy and fractions."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fasttrees.verification._differences import DECADE_LABELS, DECADES, ULP_LABELS, Differences, Sum, within
from fasttrees.verification._grid import CELLS, LARGEST, Grid
from fasttrees.verification._sample import Sample, Worst
from tests.support.builders import Column, strange_values

STRANGE = strange_values().tolist()
NUMBERS = st.one_of(st.floats(), st.sampled_from(STRANGE), st.floats(0, 1))


@st.composite
def columns(draw: st.DrawFn, n_columns: int | None = None) -> tuple[Column, Column, list[int]]:
    """Generate two columns, often equal or near, and where to cut them into blocks."""
    k = n_columns or draw(st.integers(1, 3))
    n = draw(st.integers(1, 30))
    a = np.array(draw(st.lists(NUMBERS, min_size=n * k, max_size=n * k)))
    b = np.array(draw(st.lists(NUMBERS, min_size=n * k, max_size=n * k)))
    how = np.array(draw(st.lists(st.integers(0, 3), min_size=n * k, max_size=n * k)))
    to = draw(st.sampled_from([-np.inf, np.inf]))
    with np.errstate(all="ignore"):
        near = np.nextafter(a, to)
        b = np.select([how == 0, how == 1, how == 2], [a, near, a * (1 + 1e-9)], b)
    cuts = sorted(draw(st.lists(st.integers(0, n), max_size=3)))
    return a.reshape(n, k), b.reshape(n, k), cuts


def run(a: Column, b: Column, cuts: list[int], tolerance: float = 1e-5) -> Differences:
    found = Differences(tolerance)
    for begin, end in zip([0, *cuts], [*cuts, len(a)], strict=True):
        found.add(a[begin:end], b[begin:end])
    return found


def same(x: float, y: float) -> bool:
    return (math.isnan(x) and math.isnan(y)) or np.float64(x).tobytes() == np.float64(y).tobytes()


def alike(x: float, y: float) -> bool:
    """Return whether two numbers have a difference."""
    return same(x, y) or x == y or (math.isfinite(x) and math.isfinite(y))


@given(columns())
def test_rows_are_counted(case: tuple[Column, Column, list[int]]) -> None:
    a, b, cuts = case
    found = run(a, b, cuts)
    rows = list(zip(a.tolist(), b.tolist(), strict=True))
    passed = [all(same(x, y) or x == y or abs(x - y) <= 1e-5 for x, y in zip(*row, strict=True)) for row in rows]
    assert found.rows == len(rows)
    assert found.same_rows == sum(all(same(x, y) for x, y in zip(*row, strict=True)) for row in rows)
    assert found.failed_rows == len(rows) - sum(passed)
    assert within(a, b, 1e-5).tolist() == passed


@given(columns(1))
def test_sums_are_exact_to_the_last_digits(case: tuple[Column, Column, list[int]]) -> None:
    a, b, cuts = case
    pairs = [(x, y) for x, y in zip(a.ravel().tolist(), b.ravel().tolist(), strict=True) if alike(x, y)]
    absolute = [0.0 if same(x, y) or x == y else abs(x - y) for x, y in pairs]
    assume(all(map(math.isfinite, absolute)))
    exact = sum(map(Fraction, absolute), Fraction(0))
    assume(exact < Fraction(1.7e308))
    found = run(a, b, cuts)
    assert found.values - found.unlike_values == len(pairs)
    assert found.max_absolute == max(absolute, default=0.0)
    if pairs:
        assert found.mean_absolute == pytest.approx(float(exact / len(pairs)), rel=4e-16, abs=5e-324)
    sizes = [max(abs(x), abs(y)) for x, y in pairs]
    quotients = [difference / size if difference else 0.0 for difference, size in zip(absolute, sizes, strict=True)]
    assert found.max_relative == max(quotients, default=0.0)
    if pairs:
        assert found.mean_relative == pytest.approx(math.fsum(quotients) / len(pairs), rel=4e-16, abs=5e-324)


def test_sums_of_many_blocks() -> None:
    """Each 1 is lost if it is added to a double alone."""
    total = Sum()
    total.add(np.array([1e17]))
    for _ in range(1000):
        total.add(np.array([1.0]))
    assert total.mean(1) == 1e17 + 1000
    assert total.mean(2) == 5e16 + 500


def ulp_label(x: float, y: float) -> str:
    """Find the class by stepping through the doubles' integers."""
    if same(x, y):
        return "0"
    if not (math.isfinite(x) and math.isfinite(y)):
        return ULP_LABELS[-1]
    if math.copysign(1, x) != math.copysign(1, y):
        return "other sign"
    apart = abs(int(np.float64(abs(x)).view(np.int64)) - int(np.float64(abs(y)).view(np.int64)))
    if apart > 1 << 20:
        return "more than 1,048,576"
    for label in ULP_LABELS[1:-3]:
        low, _, high = label.replace(",", "").partition("-")
        if int(low) <= apart <= int(high or low):
            return label
    raise AssertionError(apart)


@given(columns(1))
def test_classes(case: tuple[Column, Column, list[int]]) -> None:
    a, b, cuts = case
    found = run(a, b, cuts)
    pairs = list(zip(a.ravel().tolist(), b.ravel().tolist(), strict=True))
    labels = [ulp_label(x, y) for x, y in pairs]
    assert found.ulps.tolist() == [labels.count(label) for label in ULP_LABELS]
    apart = [abs(x - y) for x, y in pairs if math.isfinite(x) and math.isfinite(y) and x != y]
    inner = np.histogram(apart, [0, *DECADES, np.inf])[0]
    inner[-1] = sum(difference >= DECADES[-1] for difference in apart)
    assert found.decades.tolist() == inner.tolist()
    assert len(DECADE_LABELS) == len(DECADES) + 1


def test_a_difference_beyond_the_largest_double() -> None:
    found = run(np.array([[1.7e308], [1.0]]), np.array([[-1.7e308], [1.0]]), [1])
    assert found.max_absolute == found.mean_absolute == math.inf
    assert (found.max_relative, found.failed_rows) == (2.0, 1)


@given(columns(2), st.integers(0, 5))
def test_the_worst_rows(case: tuple[Column, Column, list[int]], limit: int) -> None:
    a, b, cuts = case
    worst = Worst(limit)
    whole = Differences(0.0).add(a, b)
    for begin, end in zip([0, *cuts], [*cuts, len(a)], strict=True):
        judged = Differences(0.0).add(a[begin:end], b[begin:end])
        block = Sample(np.arange(begin, end), a[begin:end], a[begin:end], b[begin:end], judged.severity)
        worst.add(block, judged.same)
    candidates = [i for i in range(len(a)) if not whole.same[i]]
    expected = sorted(candidates, key=lambda i: (-whole.severity[i], i))[:limit]
    assert (worst.rows.numbers.tolist() if worst.rows is not None else []) == expected


@given(columns(2))
def test_cells_of_the_plot(case: tuple[Column, Column, list[int]]) -> None:
    """Cells that have doubled have the counts of cells that were as large from the beginning."""
    a, _, cuts = case
    a[np.abs(a) < 1e-30] = 0.0  # beside the largest they are 0 in any case, whatever their sign
    grid = Grid()
    for begin, end in zip([0, *cuts], [*cuts, len(a)], strict=True):
        grid.add(a[begin:end, 0], a[begin:end, 1])
    counted = a[(np.abs(a) <= LARGEST).all(axis=1)]
    assert grid.counts.sum() == len(counted)
    if len(counted):
        edges: Any = grid.edges
        places = [np.searchsorted(edge, counted[:, axis], side="right") - 1 for axis, edge in enumerate(edges)]
        expected = np.zeros((CELLS, CELLS), int)
        np.add.at(expected, tuple(places), 1)
        assert (grid.counts == expected).all()
