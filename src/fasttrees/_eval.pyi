"""Types of the compiled module; its other builds (_eval_avx2, _eval_avx512) have the same."""

from enum import IntFlag

from typing_extensions import Buffer

from fasttrees._forest import Forest
from fasttrees._objective import Objective
from fasttrees._rows import RowBuffer

class Output(IntFlag):
    SCORES = ...
    RAW_SCORES = ...
    LEAVES = ...

class Evaluator:
    forest: Forest
    objective: Objective
    average_output: bool
    def __init__(self, forest: Forest, objective: Objective, average_output: bool) -> None: ...
    @property
    def nbytes(self) -> int: ...
    def evaluate(
        self,
        rows: RowBuffer,
        out: Buffer,
        first_iteration: int,
        n_iterations: int,
        output: Output,
        start: int,
        stop: int,
    ) -> None: ...
