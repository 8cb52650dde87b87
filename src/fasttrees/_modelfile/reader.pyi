"""Types of the compiled module."""

from typing import BinaryIO

from fasttrees._engine.forest import Forest
from fasttrees._engine.objective import Objective
from fasttrees._modelfile.header import ModelHeader

def read_model(data: bytes, size: int | None = None) -> tuple[Forest, Objective, ModelHeader]: ...
def read_model_file(file: BinaryIO) -> tuple[Forest, Objective, ModelHeader]: ...
