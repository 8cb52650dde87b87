"""Types of the compiled module."""

from typing import Any

from fasttrees._forest import Forest
from fasttrees._objective import Objective

def read_model(data: bytes) -> tuple[Forest, Objective, dict[str, Any]]: ...
