"""Plain rows of JSON and LibSVM: what is read by compiled code is what the readers in Python would read."""

from __future__ import annotations

import json
from array import array
from math import isnan, nan

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fasttrees._textio.plain_rows import read_json_rows, read_libsvm_rows
from fasttrees.serving.errors import RequestError
from fasttrees.serving.libsvm_rows import LibsvmDecoder

MANY = 1 << 40
NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers(-(10**25), 10**25).map(str),
    st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?", fullmatch=True),
    st.just("null"),
)
NOT_PLAIN = [
    "NaN",
    "Infinity",
    "-Infinity",
    "true",
    '"1"',
    *["01", "1.", ".5", "+1", "-", "1e", "1e+", "0x1", "nul", "nulls", "[1]"],
    "",
]
NOISE = st.text('[]{},:"0123456789.eE+-nulNa \t\r\n', max_size=40)


def doubles(data: bytes) -> list[float]:
    return array("d", data).tolist()


def bits(values: list[float]) -> list[bytes | None]:
    return [None if isnan(value) else array("d", [value]).tobytes() for value in values]


@given(rows=st.lists(st.lists(NUMBERS, min_size=3, max_size=3), max_size=5), blank=st.sampled_from(["", " ", "\t\r"]))
def test_json_numbers(rows: list[list[str]], blank: str) -> None:
    lines = [blank + "[" + ",".join(blank + number + blank for number in row) + "]" + blank for row in rows]
    decoded = json.loads("[" + ",".join(lines) + "]", parse_int=float)
    expected = bits([nan if value is None else value for row in decoded for value in row])
    text = ",".join(lines) + "]"
    data, at = read_json_rows(text, 0, 3, False)
    assert bits(doubles(data)) == expected
    assert text[at:].strip() == "]"
    text = "".join(line + "\n" for line in lines)
    data, at = read_json_rows(text.encode(), 0, 3, True)
    assert bits(doubles(data)) == expected
    assert at == len(text)


@pytest.mark.parametrize("value", NOT_PLAIN)
def test_what_is_no_plain_row_is_left(value: str) -> None:
    for row in (f"[1,{value},3]", f"[{value},2,3]", f"[1,2,{value}]"):
        assert read_json_rows(f"[1,2,3],{row},[1,2,3]", 0, 3, False) == (array("d", [1, 2, 3]).tobytes(), 7)
        assert read_json_rows(f"[1,2,3]\n{row}\n".encode(), 0, 3, True) == (array("d", [1, 2, 3]).tobytes(), 8)


def test_json_places() -> None:
    one = array("d", [1]).tobytes()
    assert read_json_rows("  [1] , [1]", 1, 1, False) == (one * 2, 11)
    assert read_json_rows("[1],[1", 0, 1, False) == (one, 3)
    assert read_json_rows("[1],", 0, 1, False) == (one, 3)
    assert read_json_rows("[1]x", 0, 1, False) == (one, 3)
    assert read_json_rows("[1,1]", 0, 1, False) == (b"", 0)
    assert read_json_rows("[]", 0, 1, False) == (b"", 0)
    assert read_json_rows("", 0, 1, False) == (b"", 0)
    assert read_json_rows("[1]é", 0, 1, False) == (b"", 0)
    assert read_json_rows(b"[1]\r\n\n[1]\n", 0, 1, True) == (one, 5)
    assert read_json_rows(b"[1]", 0, 1, True) == (b"", 0)
    assert read_json_rows(b"[\n1]\n", 0, 1, True) == (b"", 0)
    assert read_json_rows(b"[1] 2\n", 0, 1, True) == (b"", 0)


@given(text=NOISE, n_columns=st.integers(1, 3))
def test_json_noise(text: str, n_columns: int) -> None:
    """Whatever is read, Python's decoder reads the same from it."""
    data, at = read_json_rows(text, 0, n_columns, False)
    decoded = json.loads("[" + text[:at] + "]", parse_int=float)
    assert bits(doubles(data)) == bits([nan if value is None else value for row in decoded for value in row])
    data, at = read_json_rows(text.encode(), 0, n_columns, True)
    decoded = [json.loads(line, parse_int=float) for line in text[:at].split("\n")[:-1]]
    assert bits(doubles(data)) == bits([nan if value is None else value for row in decoded for value in row])


@given(
    text=st.one_of(
        st.text("0123:.- +e\t\r\n", max_size=40),
        st.lists(
            st.sampled_from([*["1", "0:1", "1:-2.5", "2:1e3", "3:nan", "2:0", "9:9"], "\n", "\r\n"]), max_size=12
        ).map(" ".join),
    ),
    base=st.integers(0, 1),
)
@example(text="1 0:1 1:2\n-1.5e3 2:7\r\n2:1\n", base=0)
def test_libsvm(text: str, base: int) -> None:
    """Whatever is read, the reader in Python reads the same; a line that it refuses is not read."""
    data, at = read_libsvm_rows(text.encode(), 0, 3, base, MANY)
    decoder = LibsvmDecoder(3, base, False)
    lines = text[:at].split("\n")[:-1]
    assert text[:at] == "".join(line + "\n" for line in lines)
    assert bits(doubles(data)) == bits([value for line in lines for value in decoder.read_line(line.encode(), 1)])


def test_libsvm_reads_plain_lines() -> None:
    text = b"1 0:1 2:-3\n0:5\r\n-2.5\n 1:1e2\t\n1 3:1\n0:1\n"
    data, at = read_libsvm_rows(text, 0, 3, 0, MANY)
    assert doubles(data) == [1, 0, -3, 5, 0, 0, 0, 0, 0, 0, 100, 0]
    assert text[at:] == b"1 3:1\n0:1\n"
    with pytest.raises(RequestError):
        LibsvmDecoder(3, 0, False).read_line(b"1 3:1", 1)
    assert read_libsvm_rows(b"1 0:1", 0, 3, 0, MANY) == (b"", 0)
    assert read_libsvm_rows(b"0:1 0:1\n", 0, 3, 0, MANY) == (b"", 0)
    assert read_libsvm_rows(b"0:1\n", 0, 3, 1, MANY) == (b"", 0)
    assert read_libsvm_rows(b"4294967296:1\n18446744073709551616:1\n", 0, 3, 0, MANY) == (b"", 0)


def test_libsvm_stops_after_as_many_rows_as_are_wanted() -> None:
    assert read_libsvm_rows(b"1\n" * 10, 4, 2, 0, 3) == (bytes(8 * 2 * 3), 10)
    assert read_libsvm_rows(b"1\n" * 10, 4, 2, 0, 0) == (b"", 4)
