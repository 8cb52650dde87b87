"""The dialect of delimited text: delimiter, first line, header cells, and columns that a user names.

docs/reference/command-line.md describes it. Every reader of CSV and TSV takes these rules from here.
"""

from __future__ import annotations

from fasttrees.errors import CsvError, InputError

__all__ = ["DELIMITERS", "choose_delimiter", "delimiter_byte", "find_column", "first_line_size", "read_header"]

DELIMITERS = (",", "\t", ";", "|")


def delimiter_byte(delimiter: str) -> int:
    """Return the one byte of a delimiter.

    Raises
    ------
    InputError
        If it is not one of :data:`DELIMITERS`.
    """
    if delimiter not in DELIMITERS:
        raise InputError(f"expected a delimiter of {', '.join(map(repr, DELIMITERS))}, got {delimiter!r}")
    return ord(delimiter)


def choose_delimiter(line: bytes) -> str:
    """Return the delimiter of a text by its first line: a tab if it has one, else a comma."""
    return "\t" if b"\t" in line else ","


def first_line_size(data: bytes, begin: int = 0) -> int:
    """Return the bytes of the first line with its end, which is LF, CR or CRLF.

    Of all bytes from `begin` on if no line ends there, or with a CR that may be the first half of CRLF.
    """
    line_feed, carriage_return = data.find(b"\n", begin), data.find(b"\r", begin)
    if carriage_return >= 0 and (line_feed < 0 or carriage_return < line_feed):
        return carriage_return - begin + (2 if data[carriage_return + 1 : carriage_return + 2] == b"\n" else 1)
    return line_feed + 1 - begin if line_feed >= 0 else len(data) - begin


def read_header(line: bytes, delimiter: str) -> list[str]:
    """Split a header line into names.

    Quotes as in RFC 4180 are removed, and blanks (U+0020) around a name. All else belongs to the name, as in
    LightGBM's ``feature_names``: tabs, and what Unicode counts as white space.

    Raises
    ------
    CsvError
        If the line is not UTF-8, or its quotes do not match.
    """
    import csv  # here, because servers that read no header do without it

    text = line.rstrip(b"\r\n").decode("utf-8", "backslashreplace")
    try:
        line.decode("utf-8")
        if "\0" in text:
            raise csv.Error("NUL byte")
        names = next(csv.reader([text], delimiter=delimiter, strict=True, skipinitialspace=True), [])
    except UnicodeDecodeError as error:
        raise CsvError("header is not UTF-8", 1, None, text[:60]) from error
    except csv.Error as error:
        raise CsvError(f"header cannot be read: {error}", 1, None, text[:60]) from error
    return [name.strip(" ") for name in names]


def find_column(column: str, names: list[str] | None, n_columns: int | None, option: str) -> int:
    """Return the number of a column that a user gives by number, from 0, or by name.

    Parameters
    ----------
    column : str
    names : list of str or None
        Names of the columns, if there are any.
    n_columns : int or None
        None if unknown.
    option : str
        Where the user gives it, for errors.

    Raises
    ------
    InputError
        If there is no such column, or more than one.
    """
    if column.isdecimal():
        if n_columns is not None and int(column) >= n_columns:
            raise InputError(f"{option}: expected a column from 0 to {n_columns - 1}, got {column}")
        return int(column)
    if names is None:
        raise InputError(f"{option}: {column!r} is a name; names need --header")
    if names.count(column) != 1:
        raise InputError(f"{option}: expected {column!r} once in the header, got it {names.count(column)} times")
    return names.index(column)
