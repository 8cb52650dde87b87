"""Types of the compiled module."""

from typing import Any, BinaryIO

from fasttrees._engine.forest import Forest
from fasttrees._engine.objective import Objective

def read_model(data: bytes, size: int | None = None) -> tuple[Forest, Objective, dict[str, Any]]: ...
def read_model_file(file: BinaryIO) -> tuple[Forest, Objective, dict[str, Any]]: ...
