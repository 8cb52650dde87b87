"""Read lines of text as rows of a model: find the features' columns and the label's."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fasttrees._textio.chunks import Chunk, Lines
from fasttrees._textio.csv import RowParser, Table
from fasttrees._textio.dialect import choose_delimiter, find_column, read_header
from fasttrees._textio.header import columns_by_name, columns_by_position
from fasttrees.errors import CsvError

__all__ = ["find_columns", "parse_rows"]


def find_columns(
    lines: Lines,
    features: Sequence[str],
    delimiter: str | None,
    has_header: bool,
    label: str | None,
    note: Callable[[str], None],
) -> tuple[RowParser, str]:
    """Find delimiter and columns from the first line; skip it if it is a header.

    Parameters
    ----------
    lines : Lines
    features : sequence of str
        The model's.
    delimiter : str or None
        None: by the first line.
    has_header : bool
    label : str or None
        Column to leave out, by number or name.
    note : callable
        Called with a text if the header names no feature of the model.

    Returns
    -------
    RowParser
    str
        The delimiter.
    """
    line = lines.peek()
    delimiter = delimiter or choose_delimiter(line)
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
    """Parse a chunk; an error in the first line hints at what that line may be."""
    try:
        return parser.parse(chunk.data, chunk.first_row)
    except CsvError as error:
        if error.row > 1:
            raise
        hint = f"{error.problem} (a line of names needs --header, a label column --label-column)"
        raise CsvError(hint, error.row, error.column, error.text) from error


def _find_label(label: str | None, header: list[str] | None) -> int | None:
    """Return the number of the label's column; without a header, columns_by_position checks it."""
    n_columns = None if header is None else len(header)
    return None if label is None else find_column(label, header, n_columns, "--label-column")
