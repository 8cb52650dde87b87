"""Cut a file into the bodies of requests: mini-batches of whole records."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from fasttrees._sagemaker.batch_transform.errors import TransformError
from fasttrees._sagemaker.batch_transform.job import Job, Limits
from fasttrees._sagemaker.contract import MEGABYTE

__all__ = ["MiniBatch", "Records", "WholeFile", "open_input", "split"]

BLOCK_SIZE = MEGABYTE


class Records:
    """A mini-batch in memory.

    Attributes
    ----------
    data : memoryview
    first_line : int
        Its first line in the file, counted from 1.
    n_lines : int
    """

    def __init__(self, data: memoryview, first_line: int, n_lines: int) -> None:
        self.data = data
        self.first_line = first_line
        self.n_lines = n_lines

    def blocks(self) -> Iterator[bytes | memoryview]:
        """Return the body."""
        yield self.data

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open the body to be read by lines."""
        yield io.BytesIO(self.data)


class WholeFile:
    """A mini-batch of a whole file of any size, read each time it is sent; `n_lines` is right after that."""

    first_line = 1

    def __init__(self, path: str, packed: bool) -> None:
        self._path = path
        self._packed = packed
        self.n_lines = 0

    def blocks(self) -> Iterator[bytes | memoryview]:
        """Read the body."""
        n_ends, last = 0, b""
        with self.open() as file:
            while block := file.read(BLOCK_SIZE):
                n_ends += block.count(b"\n")
                last = block[-1:]
                yield block
        self.n_lines = n_ends + (last not in (b"", b"\n"))

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open the body to be read by lines."""
        try:
            with open_input(self._path, self._packed) as (file, _):
                yield file
        except OSError as error:  # so that nobody takes it for the connection's
            raise TransformError(error.strerror or str(error)) from error


MiniBatch = Records | WholeFile


@contextmanager
def open_input(path: str, packed: bool) -> Iterator[tuple[BinaryIO, Callable[[], int]]]:
    """Open a file.

    Yields
    ------
    file
        Its bytes, unpacked if it is `packed`.
    position : callable
        Tells how many bytes of the file are read.
    """
    with open(path, "rb") as raw:
        if not packed:
            yield raw, raw.tell
            return
        try:
            with gzip.GzipFile(fileobj=raw, mode="rb") as file:
                yield cast("BinaryIO", file), raw.tell
        except EOFError:
            raise TransformError("the gzip file is truncated") from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise TransformError(f"the gzip file is damaged: {error}") from error


def split(path: str, job: Job, limits: Limits) -> Iterator[tuple[MiniBatch, int]]:
    """Cut a file into mini-batches.

    Yields
    ------
    mini-batch
        An empty file has none.
    int
        How many bytes of the file are read.
    """
    with open_input(path, job.gzip) as (file, position):
        if not limits.max_payload and not (job.split_lines and limits.single_record):
            if file.read(1):
                yield WholeFile(path, job.gzip), position()
            return
        if not job.split_lines:
            batches = _one_batch(file, limits.max_payload)
        elif limits.single_record:
            batches = _single_records(file, limits.max_payload)
        else:
            batches = _many_records(file, limits.max_payload)
        for batch in batches:
            yield batch, position()


def _one_batch(file: BinaryIO, limit: int) -> Iterator[Records]:
    data = file.read(limit + 1)
    if len(data) > limit:
        raise TransformError(f"the file is larger than {_size(limit)}, the limit of a request")
    if data:
        yield Records(memoryview(data), 1, _count_lines(data, len(data)))


def _single_records(file: BinaryIO, limit: int) -> Iterator[Records]:
    n_lines = 0
    while line := file.readline(limit + 1 if limit else -1):
        if limit and len(line) > limit:
            raise _too_long(n_lines + 1, limit)
        n_lines += 1
        yield Records(memoryview(line), n_lines, 1)


def _many_records(file: BinaryIO, limit: int) -> Iterator[Records]:
    rest = b""
    first_line = 1
    while True:
        buffer = bytearray(limit + 1)  # one more byte, to see whether there is more
        buffer[: len(rest)] = rest
        view = memoryview(buffer)
        size = len(rest) + cast("io.BufferedReader", file).readinto(view[len(rest) :])
        cut = size if size <= limit else buffer.rfind(b"\n", 0, limit) + 1
        if not cut:
            if size:
                raise _too_long(first_line, limit)
            return
        n_lines = _count_lines(buffer, cut)
        yield Records(view[:cut], first_line, n_lines)
        if size <= limit:
            return
        rest = bytes(view[cut:size])
        first_line += n_lines


def _count_lines(data: bytes | bytearray, size: int) -> int:
    return data.count(b"\n", 0, size) + (data[size - 1] != ord("\n"))


def _too_long(line: int, limit: int) -> TransformError:
    return TransformError(f"line {line}: the record is larger than {_size(limit)}, the limit of a request")


def _size(n_bytes: int) -> str:
    return f"{n_bytes // MEGABYTE} MB" if n_bytes % MEGABYTE == 0 else f"{n_bytes} bytes"
