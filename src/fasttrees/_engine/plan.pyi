"""Types of the compiled module."""

from fasttrees._engine.forest import Forest
from fasttrees._modelfile.sections import Sections

class Plan:
    def __init__(self, forest: Forest, sections: Sections | None = None) -> None: ...
    @property
    def nbytes(self) -> int: ...
    def sections(self) -> dict[str, tuple[int, memoryview]]: ...
