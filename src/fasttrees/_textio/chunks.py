"""Text for the command line: a file or standard input, plain or gzip, cut into chunks of whole lines."""

from __future__ import annotations

import codecs
import gzip
import os
import stat
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from typing import BinaryIO, NamedTuple, cast

from fasttrees._textio.csv import RowParser
from fasttrees._textio.dialect import first_line_size
from fasttrees.errors import CsvError, InputError

__all__ = ["Chunk", "Lines", "TextInput", "open_text"]

MAX_LINE = 64 << 20  # bytes; a file without line ends must not fill the memory
GZIP_MAGIC = b"\x1f\x8b"


@contextmanager
def open_text(path: str) -> Iterator[TextInput]:
    """Open a file, or standard input for ``-``."""
    if path != "-":
        with open(path, "rb") as file:
            yield TextInput(file)
    elif sys.stdin is None:
        raise InputError("standard input is closed")
    else:
        yield TextInput(cast("BufferedReader", sys.stdin.buffer))


class TextInput:
    """Bytes of an open file, unpacked if they are gzip.

    Attributes
    ----------
    n_bytes : int
        Bytes read from the file so far.
    size : int or None
        Bytes of the file; None if unknown, as for a pipe.
    """

    def __init__(self, file: BufferedReader) -> None:
        self._file = file
        self._start = file.read(len(GZIP_MAGIC))
        packed = cast("BinaryIO", _Packed(self._take))
        self._gzip = gzip.GzipFile(fileobj=packed, mode="rb") if self._start == GZIP_MAGIC else None
        self.n_bytes = 0
        status = os.fstat(file.fileno())
        self.size = status.st_size if stat.S_ISREG(status.st_mode) else None

    @property
    def is_packed(self) -> bool:
        """Whether the bytes are gzip."""
        return self._gzip is not None

    def read(self, size: int) -> bytes:
        """Read up to `size` bytes of text; none at the end."""
        if self._gzip is None:
            blocks = []
            while size > 0 and (block := self._take(size)):
                blocks.append(block)
                size -= len(block)
            return b"".join(blocks)
        try:
            return self._gzip.read(size)
        except EOFError:
            raise InputError("the gzip input is truncated") from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise InputError(f"the gzip input is damaged: {error}") from error

    def _take(self, size: int) -> bytes:
        # read1, because Python handles Ctrl-C only after read has all of its bytes from a pipe.
        data, self._start = self._start or self._file.read1(size), b""
        self.n_bytes += len(data)
        return data


class _Packed:
    """The only method of a file that GzipFile calls."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self.read = read


class Chunk(NamedTuple):
    """Whole lines of the input."""

    data: memoryview
    first_row: int


class Lines:
    """Cuts a stream of bytes into chunks of whole lines.

    Parameters
    ----------
    read : callable
        Returns up to the requested number of bytes, none at the end.
    block_size : int
        How many bytes to ask for at once.
    """

    def __init__(self, read: Callable[[int], bytes], block_size: int) -> None:
        self._read = read
        self._block_size = block_size
        self._rest = memoryview(b"")  # read, but not given out
        self._row = 1
        self._ended = False

    def peek(self) -> bytes:
        """Return the first line with its line end, without a byte order mark; empty if there is none."""
        while not self._ended and self._first_line_size() >= len(self._rest):  # a CR at the very end may be of a CRLF
            self._fill()
        if self._row == 1 and bytes(self._rest[: len(codecs.BOM_UTF8)]) == codecs.BOM_UTF8:
            self._rest = self._rest[len(codecs.BOM_UTF8) :]
        return bytes(self._rest[: self._first_line_size()])

    def skip(self) -> None:
        """Step over the first line."""
        self._rest = self._rest[len(self.peek()) :]
        self._row += 1

    def chunks(self, parser: RowParser, max_rows: int) -> Iterator[Chunk]:
        """Yield all lines, about `max_rows` at once at most."""
        while True:
            size, n_rows = parser.measure(self._rest, max_rows, self._ended)
            if size:
                yield Chunk(self._rest[:size], self._row)
                self._rest = self._rest[size:]
                self._row += n_rows
            elif self._ended:
                return
            else:
                self._fill()

    def _first_line_size(self) -> int:
        data = self._rest.obj
        assert isinstance(data, bytes)
        return first_line_size(data, len(data) - len(self._rest))

    def _fill(self) -> None:
        if len(self._rest) > MAX_LINE:
            start = bytes(self._rest[:60]).decode("utf-8", "backslashreplace") + "..."
            raise CsvError(f"line, or blank lines, of more than {MAX_LINE >> 20} MB", self._row, None, start)
        block = self._read(self._block_size)
        self._ended = not block
        self._rest = memoryview(b"".join((self._rest, block)))
