"""The three steps: reference predictions, predictions of the same rows, and the comparison."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import fasttrees
from fasttrees.errors import InputError, ModelFormatError
from fasttrees.verification._differences import DECADE_LABELS, ULP_LABELS, Differences, within
from fasttrees.verification._grid import Grid
from fasttrees.verification._hints import Float32, explain
from fasttrees.verification._kept import Kept, Worst, first_rows
from fasttrees.verification._order import Order
from fasttrees.verification._result import Verification, WorstRow
from fasttrees.verification._rows import Array, RowFormat, read_numbers, read_rows
from fasttrees.verification._targets import Column, Computed, Listed, Target, answers, open_booster
from fasttrees.verification._trees import candidates, common_trees, compare_trees

__all__ = ["verify"]

SAMPLE = 256  # rows that differ, to try guesses on
SAMPLE_OF_EQUAL = 1024
NONE = np.empty(0, np.bool_)


def verify(
    model_path: str,
    rows_path: str,
    *,
    reference: str | None = None,
    reference_header: bool = False,
    reference_model: str | None = None,
    target: Target | None = None,
    form: RowFormat | None = None,
    raw_score: bool = False,
    tolerance: float = 1e-5,
    top: int = 10,
    report: Callable[[int, int], None] = lambda n_bytes, n_rows: None,
    note: Callable[[str], None] = lambda text: None,
) -> Verification:
    """Compare predictions with those of the training environment; memory does not grow with the number of rows.

    Parameters
    ----------
    model_path : str
        The model that is in use.
    rows_path : str
        CSV, TSV, ``.npy`` or ``.parquet``.
    reference : str, optional
        File of reference predictions; default: LightGBM makes them here.
    reference_header : bool
        Whether that file begins with a line of names.
    reference_model : str, optional
        The training environment's own model, where it might be another: LightGBM predicts with it, and its trees are
        compared. Default: `model_path`.
    target : Target, optional
        What is verified; default: the library.
    form : RowFormat, optional
    raw_score : bool
        Compare raw scores. A server at a URL must be set to give them.
    tolerance : float
        A number passes if ``|prediction - reference| <= tolerance``, if both are NaN, or if both are the same infinity.
    top : int
        How many of the rows that differ most are shown.
    report : callable
        Told the number of bytes of the rows and of rows so far.
    note : callable
        Told what the user should know.

    Returns
    -------
    Verification

    Raises
    ------
    OSError, FastTreesError
        If something cannot be read, no reference can be made, or the server fails.
    """
    started = time.monotonic()
    target, form = target or Target(), form or RowFormat()
    model = fasttrees.load(model_path)
    theirs: Any = _load_theirs(model, reference_model)
    n_columns = model.num_outputs()
    expected: Column
    if reference is not None:
        expected = Listed(read_numbers(reference, n_columns, reference_header), n_columns)
        source = reference
    else:
        source = f"LightGBM, made here from {reference_model or model_path}"
        booster = open_booster(reference_model or model_path)
        theirs = theirs or booster
        expected = Computed(lambda cells: booster.predict(cells, raw_score=raw_score), n_columns)

    with tempfile.TemporaryDirectory(prefix="fasttrees-verify-") as folder:
        actual: Column
        if target.is_library:
            actual = Computed(lambda cells: model.predict(cells, raw_score=raw_score), n_columns)
        else:
            blocks = answers(target, model, model_path, rows_path, form, raw_score, folder, report, note)
            actual = Listed(blocks, n_columns)
        comparison = Comparison(tolerance, top)
        for cells, n_bytes in read_rows(rows_path, model, form, note):
            comparison.add(cells, actual.take(cells), expected.take(cells))
            report(n_bytes, comparison.n_rows)
        for values in actual.rest():
            comparison.order.add(values, values[:0], NONE)
        for values in expected.rest():
            comparison.order.add(values[:0], values, NONE)

    found = comparison.differences
    order = comparison.explain_order()
    findings, worst = comparison.explain(model, theirs, raw_score, target.is_library, order is not None)
    return Verification(
        model=model_path,
        rows_file=rows_path,
        reference=source,
        target=str(target),
        output="raw scores" if raw_score else "predictions",
        tolerance=tolerance,
        n_rows=comparison.n_rows,
        n_predictions=comparison.order.n_predictions,
        n_references=comparison.order.n_references,
        n_compared=found.rows,
        n_same=found.same_rows,
        n_failed=found.failed_rows,
        n_values=found.values,
        n_unlike=found.unlike_values,
        max_absolute=found.max_absolute,
        mean_absolute=found.mean_absolute,
        max_relative=found.max_relative,
        mean_relative=found.mean_relative,
        ulps=dict(zip(ULP_LABELS, found.ulps.tolist(), strict=True)),
        decades=dict(zip(DECADE_LABELS, found.decades.tolist(), strict=True)),
        order=order,
        findings=findings,
        worst=worst,
        seconds=time.monotonic() - started,
        grid=comparison.grid,
    )


class Comparison:
    """Everything that is kept of two columns while they pass by.

    Attributes
    ----------
    n_rows : int
    differences : Differences
    order : Order
    grid : Grid
    """

    def __init__(self, tolerance: float, top: int) -> None:
        self.n_rows = 0
        self.differences = Differences(tolerance)
        self.order = Order()
        self.grid = Grid()
        self._tolerance = tolerance
        self._worst = Worst(top)
        self._differing: Kept | None = None
        self._equal: Kept | None = None
        self._narrow = Float32(), Float32()

    def add(self, cells: Array, predictions: Array, references: Array) -> None:
        """Compare a block; a column that has ended has fewer rows than `cells`."""
        first, n = self.n_rows, min(len(predictions), len(references))
        self.n_rows += len(cells)
        for narrow, values in zip(self._narrow, (predictions, references), strict=True):
            narrow.add(values)
        a, b = predictions[:n], references[:n]
        judged = self.differences.add(a, b)
        self.order.add(predictions, references, ~judged.passed)
        self.grid.add(b.reshape(-1), a.reshape(-1))
        block = Kept(np.arange(first, first + n), cells[:n], a, b, judged.severity)
        self._worst.add(block, judged.same)
        self._differing = first_rows(self._differing, block, ~judged.same, SAMPLE)
        self._equal = first_rows(self._equal, block, judged.same, SAMPLE_OF_EQUAL)

    def explain_order(self) -> str | None:
        """Say what has happened to the rows, if anything has."""
        return self.order.explain(self.n_rows, lambda a, b: within(a, b, self._tolerance))

    def explain(
        self, model: fasttrees.Model, theirs: Any, raw_score: bool, is_library: bool, shifted: bool
    ) -> tuple[list[str], list[WorstRow]]:
        """Look into the rows that differ; `theirs` is the reference's model, None where it is not at hand."""
        worst = self._worst.rows
        trees = compare_trees(worst.cells, model, theirs) if worst is not None and theirs is not None else None
        findings = self._find_narrow()
        if self._differing is not None and len(self._differing) and not shifted:
            findings += explain(model, self._differing, raw_score, (self._narrow[0].all, self._narrow[1].all))
            common = common_trees(trees) if trees is not None else None
            if common is None and not findings:
                common = candidates(model, self._differing, self._equal, raw_score)
            findings += [common] if common is not None else []
        iterations = model.current_iteration(), theirs.current_iteration() if theirs is not None else None
        if iterations[1] not in (None, iterations[0]):
            findings.append(f"The model has {iterations[0]:,} iterations, the reference's model {iterations[1]:,}.")
        if worst is None:
            return findings, []
        library = None if is_library else model.predict(worst.cells, raw_score=raw_score).reshape(len(worst), -1)
        names = model.feature_name()
        numerical, categorical = model.features_used()
        used = sorted(numerical | categorical)
        return findings, [
            WorstRow(
                row=int(worst.numbers[i]) + 1,
                prediction=worst.predictions[i].tolist(),
                reference=worst.references[i].tolist(),
                difference=float(worst.severity[i]),
                library=None if library is None else library[i].tolist(),
                cells={names[column]: float(worst.cells[i, column]) for column in used},
                trees=None if trees is None else trees[i],
            )
            for i in range(len(worst))
        ]

    def _find_narrow(self) -> list[str]:
        narrow = [side.all for side in self._narrow]
        if not self.differences.rows or narrow[0] == narrow[1]:
            return []
        side, other, verb = ("reference", "predictions", "is") if narrow[1] else ("predictions", "reference", "are")
        return [
            f"All numbers of the {side} are float32 values, those of the {other} are not: the {side} {verb} rounded to "
            "float32 somewhere."
        ]


def _load_theirs(model: fasttrees.Model, path: str | None) -> fasttrees.Model | None:
    """Load the reference's model, which must take the same rows and give as many numbers."""
    if path is None:
        return None
    try:
        theirs = fasttrees.load(path)
    except ModelFormatError as error:
        raise InputError(f"{path}: {error}") from error
    facts = [(item.num_feature(), item.num_model_per_iteration()) for item in (model, theirs)]
    if facts[0] != facts[1]:
        raise InputError(
            f"{path}: expected a model of {facts[0][0]} features and {facts[0][1]} trees an iteration, as the other, "
            f"got {facts[1][0]} and {facts[1][1]}"
        )
    return theirs
