"""Answers of two servers beside each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from fasttrees.comparison.agreement import compare_answers
from fasttrees.comparison.errors import ComparisonError


def compared(folder: Path, ours: bytes, others: bytes) -> tuple[int, int, float]:
    (folder / "a").write_bytes(ours)
    (folder / "b").write_bytes(others)
    found = compare_answers(folder / "a", folder / "b")
    return found.rows, found.equal_rows, found.largest_difference


def test_equal_and_nearly_equal(tmp_path: Path) -> None:
    assert compared(tmp_path, b"0.5\n1,2\n", b"0.5\n1,2\n") == (2, 2, 0)
    rows, equal, largest = compared(tmp_path, b"0.5\n1,2\nnan\n", b"0.500001\n1,2.0\nNaN\n")
    assert (rows, equal) == (3, 2)
    assert largest == pytest.approx(1e-6)


def test_equal_bits_written_in_another_way(tmp_path: Path) -> None:
    assert compared(tmp_path, b"0.5\n0.1,nan\n-inf\n", b"5e-1\r\n0.10,NaN\r\n-Infinity\r\n") == (3, 3, 0)
    assert compared(tmp_path, b"0.0\n", b"-0.0\n") == (1, 0, 0)


@pytest.mark.parametrize("other", [b"0.5\n0.50002\n", b"0.5\n1,2\n", b"0.5\nnan\n", b"0.5\nerror\n"])
def test_different(tmp_path: Path, other: bytes) -> None:
    with pytest.raises(ComparisonError, match=r"row 2: expected the same prediction .* got 0\.5 of ours"):
        compared(tmp_path, b"0.5\n0.5\n", other)


def test_a_dropped_row(tmp_path: Path) -> None:
    with pytest.raises(ComparisonError, match="as many rows in both, got one file of 1"):
        compared(tmp_path, b"0.5\n0.5\n", b"0.5\n")
