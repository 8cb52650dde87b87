"""CSV bodies to rows. Rules of the text: docs/reference/command-line.md; of its header: content-types.md."""

from __future__ import annotations

import codecs

from fasttrees._textio.csv import RowParser
from fasttrees._textio.dialect import first_line_size, read_header
from fasttrees.errors import CsvError, InputError
from fasttrees.serving.batches import MAX_ROW, BadRow, Batch, Decoder, Header, Item
from fasttrees.serving.errors import RequestError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from fasttrees.model import Model

__all__ = ["CsvDecoder", "HeaderReader"]

MAX_ERRORS = 1 << 12  # lines that are read at once where each may be an error
SHOWN = 60  # characters of a bad header in an error
HINT = "a header needs the content type text/csv; header=present, a label in front text/csv; label_size=1"


class CsvDecoder(Decoder):
    """Reads CSV.

    Parameters
    ----------
    parser : RowParser
        For bodies without a header.
    header : HeaderReader or None
        Reads the first line; None: it is a row.
    skips_bad_rows : bool
        Whether a bad row becomes a BadRow, instead of an error.
    """

    def __init__(self, parser: RowParser, header: HeaderReader | None, skips_bad_rows: bool) -> None:
        self._parser = parser
        self._header = header
        self._shows_hint = header is None
        self._skips_bad_rows = skips_bad_rows
        self._row = 1
        self._pending: list[bytes] = []  # read, but no whole line yet

    def decode(self, block: bytes, last: bool) -> Iterator[Item]:
        """Read the next block: see :meth:`Decoder.decode`."""
        data = block
        if self._pending:
            self._pending.append(block)
            if not last and b"\n" not in block and b"\r" not in block:
                self._check_pending()
                return
            data = b"".join(self._pending)
        try:
            start = self._read_header(data, last) if self._header is not None else 0
            if start is None:
                self._keep(data)
                return
            if start:
                yield Header()
            rows: bytes | memoryview = memoryview(data)[start:] if start else data
            size, n_lines = (len(rows), -1) if last else self._parser.measure(rows, len(rows), False)
            if size:
                whole = rows if size == len(rows) else memoryview(rows)[:size]
                if self._skips_bad_rows:
                    yield from self._rows_that_are_good(whole)
                else:
                    table = self._parser.parse(whole, self._row, n_lines=n_lines)
                    yield Batch(table, table.shape[0])
        except CsvError as error:
            raise self._refuse(error) from None
        if not last:
            self._row += n_lines
        self._keep(data[start + size :])

    def _keep(self, rest: bytes) -> None:
        self._pending = [rest] if rest else []
        self._check_pending()

    def _check_pending(self) -> None:
        if sum(map(len, self._pending)) > MAX_ROW:
            raise RequestError(400, f"row, or blank lines, of more than {MAX_ROW >> 20} MB", row=self._row)

    def _read_header(self, data: bytes, last: bool) -> int | None:
        """Read the first line if it is a header; return its size, 0 if it is none, None if it is not whole."""
        assert self._header is not None
        size = first_line_size(data)
        if size == len(data) and not last:  # or a CR whose LF may follow
            return None
        mark = len(codecs.BOM_UTF8) if data.startswith(codecs.BOM_UTF8) else 0
        parser = self._header.read(data[mark:size]) if size > mark else None
        self._header = None
        if parser is None:
            return 0
        self._parser = parser
        self._row = 2
        return size

    def _rows_that_are_good(self, data: bytes | memoryview) -> Iterator[Item]:
        rest, row = memoryview(data), self._row
        while rest:
            size, n_lines = self._parser.measure(rest, MAX_ERRORS, True)
            errors: list[CsvError] = []
            table = self._parser.parse(rest[: size or len(rest)], row, errors)
            rows, start = memoryview(table), 0
            for n_bad, error in enumerate(errors):
                stop = error.row - row - n_bad
                if start < stop:
                    yield Batch(rows[start:stop], stop - start)
                yield BadRow(self._refuse(error))
                start = stop
            if start < len(rows):
                yield Batch(rows[start:], len(rows) - start)
            rest, row = rest[size or len(rest) :], row + n_lines

    def _refuse(self, error: CsvError) -> RequestError:
        problem, expected, actual = error.problem, "a number", repr(error.text)
        if problem.startswith("expected "):
            expected, _, got = problem.removeprefix("expected ").partition(", got ")
            problem, actual = "bad cell" if error.column else "wrong number of cells", got or actual
        elif not error.column:
            expected = f"{self._parser.n_cells} cells"
        if error.row == 1 and self._shows_hint:
            problem += f" ({HINT})"
        return RequestError(400, problem, row=error.row, column=error.column, expected=expected, actual=actual)


class HeaderReader:
    """Finds the columns of a body by the names in its first line.

    Parameters
    ----------
    model : Model
    label : int or None
        Column of the label, which is not read.
    always : bool
        Whether each body has a header, by its content type. Otherwise the first line is taken for what it looks like;
        as bodies without a header are then read by position, so must those with one be: a file that is sent in pieces
        has a header in the first piece only.
    """

    def __init__(self, model: Model, label: int | None, always: bool) -> None:
        self._features = model.feature_name()
        self._label = label
        self._always = always

    def read(self, line: bytes) -> RowParser | None:
        """Return a parser for the lines behind the first, None if that is no header but a row.

        Raises
        ------
        RequestError
            If the first line should be a header and cannot be used as one.
        """
        from fasttrees._textio.header import columns_by_name, columns_by_position

        by_position = columns_by_position(len(self._features), self._label)
        text = repr(line.rstrip(b"\r\n").decode("utf-8", "backslashreplace")[:SHOWN])
        try:
            names = read_header(line, ",")
        except CsvError as error:
            if not self._always:
                return None
            raise RequestError(400, error.problem, row=1, actual=text) from None
        try:
            by_name = columns_by_name(names, self._features, self._label)
        except InputError as error:
            if not self._always and any(map(is_number, names)):
                return None
            raise RequestError(400, str(error), row=1) from None
        if by_name is None:
            if not self._always and any(map(is_number, names)):
                return None
            if all(map(is_number, names)):
                raise RequestError(400, "no header", row=1, expected="names", actual=text)
        columns = by_name or by_position
        if len(columns) != len(names):
            raise RequestError(400, "bad header", row=1, expected=f"{len(columns)} names", actual=str(len(names)))
        if not self._always and columns != by_position:
            raise RequestError(
                400,
                "the header has other columns than the model, or another order, which needs the content type "
                "text/csv; header=present",
                row=1,
            )
        return RowParser(columns)


def is_number(cell: str) -> bool:
    """Whether a cell is what a row may have: a number or a missing value."""
    try:
        return RowParser([0]).parse(cell.encode() + b"\n").shape[0] == 1
    except CsvError:
        return False
