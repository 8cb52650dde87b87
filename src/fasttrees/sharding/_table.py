"""What a table is to ``shard``: blocks of rows, of columns that the user chooses."""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple, Protocol

from fasttrees._textio.dialect import find_column
from fasttrees.errors import InputError
from fasttrees.sharding._manifest import Options

__all__ = ["Block", "Table", "choose_columns"]


class Block(NamedTuple):
    """Some rows.

    Attributes
    ----------
    data : bytes
        Headerless CSV; each row ends with LF.
    n_rows : int
    span : int
        How much of the table the rows took, in the unit of ``Table.total``.
    """

    data: bytes
    n_rows: int
    span: int


class Table(Protocol):
    """An open table.

    Attributes
    ----------
    total : int or None
        How much there is to read: bytes of text, or rows; None if unknown.
    counts_rows : bool
        Whether `total` and spans are rows.
    n_bytes : int
        How many bytes of the file are read so far, for progress.
    size : int or None
        How many it has.
    """

    counts_rows: bool

    @property
    def total(self) -> int | None: ...

    @property
    def n_bytes(self) -> int: ...

    @property
    def size(self) -> int | None: ...

    def blocks(self, n_threads: int) -> Generator[Block, None, None]:
        """Read all rows, once."""


def choose_columns(options: Options, names: list[str] | None, n_columns: int) -> list[int]:
    """Find the columns to keep, in the order wanted.

    Parameters
    ----------
    options : Options
    names : list of str or None
        Names of the columns, if there are any.
    n_columns : int

    Raises
    ------
    InputError
        If there is no such column, if one is named twice, or if none is left.
    """
    label = None
    if options.label_column is not None:
        label = find_column(options.label_column, names, n_columns, "--label-column")
    kept = [find_column(column, names, n_columns, "--columns") for column in options.columns]
    kept = kept or [n for n in range(n_columns) if n != label]
    for n in kept:
        if kept.count(n) > 1:
            raise InputError(f"--columns: expected each column once, got column {n} again")
        if n == label:
            raise InputError(f"--columns: column {n} is the label column, which is left out")
    if not kept:
        raise InputError("--label-column: expected more columns than the label, got no other")
    return kept
