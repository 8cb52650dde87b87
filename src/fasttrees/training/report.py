"""Write the files beside the model: ``report.html`` for people and ``metrics.json`` for programs."""

from __future__ import annotations

import json
import math
import platform
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import numpy.typing as npt
import pyarrow

import fasttrees
from fasttrees._reports import metrics, plots
from fasttrees._reports.page import Page
from fasttrees.errors import InputError
from fasttrees.training.boosting import TrainingResult
from fasttrees.training.contract import Schema
from fasttrees.training.hyperparameters import Settings
from fasttrees.training.table import Rows, Table

__all__ = ["write_report"]

TOP = 20  # features


def write_report(
    folder: Path,
    trained: TrainingResult,
    settings: Settings,
    schema: Schema,
    train: Table,
    validation: Table | None,
    predictions: Rows,
    compared: str,
    began: float,
) -> None:
    """Write both files.

    Parameters
    ----------
    folder : Path
        Of the model.
    predictions : ndarray
        For the rows of validation, or of train if there is none.
    compared : str
        Result of the comparison with LightGBM; if it had failed, the job would have.
    began : float
        ``time.monotonic()`` of the start.
    """
    table, rows_of = (train, "train") if validation is None else (validation, "validation")
    summary = {
        "objective": settings.objective,
        "best_iteration": trained.best_iteration,
        "iterations": trained.n_iterations,
        "stopped": trained.stopped,
        "rows": {"train": len(train.target), "validation": 0 if validation is None else len(validation.target)},
        "features": train.rows.shape[1],
        "seconds": round(time.monotonic() - began, 3),
        "metrics": {name: value for name, value in trained.metrics().items() if math.isfinite(value)},
        "scores": {rows_of: _scores(settings.objective, table.target, predictions)},
        "importance": _importance(trained),
        "parameters": settings.parameters,
        "compared": compared,
        "versions": {
            "fasttrees": fasttrees.__version__,
            "lightgbm": lightgbm.__version__,
            "numpy": np.__version__,
            "pyarrow": pyarrow.__version__,
            "python": platform.python_version(),
        },
    }
    text = json.dumps(summary, indent=1, allow_nan=False) + "\n"
    (folder / "metrics.json").write_text(text, encoding="utf-8")
    _page(summary, trained, schema, rows_of, table.target, predictions).write(folder / "report.html")


def _scores(objective: str, truth: Rows, predictions: Rows) -> dict[str, float]:
    try:
        return metrics.score(objective, truth, predictions)
    except InputError:  # these metrics do not apply to the objective; the report has LightGBM's
        return {}


def _importance(trained: TrainingResult) -> list[dict[str, Any]]:
    """List the features by their gain, the largest first."""
    options = {"iteration": trained.best_iteration}
    gains = trained.booster.feature_importance("gain", **options)
    splits = trained.booster.feature_importance("split", **options)
    names = trained.booster.feature_name()
    order = np.argsort(-gains, kind="stable")
    return [{"feature": names[i], "gain": float(gains[i]), "split": int(splits[i])} for i in order]


def _page(
    summary: Mapping[str, Any], trained: TrainingResult, schema: Schema, rows_of: str, truth: Rows, predictions: Rows
) -> Page:
    page = Page(f"Training of {schema.target}", f"LightGBM {lightgbm.__version__}, objective {summary['objective']}")
    page.add_verdict(True, f"{summary['compared']}.")
    if summary["stopped"]:
        page.add_verdict(False, "Training was stopped by SIGTERM: the model is that of the iterations so far.")
    page.add_values(
        {
            "best iteration": summary["best_iteration"],
            "iterations trained": summary["iterations"],
            "rows of train": summary["rows"]["train"],
            "rows of validation": summary["rows"]["validation"],
            "features": summary["features"],
            "seconds": summary["seconds"],
        }
    )
    _add_metrics(page, summary, trained, rows_of)
    page.add_section("Features")
    importance = summary["importance"]
    names = [entry["feature"] for entry in importance]
    for kind, meaning in (("gain", "what the splits gained"), ("split", "how often they split")):
        values = [entry[kind] for entry in importance]
        page.add_plot(plots.importance(names, values, TOP, kind), f"Most important features by {kind}: {meaning}.")
    _add_predictions(page, summary["objective"], schema, rows_of, truth, predictions)
    page.add_section("Parameters and software")
    page.add_table(["parameter", "value"], [[name, str(value)] for name, value in summary["parameters"].items()])
    page.add_table(["software", "version"], list(summary["versions"].items()))
    return page


def _add_metrics(page: Page, summary: Mapping[str, Any], trained: TrainingResult, rows_of: str) -> None:
    page.add_section("Metrics")
    curves: dict[str, dict[str, list[float]]] = {}
    final: dict[str, dict[str, float]] = {}
    for name, values in trained.history.items():
        data, metric = name.split(":", 1)
        curves.setdefault(metric, {})[data] = values
        final.setdefault(metric, {})[data] = trained.metrics()[name]
    if final:
        rows = [[metric, values.get("train"), values.get("validation")] for metric, values in final.items()]
        page.add_table(["metric", "train", "validation"], rows, "LightGBM's metrics at the best iteration")
        page.add_plot(
            plots.learning_curves(curves, summary["best_iteration"]),
            "Metrics by iteration; the best one is marked.",
        )
    if scores := summary["scores"][rows_of]:
        rows = [[metrics.TITLES[name], value] for name, value in scores.items()]
        page.add_table(["score", rows_of], rows, f"Scores of the model on the rows of {rows_of}")


def _add_predictions(page: Page, objective: str, schema: Schema, rows_of: str, truth: Rows, predictions: Rows) -> None:
    page.add_section(f"Predictions on the rows of {rows_of}")
    kind = objective.split()[0]
    if kind in ("binary", "cross_entropy"):
        if kind == "binary" and 0 < truth.mean() < 1:
            page.add_plot(plots.roc(truth, predictions), "ROC curve.")
        page.add_plot(
            plots.calibration(truth, predictions), "Calibration: the share of positives over the predicted probability."
        )
        if kind == "binary":
            names = schema.classes if len(schema.classes) == 2 else ("0", "1")
            page.add_plot(plots.score_histogram(truth, predictions, names), "Predictions by class.")
    elif kind in ("multiclass", "multiclassova"):
        n_classes = predictions.shape[1]
        labels = list(schema.classes) or [str(index) for index in range(n_classes)]
        predicted: npt.NDArray[np.int64] = predictions.argmax(1)
        page.add_plot(
            plots.confusion(truth.astype(np.int64), predicted, labels), "Confusion matrix: true over predicted classes."
        )
    else:
        page.add_plot(plots.predicted_against_true(truth, predictions), "Predictions over the truth.")
        page.add_plot(plots.residuals(truth, predictions), "Truth minus prediction, over the prediction.")
