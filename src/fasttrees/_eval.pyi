"""Types of the compiled module; its other builds (_eval_avx2, _eval_avx512) have the same."""

from collections.abc import Callable
from typing import Any

from typing_extensions import Buffer

from fasttrees._engine.forest import Forest
from fasttrees._engine.objective import Objective
from fasttrees._engine.rows import RowBuffer
from fasttrees._modelfile.sections import Sections

class Evaluator:
    forest: Forest
    objective: Objective
    average_output: bool
    def __init__(
        self,
        forest: Forest,
        objective: Objective,
        average_output: bool,
        keeps_near_zero: bool = False,
        sections: Sections | None = None,
    ) -> None: ...
    @property
    def nbytes(self) -> int: ...
    def iterations(self, start_iteration: int, num_iteration: int | None) -> tuple[int, int]: ...
    def score_few(
        self,
        data: Any,
        empty: Callable[[Any], Any],
        start_iteration: int,
        num_iteration: int | None,
        raw_score: bool,
    ) -> Any: ...
    def evaluate(
        self,
        rows: RowBuffer,
        out: Buffer,
        first_iteration: int,
        n_iterations: int,
        raw_score: bool,
        pred_leaf: bool,
        start: int,
        stop: int,
        test_iterations: int = 0,
        margin: float = 0.0,
    ) -> None: ...

class RowScorer:
    def __init__(
        self, evaluator: Evaluator, start_iteration: int, num_iteration: int | None, raw_score: bool
    ) -> None: ...
    def score(self, row: Any) -> float | tuple[float, ...]: ...
