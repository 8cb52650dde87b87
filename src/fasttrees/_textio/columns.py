"""How lines of text are rows of a model: which cell is which feature, and which is the label."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fasttrees._textio.chunks import Chunk, Lines
from fasttrees._textio.csv import RowParser, Table
from fasttrees._textio.header import columns_by_name, columns_by_position, read_header
from fasttrees.errors import CsvError, InputError

__all__ = ["find_columns", "parse_rows"]


def find_columns(
    lines: Lines,
    features: Sequence[str],
    delimiter: str | None,
    has_header: bool,
    label: str | None,
    note: Callable[[str], None],
) -> tuple[RowParser, str]:
    """Find out from the first line how the input is to be read; a header line is then done with.

    Parameters
    ----------
    lines : Lines
    features : sequence of str
        The model's.
    delimiter : str or None
        None: a tab if the first line has one, else a comma.
    has_header : bool
    label : str or None
        Column to leave out, by number or name.
    note : callable
        Told if no name of the header is a feature's.

    Returns
    -------
    RowParser
    str
        The delimiter.
    """
    line = lines.peek()
    delimiter = delimiter or ("\t" if b"\t" in line else ",")
    if not has_header or not line:
        columns = columns_by_position(len(features), _find_label(label, None) if line else None)
        return RowParser(columns, delimiter), delimiter
    header = read_header(line, delimiter)
    label_column = _find_label(label, header)
    by_name = columns_by_name(header, list(features), label_column)
    columns = by_name or columns_by_position(len(features), label_column)
    if len(columns) != len(header):
        raise CsvError(f"expected {len(columns)} names, got {len(header)}", 1, None, ", ".join(header)[:60])
    if by_name is None:
        note("the header names no feature of the model: features are taken by their position")
    lines.skip()
    return RowParser(columns, delimiter), delimiter


def parse_rows(parser: RowParser, chunk: Chunk) -> Table:
    """Read a chunk; an error in the first line says what that line may be."""
    try:
        return parser.parse(chunk.data, chunk.first_row)
    except CsvError as error:
        if error.row > 1:
            raise
        hint = f"{error.problem} (a line of names needs --header, a label column --label-column)"
        raise CsvError(hint, error.row, error.column, error.text) from error


def _find_label(label: str | None, header: list[str] | None) -> int | None:
    """Turn a number, counted from 0, or a name of the header into the number of the label's column."""
    if label is None:
        return None
    if label.isdecimal():
        if header is not None and int(label) >= len(header):
            raise InputError(f"expected a label column from 0 to {len(header) - 1}, got {label}")
        return int(label)
    if header is None:
        raise InputError(f"the label column {label!r} is a name; names need --header")
    if header.count(label) != 1:
        raise InputError(f"expected the label column {label!r} once in the header, got it {header.count(label)} times")
    return header.index(label)
