"""Compare the answers of a Batch Transform with the truth: metrics, and a page that shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fasttrees._reports import metrics, plots
from fasttrees._reports.page import Page
from fasttrees._runtime.atomic_file import replacing
from fasttrees.errors import InputError
from fasttrees.pipeline._answers import join_answers
from fasttrees.pipeline.errors import PipelineError

__all__ = ["score_transform"]

Array = NDArray[np.float64]
MAX_CLASSES_DRAWN = 100


def score_transform(
    labelled: Sequence[Path],
    answers: Sequence[Path],
    objective: str,
    class_names: Sequence[str],
    entries: Mapping[str, str],
    folder: Path,
) -> tuple[dict[str, float], Path, Path]:
    """Join the answers of a Batch Transform with the truth, score them and write a report.

    Memory grows with the rows' targets and predictions alone: 8 bytes for each, and some times that while metrics are
    computed.

    Parameters
    ----------
    labelled : sequence of Path
        The test: headerless CSV, target first.
    answers : sequence of Path
        For each of `labelled` the ``.out`` file of its features: CSV of numbers (of our image and XGBoost's), or JSON
        lines with ``score`` (of the linear learner). Answers 0 and 1 of a binary model are classes
        (``PREDICTION_THRESHOLD``), and so is a single column of a multiclass one: they get the metrics of classes.
    objective : str
        Of the model, such as ``binary sigmoid:1``, whole (:func:`fasttrees._reports.metrics.with_parameters`); of one
        that is not known there are no metrics, and the page says so.
    class_names : sequence of str
        Of a target of classes; what has no name is shown by its number.
    entries : mapping of str to str
        What the page shows of the model, the job, its time and its costs.
    folder : Path
        Where ``report.html`` and ``joined.csv`` are written; made if it is missing.

    Returns
    -------
    metrics : dict of str to float
    report : Path
    joined : Path
        CSV with a header: target and prediction, or predictions.

    Raises
    ------
    PipelineError
        With the file and the row that cannot be scored, what was expected, and what was got.
    """
    folder.mkdir(parents=True, exist_ok=True)
    joined, report = folder / "joined.csv", folder / "report.html"
    with replacing(joined) as file:
        truth, prediction = join_answers(labelled, answers, file)
    if prediction.shape[1] == 1:
        prediction = prediction[:, 0]
    page = Page("Transform report", "The answers of a Batch Transform beside the truth of the test's rows")
    try:
        kind = metrics.kind_of(objective)
    except InputError:
        page.add_verdict(
            False, f"No metrics: the objective {objective!r} is not known. The answers are in {joined.name}."
        )
        result: dict[str, float] = {}
        kind = "unknown"
    else:
        try:
            result = metrics.score(objective, truth, prediction)
        except InputError as error:
            raise PipelineError(f"{joined}: {error}; rows are counted after the header") from error
    named = {metrics.TITLES[name]: value for name, value in result.items()}
    page.add_values({"rows": len(truth), **dict(list(named.items())[:4])})
    if result:
        page.add_section("Metrics")
        page.add_table(["metric", "value"], list(named.items()))
        for note in metrics.notes(objective, truth):
            page.add_text(note)
    _add_plots(page, kind, truth, prediction, class_names)
    page.add_section("Model and job")
    page.add_table(["fact", "value"], [("objective", objective), *entries.items()])
    page.write(report)
    return result, report, joined


def _add_plots(page: Page, kind: str, truth: Array, prediction: Array, class_names: Sequence[str]) -> None:
    """Add what shows best how predictions of this kind fit."""
    page.add_section("Plots")
    if kind == "multiclass" or (kind == "binary" and metrics.is_classes(prediction)):
        _add_confusion(page, truth, prediction, class_names)
    elif kind == "binary":
        if 0 < truth.sum() < len(truth):
            page.add_plot(plots.roc(truth, prediction), "Receiver operating characteristic of the test's rows")
        page.add_plot(plots.calibration(truth, prediction), "Calibration: on the dotted line probabilities come true")
        labels = class_names if len(class_names) == 2 else ("0", "1")
        page.add_plot(plots.score_histogram(truth, prediction, labels), "Scores of the rows of each class")
    elif kind == "unknown":
        page.add_plot(plots.histogram(prediction, label="answers"), "How often answers occur")
    else:
        page.add_plot(plots.predicted_against_true(truth, prediction), "Predictions beside the truth")
        page.add_plot(plots.residuals(truth, prediction), "Residuals by prediction")


def _add_confusion(page: Page, truth: Array, prediction: Array, class_names: Sequence[str]) -> None:
    predicted = prediction.argmax(axis=1) if prediction.ndim == 2 else prediction
    columns = prediction.shape[1] if prediction.ndim == 2 else 2
    n_classes = max(len(class_names), columns, int(truth.max()) + 1, int(predicted.max()) + 1)
    if n_classes > MAX_CLASSES_DRAWN:
        page.add_text(f"The confusion of {n_classes:,} classes is not drawn: nobody could read it.")
        return
    labels = [*class_names, *map(str, range(len(class_names), n_classes))]
    page.add_plot(plots.confusion(truth, predicted, labels), "Which classes are taken for which")
