"""Types of the compiled module."""

from collections.abc import Iterable
from typing import final

from typing_extensions import Buffer

DELIMITERS: tuple[str, ...]

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
    def parse(self, data: Buffer, first_row: int = 1) -> Table: ...

def apply_threshold(probabilities: Buffer, threshold: float) -> None: ...
def format_rows(values: Buffer, n_rows: int, delimiter: str = ",") -> bytes: ...
