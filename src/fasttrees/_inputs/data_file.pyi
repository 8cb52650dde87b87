"""Types of the compiled module."""

from collections.abc import Iterable
from typing import Any

class TextLines:
    data: bytes
    n_rows: int
    block_rows: int
    def __init__(self, data: bytes, start: int, block_rows: int) -> None: ...

class BlockParser:
    def __init__(self, lines: TextLines, block: Any, column_axis: int) -> None: ...

class DelimitedParser(BlockParser):
    def __init__(self, lines: TextLines, block: Any, targets: Iterable[int], delimiter: str, precise: bool) -> None: ...
    def fill(self, first: int, last: int) -> bool: ...

class LibsvmParser(BlockParser):
    def __init__(self, lines: TextLines, block: Any, has_label: bool, leaves_out: bool) -> None: ...
    def fill(self, first: int, last: int) -> bool: ...
