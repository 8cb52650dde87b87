"""The first reading: what the cells of each column are, found from all of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fasttrees._runtime.progress import Progress
from fasttrees.pipeline.errors import ConfigError
from fasttrees.pipeline.preparation.cells import FORMS, Kind, fits, to_numbers, to_text
from fasttrees.pipeline.preparation.raw_table import Block, RawTable

__all__ = ["ColumnKind", "find_kinds"]

EXACT = 2.0**53  # from here on not every integer is a double


@dataclass
class ColumnKind:
    """What the cells of a column so far allow it to be.

    Attributes
    ----------
    possible : list of Kind
        What all cells so far may be.
    n_missing : int
    first_missing : str
        Where; empty if none is.
    n_values : int
        Cells that are not missing.
    exception : str
        The cell that made a column of numbers text, and where it is; empty if there is none.
    rounded : str
        The first integer that no double may hold, and where it is; empty if there is none.
    """

    possible: list[Kind] = field(default_factory=lambda: list(FORMS))
    n_missing: int = 0
    first_missing: str = ""
    n_values: int = 0
    exception: str = ""
    rounded: str = ""

    @property
    def kind(self) -> Kind:
        """What the column is; a column without a value counts as numbers."""
        return self.possible[0] if self.possible else "text"

    def add(self, array: Any, block: Block) -> None:
        """Update the kind with the column's cells of a block."""
        if array.null_count:
            if not self.n_missing:
                self.first_missing = block.place(pc.index(array.is_null(), True).as_py())
            self.n_missing += array.null_count
        was_number = self.kind == "number"
        self.possible = [kind for kind in self.possible if fits(array, kind)]
        if was_number and self.kind == "text":
            row = _first_misfit(array)
            if self.n_values or row > 0:
                self.exception = f"{str(array[row])[:40]!r} in {block.place(row)}"
        if self.kind == "number" and not self.rounded:
            self._find_rounded(array, block)
        self.n_values += len(array) - array.null_count

    def _find_rounded(self, array: Any, block: Block) -> None:
        if pa.types.is_floating(array.type):
            return
        large = np.flatnonzero(np.abs(to_numbers(array, "number")) >= EXACT)
        if not len(large):
            return
        texts = to_text(array.take(large))
        for i in np.flatnonzero(pc.match_substring_regex(texts, r"^[+-]?[0-9]+$")).tolist():
            text = texts[i].as_py()
            if len(text) > 310 or int(text) != float(text):  # 310 digits are beyond any double
                self.rounded = f"{text[:40]} in {block.place(int(large[i]))}"
                return


def _first_misfit(array: Any) -> int:
    """Find the first cell that is no number, of some that are not all numbers."""
    start, stop = 0, len(array)
    while stop - start > 1:
        middle = (start + stop) // 2
        if fits(array[start:middle], "number"):
            start = middle
        else:
            stop = middle
    return start


def find_kinds(table: RawTable, progress: Progress) -> tuple[int, dict[str, ColumnKind]]:
    """Read the table once.

    Returns
    -------
    n_rows : int
    columns : dict of str to ColumnKind

    Raises
    ------
    ConfigError
        If there are no rows.
    PipelineError
        If a file cannot be read.
    """
    columns = {name: ColumnKind() for name in table.columns}
    n_rows = 0
    for block in table.blocks(table.columns, "reading kinds of columns", progress):
        n_rows += block.n_rows
        for name, found in columns.items():
            found.add(block.columns[name], block)
    if not n_rows:
        raise ConfigError(f"{table.files[0]}: expected rows below the header, got none")
    return n_rows, columns
