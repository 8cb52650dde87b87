"""Blocks of rows become files of about the same size."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from fasttrees.sharding._table import Block, Table

__all__ = ["Written", "find_ends", "write_parts"]

Ends = Callable[[Block], Iterator[int]]


class Written(NamedTuple):
    """A file that is whole.

    Attributes
    ----------
    path : Path
    number : int
        From 0.
    first_row : int
        From 1.
    n_rows : int
    """

    path: Path
    number: int
    first_row: int
    n_rows: int


def find_ends(table: Table, target_size: int) -> Ends:
    """Choose how ends of parts are found: evenly if it is known how much there is, else where a part is full."""
    if table.total is None:
        return FullParts(target_size)
    return EvenParts(table.total, target_size, table.counts_rows)


class EvenParts:
    """Parts that each take the same of the table, but for the rest of a row.

    How many there are is settled by the first block: by how many bytes come of what it took.

    Parameters
    ----------
    total : int
        What there is, in the unit of the blocks' spans.
    target_size : int
        Most bytes of a part, but for the rest of a row.
    counts_rows : bool
        Whether the unit is rows.
    """

    def __init__(self, total: int, target_size: int, counts_rows: bool) -> None:
        self._total = total
        self._target_size = target_size
        self._counts_rows = counts_rows
        self._n_parts = 0
        self._n_ends = 1
        self._position = 0

    def __call__(self, block: Block) -> Iterator[int]:
        """Find the places in a block's data where parts end, equal ones where a row is longer than a part.

        Each block must come, in order.
        """
        if not self._n_parts:
            size = self._total * len(block.data) / block.span
            self._n_parts = max(1, math.ceil(size / self._target_size))
        begin = self._position
        self._position += block.span
        while self._n_ends < self._n_parts:
            end = self._total * self._n_ends // self._n_parts
            if end > self._position:
                break
            self._n_ends += 1
            yield self._row_end(block, end - begin)

    def _row_end(self, block: Block, distance: int) -> int:
        """Find the first end of a row that is not before this distance."""
        data = block.data
        if not self._counts_rows:
            return data.find(b"\n", max(1, -(-distance * len(data) // block.span)) - 1) + 1
        place = 0
        for _ in range(distance):
            place = data.find(b"\n", place) + 1
        return place


class FullParts:
    """Parts that end with the row that fills them; the last has what is left."""

    def __init__(self, target_size: int) -> None:
        self._target_size = target_size
        self._size = 0  # bytes of the part so far

    def __call__(self, block: Block) -> Iterator[int]:
        """Find the places in a block's data where parts end; each block must come, in order."""
        begin, data = 0, block.data
        while begin + self._target_size - self._size <= len(data):
            begin = data.find(b"\n", begin + self._target_size - self._size - 1) + 1
            self._size = 0
            yield begin
        self._size += len(data) - begin


def write_parts(blocks: Iterable[Block], find: Ends, folder: Path) -> Generator[Written, None, None]:
    """Write parts into files of a folder, one after the other, and hand each over when it is whole."""
    number, first_row, n_rows = 0, 1, 0
    file = None
    try:
        for block in blocks:
            begin = 0
            ends = list(find(block))
            for end in [*ends, len(block.data)]:
                if end > begin:
                    file = file or open(folder / f"{number:05}", "xb")  # noqa: SIM115  (closed when it is whole)
                    file.write(memoryview(block.data)[begin:end])
                    n_rows += block.data.count(b"\n", begin, end)
                    begin = end
                if file and end in ends:
                    file.close()
                    yield Written(folder / f"{number:05}", number, first_row, n_rows)
                    number, first_row, n_rows, file = number + 1, first_row + n_rows, 0, None
        if file:
            file.close()
            yield Written(folder / f"{number:05}", number, first_row, n_rows)
    finally:
        if file:
            file.close()
