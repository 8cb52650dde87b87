"""Types of the compiled module."""

from collections.abc import Set

from typing_extensions import Buffer

class RowBuffer:
    def __init__(self, data: Buffer, keeps_near_zero: bool = False) -> None: ...
    @property
    def n_rows(self) -> int: ...
    @property
    def n_columns(self) -> int: ...

class ColumnRows(RowBuffer):
    def __init__(self, columns: list[Buffer | None], n_rows: int, codes: Set[int] = ...) -> None: ...
