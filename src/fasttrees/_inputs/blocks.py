"""Rows that do not lie in memory as a table: they are laid out block by block, in each thread's own memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from fasttrees._engine.rows import RowBuffer
from fasttrees._runtime.threads import run_in_threads

__all__ = ["BlockRows", "run_blocks"]


class BlockRows(NamedTuple):
    """Rows that come in blocks.

    Attributes
    ----------
    n_rows, n_columns : int
    block_rows : int
        Most rows to ask for at once.
    open : callable
        Called once by each thread; returns a function that takes the first row and the one behind the last of a block
        and returns the block, valid until the next call.
    """

    n_rows: int
    n_columns: int
    block_rows: int
    open: Callable[[], Callable[[int, int], RowBuffer]]


def run_blocks(
    rows: BlockRows, out: memoryview, work: Callable[[RowBuffer, memoryview], object], n_threads: int | None
) -> None:
    """Call ``work(block, part)`` for all blocks, `part` being the block's rows of `out`, in threads where that pays.

    Parameters
    ----------
    rows : BlockRows
    out : memoryview
        C-contiguous, of `rows.n_rows` rows; parts have its format and one dimension.
    work : callable
    n_threads : int or None
    """
    if not rows.n_rows or not out.nbytes:
        return
    form: Any = out.format
    row_bytes = out.nbytes // rows.n_rows
    flat = out.cast("B")

    def work_on_range(start: int, stop: int) -> None:
        read = rows.open()
        for first in range(start, stop, rows.block_rows):
            last = min(first + rows.block_rows, stop)
            work(read(first, last), flat[first * row_bytes : last * row_bytes].cast(form))

    run_in_threads(work_on_range, rows.n_rows, n_threads)
