"""Types of the compiled module."""

from typing_extensions import Buffer

class RowBuffer:
    def __init__(self, data: Buffer) -> None: ...
    @property
    def n_rows(self) -> int: ...
    @property
    def n_columns(self) -> int: ...
