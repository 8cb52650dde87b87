"""The three steps: reference predictions, predictions of the same rows, and the comparison."""

from __future__ import annotations

import os
import tempfile
import time
from typing import Any

import numpy as np

import fasttrees
from fasttrees._runtime.progress import SILENT, Progress
from fasttrees.errors import InputError, ModelFormatError
from fasttrees.verification._causes import Causes
from fasttrees.verification._differences import DECADE_LABELS, ULP_LABELS, Differences
from fasttrees.verification._grid import Grid
from fasttrees.verification._result import Verification, WorstRow
from fasttrees.verification._rows import Array, RowFormat, read_numbers, read_rows
from fasttrees.verification._sample import Sample, Worst
from fasttrees.verification._targets import Column, ComputedColumn, ListedColumn, Target, answers, open_booster
from fasttrees.verification._trees import common_trees, compare_trees

__all__ = ["verify"]


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
    explain: bool = False,
    progress: Progress = SILENT,
) -> Verification:
    """Compare predictions with those of the training environment; memory does not grow with the number of rows.

    Parameters
    ----------
    model_path : str
        The model that is deployed.
    rows_path : str
        CSV, TSV, ``.npy`` or ``.parquet``.
    reference : str, optional
        File of reference predictions; default: LightGBM makes them here.
    reference_header : bool
        Whether that file begins with a line of names.
    reference_model : str, optional
        The training environment's own model, if it might differ: LightGBM predicts with it, and its trees are compared.
        Default: `model_path`.
    target : Target, optional
        What is verified; default: the library.
    form : RowFormat, optional
    raw_score : bool
        Compare raw scores. A server at a URL must be configured to return them.
    tolerance : float
        A number passes if ``|prediction - reference| <= tolerance``, if both are NaN, or if both are the same infinity.
    top : int
        How many of the rows that differ most are reported.
    explain : bool
        Look for causes too: rows moved, columns swapped, numbers rounded, a leaf changed.
    progress : Progress

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
        expected = ListedColumn(read_numbers(reference, n_columns, reference_header), n_columns)
        source = reference
    else:
        source = f"LightGBM, made here from {reference_model or model_path}"
        booster = open_booster(reference_model or model_path)
        theirs = theirs or booster
        expected = ComputedColumn(lambda cells: booster.predict(cells, raw_score=raw_score), n_columns)

    with tempfile.TemporaryDirectory(prefix="fasttrees-verify-") as folder:
        actual: Column
        if target.is_library:
            actual = ComputedColumn(lambda cells: model.predict(cells, raw_score=raw_score), n_columns)
        else:
            blocks = answers(target, model, model_path, rows_path, form, raw_score, folder, progress)
            actual = ListedColumn(blocks, n_columns)
        n_total = os.path.getsize(rows_path)
        comparison = Comparison(tolerance, top, explain)
        for cells, n_bytes in read_rows(rows_path, model, form, progress.say):
            comparison.add(cells, actual.take(cells), expected.take(cells))
            progress.advance("verify", n_bytes, n_total, "B", comparison.n_rows)
        for values in actual.rest():
            comparison.add_rest(values, values[:0])
        for values in expected.rest():
            comparison.add_rest(values[:0], values)

    differences = comparison.differences
    order = comparison.find_order()
    findings, worst = comparison.find_causes(model, theirs, raw_score, target.is_library, order)
    return Verification(
        model=model_path,
        rows_file=rows_path,
        reference=source,
        target=str(target),
        output="raw scores" if raw_score else "predictions",
        tolerance=tolerance,
        n_rows=comparison.n_rows,
        n_predictions=comparison.n_predictions,
        n_references=comparison.n_references,
        n_compared=differences.rows,
        n_same=differences.same_rows,
        n_failed=differences.failed_rows,
        n_values=differences.values,
        n_unlike=differences.unlike_values,
        max_absolute=differences.max_absolute,
        mean_absolute=differences.mean_absolute,
        max_relative=differences.max_relative,
        mean_relative=differences.mean_relative,
        ulps=dict(zip(ULP_LABELS, differences.ulps.tolist(), strict=True)),
        decades=dict(zip(DECADE_LABELS, differences.decades.tolist(), strict=True)),
        explained=explain,
        order=order,
        findings=findings,
        worst=worst,
        seconds=time.monotonic() - started,
        grid=comparison.grid,
    )


class Comparison:
    """Statistics, worst rows and, if causes are looked for, evidence, gathered block by block.

    Attributes
    ----------
    n_rows, n_predictions, n_references : int
        Rows of the file, and of both columns.
    differences : Differences
    grid : Grid
    """

    def __init__(self, tolerance: float, top: int, explain: bool) -> None:
        self.n_rows = self.n_predictions = self.n_references = 0
        self.differences = Differences(tolerance)
        self.grid = Grid()
        self._worst = Worst(top)
        self._causes = Causes(tolerance) if explain else None

    def add(self, cells: Array, predictions: Array, references: Array) -> None:
        """Compare a block; a column that has ended has fewer rows than `cells`."""
        first, n = self.n_rows, min(len(predictions), len(references))
        self.n_rows += len(cells)
        self.n_predictions += len(predictions)
        self.n_references += len(references)
        a, b = predictions[:n], references[:n]
        verdicts = self.differences.add(a, b)
        self.grid.add(b.reshape(-1), a.reshape(-1))
        block = Sample(np.arange(first, first + n), cells[:n], a, b, verdicts.severity)
        self._worst.add(block, verdicts.same)
        if self._causes is not None:
            self._causes.add(predictions, references, block, verdicts)

    def add_rest(self, predictions: Array, references: Array) -> None:
        """Count what a column has after the last row of the file; the other is empty."""
        self.n_predictions += len(predictions)
        self.n_references += len(references)
        if self._causes is not None:
            self._causes.add_rest(predictions, references)

    def find_order(self) -> str | None:
        """Describe what happened to the order of the rows, if causes are looked for and anything did."""
        return None if self._causes is None else self._causes.find_order(self.n_rows)

    def find_causes(
        self, model: fasttrees.Model, theirs: Any, raw_score: bool, is_library: bool, order: str | None
    ) -> tuple[list[str], list[WorstRow]]:
        """Look into the rows that differ; `theirs` is the reference's model, None if there is only a file."""
        worst = self._worst.rows
        trees = compare_trees(worst.cells, model, theirs) if worst is not None and theirs is not None else None
        common = common_trees(trees) if trees is not None else None
        if self._causes is not None:
            findings = self._causes.find(model, raw_score, common, order is None)
        else:
            findings = [common] if common is not None else []
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


def _load_theirs(model: fasttrees.Model, path: str | None) -> fasttrees.Model | None:
    """Load the reference's model, which must have the same features and number of outputs."""
    if path is None:
        return None
    try:
        theirs = fasttrees.load(path)
    except ModelFormatError as error:
        raise InputError(f"{path}: {error}") from error
    shapes = [(item.num_feature(), item.num_model_per_iteration()) for item in (model, theirs)]
    if shapes[0] != shapes[1]:
        raise InputError(
            f"{path}: expected a model of {shapes[0][0]} features and {shapes[0][1]} trees an iteration, as the other, "
            f"got {shapes[1][0]} and {shapes[1][1]}"
        )
    return theirs
