"""Types of the compiled module."""

from collections.abc import Iterable
from typing import final

from typing_extensions import Buffer

from fasttrees.errors import CsvError

@final
class Table(Buffer):
    @property
    def shape(self) -> tuple[int, int]: ...

@final
class RowParser:
    def __init__(self, columns: Iterable[int], delimiter: str = ",") -> None: ...
    @property
    def n_cells(self) -> int: ...
    def measure(self, data: Buffer, max_rows: int, last: bool) -> tuple[int, int]: ...
    def parse(
        self, data: Buffer, first_row: int = 1, errors: list[CsvError] | None = None, n_lines: int = -1
    ) -> Table: ...
