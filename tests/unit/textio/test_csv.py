"""Delimited text to doubles and back: every rule of the text, every error, and Python's float() as the reference."""

import array
import contextlib
import itertools
import math
import pickle
import struct
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fasttrees._engine.classes import apply_threshold
from fasttrees._textio.csv import RowParser, Table
from fasttrees._textio.dialect import DELIMITERS
from fasttrees._textio.format import format_rows
from fasttrees.errors import CsvError, InputError, InputTypeError

NAN = math.nan


def bits(values: list[float]) -> list[bytes]:
    """Values as comparable bits; each NaN is the same missing value."""
    return [b"nan" if value != value else struct.pack("<d", value) for value in values]


def parse(text: bytes, columns: list[int] | None = None, delimiter: str = ",") -> list[list[float]]:
    if columns is None:
        columns = list(range(text.split(b"\n")[0].count(delimiter.encode()) + 1))
    return rows(RowParser(columns, delimiter).parse(text))


def rows(table: Table) -> list[list[float]]:
    values: Any = memoryview(table).tolist()
    return list(values)


def flat(table: list[list[float]]) -> list[float]:
    return list(itertools.chain.from_iterable(table))


def parse_cell(cell: bytes) -> float:
    ((value, _),) = parse(cell + b",0\n", [0, 1])
    return value


def parse_error(text: bytes, columns: list[int], first_row: int = 1) -> CsvError:
    with pytest.raises(CsvError) as caught:
        RowParser(columns).parse(text, first_row)
    return caught.value


# -- cells ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["", " ", "\t", "NA", "na", "N/A", "n/a", "NaN", "nan", "-nan", "+NAN", "null", "NULL", '""', '"NA"', '" "']
)
def test_missing_values(text: str) -> None:
    for cell in (text, f" {text}\t"):
        assert math.isnan(parse_cell(cell.encode()))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.5", 1.5),
        (" 1.5\t", 1.5),
        ('"1.5"', 1.5),
        (' " -1.5 " ', -1.5),
        ("+7", 7.0),
        ("-0", -0.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("1E+3", 1000.0),
        ("007", 7.0),
        ("inf", math.inf),
        ("+Infinity", math.inf),
        ("-INF", -math.inf),
        ('"-inf"', -math.inf),
        ("1e400", math.inf),
        ("-1e400", -math.inf),
        ("1e-400", 0.0),
        ("-1e-400", -0.0),
        ("5e-324", 5e-324),
        ("2.4703282292062327e-324", 0.0),
        ("2.4703282292062328e-324", 5e-324),
        ("2.2250738585072011e-308", 2.2250738585072011e-308),
        ("1.7976931348623158e308", 1.7976931348623157e308),
        ("9007199254740993", 9007199254740992.0),
        ("0." + "0" * 400 + "1e401", 1.0),
        ("1" + "0" * 5000 + "e-5000", 1.0),
    ],
)
def test_numbers(text: str, value: float) -> None:
    assert bits([parse_cell(text.encode())]) == bits([value])


@pytest.mark.parametrize(
    "text",
    [
        "abc", "12abc", "1 2", "1_000", "0x10", "0X1p3", "1e", "1e+", "e5", ".", "-", "+", "+-1", "-+1", "--1", "1..2",
        "1.2.3", "nan(1)", "nan()", "-na", "+null", "n/", "infin", "infinityx", "- 1", "1;5", "1'000", "none", "?",
        "#N/A", "1f", "true", '"1""5"', '""""', '"1,5"', '"x"', "1\0", "\0", "\xe9", "\uff11", "\xa01", "1\v", "1\x1c",
    ],
)  # fmt: skip
def test_what_is_no_number(text: str) -> None:
    error = parse_error(f"1,2\n3,{text}\n".encode(), [0, 1])
    assert (error.row, error.column, error.text) == (2, 2, text)
    assert error.problem == ("NUL byte; expected UTF-8 text" if "\0" in text else "expected a number")


def test_bytes_that_are_not_utf8() -> None:
    error = parse_error(b"1,\xe9\xff\n", [0, 1])
    assert (error.problem, error.text) == ("expected a number in UTF-8 text", "\\xe9\\xff")
    error = parse_error("1,2\n".encode("utf-16"), [0, 1])
    assert (error.problem, error.row, error.column) == ("NUL byte; expected UTF-8 text", 1, 1)


@pytest.mark.parametrize("cell", ['"x', '"1', '"', '"a""'])
def test_open_quotes(cell: str) -> None:
    for columns in ([0, 1], [0, -1]):  # a cell that is not read counts too: it may hold delimiters
        error = parse_error(f'1,{cell}\n2,"3"\n'.encode(), columns)
        assert (error.problem, error.row, error.column) == ("quote without an end in its line", 1, 2)


@pytest.mark.parametrize("cell", ['"1"2', '"1" 2', '""x'])
def test_text_after_a_quote(cell: str) -> None:
    for columns in ([0, 1], [-1, 0]):
        error = parse_error(f"{cell},2\n".encode(), columns)
        assert (error.problem, error.row, error.column, error.text) == ("text after a closing quote", 1, 1, cell)


def test_errors_are_cut_and_pickle() -> None:
    error = parse_error(b"1," + b"x" * 1000 + b"\n", [0, 1])
    assert error.text == "x" * 60 + "..."
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.row, copy.column) == (str(error), 1, 2)
    assert str(error).startswith("row 1, column 2: expected a number: 'xxx")


def test_cells_that_are_not_read() -> None:
    text = b'yes,1,"Smith, ""J"" ",2\nno,3,5" pipe,4\n\xe9\xff,5,,6\n'
    assert parse(text, [-1, 1, -1, 0]) == [[2.0, 1.0], [4.0, 3.0], [6.0, 5.0]]
    error = parse_error(b"a\0b,1\n", [-1, 0])
    assert (error.problem, error.column, error.text) == ("NUL byte; expected UTF-8 text", 1, "a\0b")


@given(
    st.floats(allow_nan=True, allow_infinity=True).map(repr)
    | st.from_regex(r"[+-]?([0-9]{1,30}(\.[0-9]{0,30})?|\.[0-9]{1,30})([eE][+-]?[0-9]{1,4})?", fullmatch=True)
)
@example("2.2250738585072012e-308")
def test_numbers_are_those_of_python(text: str) -> None:
    assert bits([parse_cell(text.encode())]) == bits([float(text)])


@given(st.text(st.sampled_from('0123456789.eE+-_xXnaifty"/ \t'), max_size=8))
def test_a_cell_is_a_number_of_python_or_an_error(text: str) -> None:
    plain = text.strip(" \t")
    if len(plain) > 1 and plain[0] == plain[-1] == '"':
        plain = plain[1:-1].strip(" \t")
    try:
        expected = NAN if plain.lower() in ("", "na", "n/a", "null") else float(plain.replace("_", "?"))
    except ValueError:
        with pytest.raises(CsvError):
            parse_cell(text.encode())
    else:
        assert bits([parse_cell(text.encode())]) == bits([expected])


@given(st.binary(max_size=40), st.sampled_from([[0], [0, 1], [-1, 1, 0]]))
def test_any_bytes_give_rows_or_an_error(data: bytes, columns: list[int]) -> None:
    with contextlib.suppress(CsvError):
        table = RowParser(columns).parse(data)
        assert len(rows(table)) == table.shape[0]


# -- lines ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", ["", "END", "ENDEND", "END \tEND", " "])
def test_line_ends(end: str, last: str) -> None:
    text = "1,2END,3END4, ".replace("END", end) + last.replace("END", end)
    assert bits(flat(parse(text.encode(), [0, 1]))) == bits([1, 2, NAN, 3, 4, NAN])


def test_mixed_line_ends() -> None:
    assert parse(b"1\n2\r\n3\r4", [0]) == [[1], [2], [3], [4]]


def test_nothing_and_blank_lines_only() -> None:
    for text in (b"", b"\n", b"\r\n \n\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"):
        table = RowParser([0, 1]).parse(text)
        assert table.shape == memoryview(table).shape == (0, 2)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_blank_lines_inside_the_data(end: bytes) -> None:
    for blank in (b"", b"  \t"):
        error = parse_error(end.join([b"1,2", blank, b"3,4", b""]), [0, 1], 10)
        assert (error.problem, error.row, error.column) == ("blank line inside the data", 11, None)


def test_many_blank_lines_of_a_wide_table_take_no_memory() -> None:
    error = parse_error(b"\n" * 1_000_000 + b"1", list(range(100_000)))
    assert (error.problem, error.row) == ("blank line inside the data", 1)


def test_blank_lines_are_rows_of_one_cell() -> None:
    assert bits(flat(parse(b"1\n\n \n2\n\n", [0]))) == bits([1, NAN, NAN, 2, NAN])


def test_tabs_are_no_blanks_where_they_delimit() -> None:
    assert bits(flat(parse(b"1\t2\n\t\n\t", [0, 1], "\t"))) == bits([1, 2, NAN, NAN, NAN, NAN])


@pytest.mark.parametrize(("line", "got"), [("1,2", 2), ("1", 1), ("1,2,3,4", 4), ("1,2,3,", 4), ("1,2,3,a,b", 5)])
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_ragged_lines(line: str, got: int, end: str) -> None:
    error = parse_error(f"1,2,3\n{line}{end}".encode(), [0, 1, 2], 7)
    assert (error.problem, error.row, error.column, error.text) == (f"expected 3 cells, got {got}", 8, None, line)


def test_the_last_rows_may_be_shorter_than_their_count_suggests() -> None:
    assert bits(flat(parse(b",,\n,,", [0, 1, 2]))) == bits([NAN] * 6)
    parse_error(b",,\n,", [0, 1, 2])
    parse_error(b",\n,\n,\n,\n,", [0, 1, 2])


def test_byte_order_mark() -> None:
    assert parse(b"\xef\xbb\xbf1,2\n", [0, 1]) == [[1, 2]]
    assert parse_error(b"\xef\xbb\xbf1,2\n", [0, 1], 2).column == 1  # not at the start of the input


@pytest.mark.parametrize("delimiter", DELIMITERS)
def test_delimiters(delimiter: str) -> None:
    assert parse(f"1{delimiter} 2\n".encode(), [1, 0], delimiter) == [[2, 1]]


def test_a_line_of_8_mb() -> None:
    n = 1_000_000
    (row,) = parse(b",".join([b"1234.25"] * n), list(range(n)))
    assert row == [1234.25] * n
    assert parse(b"1," + b"x" * 8_000_000 + b",2\n", [0, -1, 1]) == [[1, 2]]
    assert parse(b"1," + b"0" * 8_000_000 + b".5\n", [0, 1]) == [[1, 0.5]]


# -- arguments --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [[], [-1], [0, 0], [1], [0, 2], [0, -2]])
def test_bad_columns(columns: list[int]) -> None:
    with pytest.raises(InputError, match="filled by one cell"):
        RowParser(columns)


@pytest.mark.parametrize("delimiter", ["", " ", "1", ",,", "\n", "\0", '"', "é"])
def test_bad_delimiters(delimiter: str) -> None:
    with pytest.raises(InputError, match="expected a delimiter"):
        RowParser([0], delimiter)
    with pytest.raises(InputError, match="expected a delimiter"):
        format_rows(array.array("d"), 0, delimiter)


def test_any_contiguous_bytes_will_do() -> None:
    parser = RowParser([0, 1])
    for data in (b"1,2\n", bytearray(b"1,2\n"), memoryview(b"xx1,2\nyy")[2:6], array.array("B", b"1,2\n")):
        assert rows(parser.parse(data)) == [[1, 2]]
    with pytest.raises(BufferError):
        parser.parse(memoryview(b"1,2\n1,2\n")[::2])
    with pytest.raises(TypeError):
        parser.parse("1,2\n")  # type: ignore[arg-type]


def test_a_table_is_a_read_only_buffer_of_doubles() -> None:
    table = RowParser([0, 1]).parse(b"1,2\n3,4\n5,6\n")
    view = memoryview(table)
    assert (view.format, view.shape, view.strides, view.readonly, view.c_contiguous) == (
        "d",
        (3, 2),
        (16, 8),
        True,
        True,
    )
    del table
    assert [view[i, j] for i in range(3) for j in range(2)] == [1, 2, 3, 4, 5, 6]


# -- streams ----------------------------------------------------------------------------------------------------------


def cut(text: bytes, parser: RowParser, block_size: int, max_rows: int) -> Iterator[tuple[bytes, int]]:
    """Cut a stream that arrives in blocks into chunks, each with the number of its first line."""
    rest, row = b"", 1
    blocks = [text[i : i + block_size] for i in range(0, len(text), block_size)]
    for number in range(len(blocks) + 1):
        rest += blocks[number] if number < len(blocks) else b""
        while True:
            size, n_lines = parser.measure(rest, max_rows, number >= len(blocks))
            if not size:
                break
            yield rest[:size], row
            rest, row = rest[size:], row + n_lines


@pytest.mark.parametrize(
    "text", [b"1,2\r\n3,4\r5,6\n\n \r\n\r", b"1,2\r3,4\r5,6\r", b'1,2\n"3",4\n5,6', b"1,2\r\n3,4\r\n5,6\r\n"]
)
def test_chunks_at_every_place_give_the_same_rows(text: bytes) -> None:
    parser = RowParser([0, 1])
    for block_size in range(1, len(text) + 2):
        for max_rows in (1, 2, 100):
            chunks = list(cut(text, parser, block_size, max_rows))
            tables = [rows(parser.parse(chunk, row)) for chunk, row in chunks]
            assert list(itertools.chain.from_iterable(tables)) == [[1, 2], [3, 4], [5, 6]]
            assert all(len(table) <= max_rows for table in tables)


def test_chunks_keep_blank_lines_that_are_rows() -> None:
    parser = RowParser([0])
    for block_size in range(1, 12):
        tables = [parser.parse(*chunk).shape[0] for chunk in cut(b"1\r\n\r\n\n2\r\r\n", parser, block_size, 2)]
        assert sum(tables) == 5


def test_chunks_number_their_lines() -> None:
    text = b"1,2\r\n3,4\r5,6\n\n\n7,8\n"
    parser = RowParser([0, 1])
    for block_size in range(1, len(text) + 2):
        for max_rows in (1, 2, 100):
            chunks = cut(text, parser, block_size, max_rows)
            with pytest.raises(CsvError) as caught:
                list(itertools.starmap(parser.parse, chunks))
            assert (caught.value.row, caught.value.problem) == (4, "blank line inside the data")


def test_threads_share_a_parser() -> None:
    parser = RowParser([0, 1])
    expected = [[float(i), i / 8] for i in range(5000)]
    text = "".join(f"{a},{b}\n" for a, b in expected).encode()
    results: list[bool] = []
    threads = [threading.Thread(target=lambda: results.append(rows(parser.parse(text)) == expected)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 4


# -- writing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, b"1"),
        (0.1, b"0.1"),
        (-0.0, b"-0"),
        (math.inf, b"inf"),
        (-math.inf, b"-inf"),
        (NAN, b"nan"),
        (-NAN, b"nan"),
        (5e-324, b"5e-324"),
        (1e22, b"1e+22"),
        (-2.2250738585072014e-308, b"-2.2250738585072014e-308"),
    ],
)
def test_written_numbers(value: float, text: bytes) -> None:
    assert format_rows(array.array("d", [value]), 1) == text + b"\n"


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=20))
@example(
    [0, 1, 2**63, 2**63 + 1, 0x7FF0000000000000, 0x7FF8000000000001, 0x000FFFFFFFFFFFFF, 0x0010000000000000, 2**64 - 1]
)
def test_written_doubles_read_back_to_the_same_bits(patterns: list[int]) -> None:
    values = list(struct.unpack(f"<{len(patterns)}d", struct.pack(f"<{len(patterns)}Q", *patterns)))
    text = format_rows(array.array("d", values), 1)
    assert bits(parse(text)[0]) == bits(values)
    for value, written in zip(values, text.decode().strip().split(","), strict=True):
        assert len(written.strip("-").replace(".", "").partition("e")[0].strip("0")) <= len(
            repr(value).strip("-").replace(".", "").partition("e")[0].strip("0")
        ), "more digits than Python's shortest"


def test_written_rows() -> None:
    assert format_rows(array.array("d", [1, 2.5, NAN, -1]), 2, "\t") == b"1\t2.5\nnan\t-1\n"
    assert format_rows(array.array("i", [1, -(2**31), 2**31 - 1]), 3) == b"1\n-2147483648\n2147483647\n"
    assert format_rows(array.array("i", [-(2**31)] * 1000), 1).count(b"-2147483648") == 1000
    assert format_rows(array.array("d", [-2.2250738585072014e-308] * 1000), 10).count(b"e-308") == 1000
    assert format_rows(array.array("d"), 0) == b""
    assert format_rows(array.array("i"), 3) == b"\n\n\n"


def test_bad_values_to_write() -> None:
    for n_rows in (0, 2, -1):
        with pytest.raises(InputError, match="as many items"):
            format_rows(array.array("d", [1, 2, 3]), n_rows)
    with pytest.raises(InputTypeError, match="'d' or 'i'"):
        format_rows(array.array("f", [1]), 1)


def test_threshold() -> None:
    values = array.array("d", [0.2, 0.5, math.nextafter(0.5, 1), 1.0, NAN])
    apply_threshold(values, 0.5)
    assert bits(list(values)) == bits([0, 0, 1, 1, NAN])


@given(good=st.lists(st.booleans(), max_size=40), ends=st.sampled_from(["\n", "\r\n", "\r"]))
def test_bad_rows_can_be_left_out(good: list[bool], ends: str) -> None:
    bad = ["1,x", "1", "1,2,3", '"1,2', "", "1,\0"]
    lines = [f"{i},{i}" if is_good else bad[i % len(bad)] for i, is_good in enumerate(good)] + ["7,7"]
    errors: list[CsvError] = []
    table = RowParser([0, 1]).parse(ends.join(lines).encode(), 5, errors)
    assert rows(table) == [[i, i] for i, is_good in enumerate(good) if is_good] + [[7, 7]]
    assert [error.row for error in errors] == [5 + i for i, is_good in enumerate(good) if not is_good]
    for error in errors:  # each is the error that the line alone gives
        with pytest.raises(CsvError) as alone:
            RowParser([0, 1]).parse(f"{lines[error.row - 5]}{ends}1,2".encode(), error.row)
        assert str(alone.value) == str(error)
