"""Tables long enough that the ends of cells are found ahead of their text: Python's float() is the reference."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fasttrees._textio.csv import RowParser
from fasttrees.errors import CsvError

DIGITS = st.text("0123456789", max_size=21)
POINTS = st.one_of(st.just(""), st.just("."), DIGITS.map(lambda digits: "." + digits))
PLAIN = st.builds("{}{}{}".format, st.sampled_from(["", "-", "+"]), DIGITS, POINTS)
EXPONENTS = st.integers(-30, 30).map("e{}".format)
WORDS = st.sampled_from(["", " 1", "1 ", "nan", "NA", "inf", "-inf", '"1.5"', '" 2 "', '""', "\t3", "-0", "-0.0"])
CELLS = st.one_of(
    PLAIN, PLAIN, st.floats(allow_nan=False).map(repr), st.builds("{}{}".format, PLAIN, EXPONENTS), WORDS
)  # fmt: skip


def value_of(cell: str) -> float | None:
    """What a cell holds by Python's rules; None if that is no number."""
    text = cell.strip(" \t").strip('"').strip(" \t")
    try:
        return math.nan if text.lower() in ("", "na") else float(text)
    except ValueError:
        return None


def rows_of(text: bytes, columns: Sequence[int], delimiter: str = ",") -> list[list[float]]:
    rows: Any = memoryview(RowParser(columns, delimiter).parse(text)).tolist()
    return list(rows)


def bits(value: float | None) -> bytes:
    return b"nan" if value is None or value != value else struct.pack("<d", value)


@given(
    st.lists(st.lists(CELLS.filter(lambda cell: value_of(cell) is not None), min_size=3, max_size=3), min_size=1),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(",;\t"),
    st.integers(1, 40),
)
def test_every_bit(lines: list[list[str]], end: str, delimiter: str, times: int) -> None:
    lines = [line if any(cell.strip(" \t") for cell in line) else ["0", *line[1:]] for line in lines]
    if delimiter == "\t":
        lines = [[cell.replace("\t", "") or "1" for cell in line] for line in lines]
    text = "".join(delimiter.join(line) + end for line in lines) * times
    expected = [bits(value_of(cell)) for line in lines for cell in line] * times
    assert [bits(value) for row in rows_of(text.encode(), range(3), delimiter) for value in row] == expected


@given(st.text("0123456789.-+e ", max_size=24), st.integers(0, 2), st.sampled_from(["\n", "\r\n"]))
def test_a_bad_cell_is_found_where_it_is(cell: str, column: int, end: str) -> None:
    good = f"1.25,-3,0.30000000000000004{end}" * 40
    line = ["1", "2", "3"]
    line[column] = cell
    text = (good + ",".join(line) + end + good).encode()
    if value_of(cell) is None:
        with pytest.raises(CsvError) as caught:
            RowParser(range(3)).parse(text)
        assert (caught.value.row, caught.value.column) == (41, column + 1)
    else:
        assert RowParser(range(3)).parse(text).shape == (81, 3)


@pytest.mark.parametrize("size", range(60, 200))
def test_texts_that_end_anywhere(size: int) -> None:
    """At the last cells the text is over before 64 more characters, and at the first no 24 are before them."""
    lines = ["1.5,-2", "3,4.25"] * size
    text = ("\n".join(lines) + "\n")[:size].rpartition("\n")[0]
    assert rows_of(text.encode(), range(2)) == [[float(cell) for cell in line.split(",")] for line in text.split("\n")]


@pytest.mark.parametrize("cells", [2, 4])
def test_ragged_lines_among_many(cells: int) -> None:
    text = b"1,2,3\n" * 50 + b",".join([b"7"] * cells) + b"\n" + b"1,2,3\n" * 50
    with pytest.raises(CsvError, match=f"row 51: expected 3 cells, got {cells}"):
        RowParser(range(3)).parse(text)


def test_cells_that_are_not_read_may_hide_ends() -> None:
    text = b'1,"a,b\t;",2.5\n' * 100
    assert rows_of(text, [0, -1, 1]) == [[1.0, 2.5]] * 100
