"""Open a table by its first bytes; read text in blocks of rows, as headerless CSV."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager

from fasttrees._runtime.ordered_map import map_in_order
from fasttrees._textio.chunks import Chunk, Lines, TextInput, open_text
from fasttrees._textio.csv import RowParser
from fasttrees._textio.dialect import choose_delimiter, read_header
from fasttrees._textio.format import format_rows
from fasttrees.errors import CsvError
from fasttrees.sharding._manifest import Options
from fasttrees.sharding._table import Block, Table, choose_columns

__all__ = ["open_table"]

BLOCK_SIZE = 1 << 20  # bytes read at once; about the size of a block
MAX_ROWS = 1 << 18  # of a block, however short its lines are
LONE_CR = re.compile(rb"\r(?!\n)")
PARQUET_MAGIC = b"PAR1"


@contextmanager
def open_table(path: str, options: Options) -> Iterator[Table]:
    """Open a file, Parquet, gzip or text by its first bytes, or standard input for ``-``."""
    if path != "-" and _is_parquet(path):
        from fasttrees.sharding._parquet import open_parquet

        with open_parquet(path, options) as table:
            yield table
    else:
        with open_text(path) as source:
            yield TextTable(source, options)


class TextTable:
    """CSV or TSV; the cells of all rows that are kept are read, so that what is no number is found now.

    Rows are passed through byte by byte where they can be: all columns are kept and commas stand between them. Else
    they are written again, with the shortest digits that read back to the same doubles.
    """

    counts_rows = False

    def __init__(self, source: TextInput, options: Options) -> None:
        self._source = source
        self._lines = Lines(source.read, BLOCK_SIZE)
        self.total: int | None = None
        line = self._lines.peek()
        self._columns = [0]
        self._delimiter = options.delimiter or choose_delimiter(line)
        self._rewrites = self._delimiter != ","
        if line:
            names = read_header(line, self._delimiter) if options.header else None
            n_cells = max(1, len(names)) if names is not None else _count_cells(line, self._delimiter)
            kept = choose_columns(options, names, n_cells)
            self._columns = [kept.index(n) if n in kept else -1 for n in range(n_cells)]
            self._rewrites |= kept != list(range(n_cells))
        if options.header:
            self._lines.skip()
        if source.size is not None and not source.is_packed:
            self.total = max(0, source.size - (len(line) if options.header else 0))

    @property
    def n_bytes(self) -> int:
        """Bytes of the file that are read."""
        return self._source.n_bytes

    @property
    def size(self) -> int | None:
        """Bytes of the file."""
        return self._source.size

    def blocks(self, n_threads: int) -> Generator[Block, None, None]:
        """Read all rows."""
        parser = RowParser(self._columns, self._delimiter)
        encode = self._encoder(parser)
        with closing(map_in_order(encode, self._lines.chunks(parser, MAX_ROWS), n_threads)) as blocks:
            yield from blocks

    def _encoder(self, parser: RowParser) -> Callable[[Chunk], Block]:
        def encode(chunk: Chunk) -> Block:
            try:
                table = parser.parse(chunk.data, chunk.first_row)
            except CsvError as error:
                if error.row > 1:
                    raise
                hint = f"{error.problem} (names need --header; --columns, --label-column leave out what is no number)"
                raise CsvError(hint, error.row, error.column, error.text) from error
            n_rows = table.shape[0]
            # A blank line, a missing value where a line has one cell, would be lost at the end of a request.
            if self._rewrites or (parser.n_cells == 1 and _has_blank_line(chunk.data)):
                data = format_rows(table, n_rows)
            else:
                data = bytes(chunk.data)
                if b"\r" in data:
                    data = LONE_CR.sub(b"\n", data)  # Batch Transform cuts at LF only
                if not data.endswith(b"\n"):
                    data += b"\n"
            return Block(data, n_rows, len(chunk.data))

        return encode


def _count_cells(line: bytes, delimiter: str) -> int:
    """Count the cells of a line of numbers: delimiters inside quotes are text."""
    end = delimiter.encode()
    blank = b" " if end == b"\t" else b"[ \t]"
    quoted = rb"(^|" + re.escape(end) + rb")" + blank + rb'*"(?:[^"]|"")*"'
    return re.sub(quoted, rb"\1", line).count(end) + 1


def _has_blank_line(data: memoryview) -> bool:
    return any(not line or line.isspace() for line in bytes(data).splitlines())


def _is_parquet(path: str) -> bool:
    with open(path, "rb") as file:
        return file.peek(len(PARQUET_MAGIC))[: len(PARQUET_MAGIC)] == PARQUET_MAGIC
