"""Types of the compiled module."""

class Objective:
    text: str | None
    name: str | None
    n_classes: int
    sigmoid: float
    @property
    def stops_early(self) -> bool: ...
    def __init__(self, text: str | None, n_classes: int) -> None: ...

def legacy_float(text: str) -> float: ...
