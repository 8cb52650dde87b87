"""Types of the compiled module."""

from typing import Any

class CompressedMatrix:
    by_rows: bool
    is_sorted: bool
    repeats: bool
    n_lines: int
    width: int
    def __init__(self, starts: Any, indices: Any, values: Any, width: int, by_rows: bool) -> None: ...

class BlockFiller:
    def __init__(self, matrix: CompressedMatrix, block: Any) -> None: ...
    def fill(self, first: int, last: int) -> bool: ...
