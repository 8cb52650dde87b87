"""Types of the compiled module."""

from typing import Any

from fasttrees._engine.rows import RowBuffer

class ArrowRows(RowBuffer):
    def __init__(self, stream: Any, array: tuple[Any, Any] | None = None, n_columns: int = -1) -> None: ...
