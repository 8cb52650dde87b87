"""The plots of reports, as figures of matplotlib.

A plot is as small for ten million rows as for a thousand, because points are counted in bins first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from fasttrees._reports.drawing import INK, drawing, new_figure

__all__ = [
    "bars",
    "calibration",
    "confusion",
    "histogram",
    "importance",
    "learning_curves",
    "predicted_against_true",
    "residuals",
    "roc",
    "score_histogram",
]

MAX_POINTS = 400  # of a line: more would not be visible
MAX_LABEL = 40
MAX_CLASSES_WITH_NUMBERS = 12
CALIBRATION_BINS = 15
CELLS = 60  # of a density, in each direction
QUIET = "#8a8a8a"
DENSITY = LinearSegmentedColormap.from_list("density", ["#8fbcee", "#7a4fbf", "#d6336c"])  # visible on light and dark


def learning_curves(metrics: Mapping[str, Mapping[str, Sequence[float]]], best_iteration: int | None = None) -> Figure:
    """Draw metrics by iteration: one plot for each metric, one line for each set of rows.

    Parameters
    ----------
    metrics : mapping of str to mapping of str to sequence of float
        Name of the metric to name of the rows, such as ``train``, to a value for each iteration.
    best_iteration : int, optional
        From 1, as LightGBM counts; it is marked.
    """
    with drawing():
        figure = new_figure(height=2.8 * max(len(metrics), 1))
        all_axes = figure.subplots(max(len(metrics), 1), squeeze=False)[:, 0]
        for axes, (metric, lines) in zip(all_axes, metrics.items(), strict=False):
            for name, values in lines.items():
                drawn = _thin(len(values))
                axes.plot(drawn + 1, np.asarray(values, np.float64)[drawn], label=_shorten(name))
            if best_iteration is not None and best_iteration > 0:
                label = f"best iteration: {best_iteration:,}"
                axes.axvline(best_iteration, color=INK, linestyle="--", linewidth=1, label=label)
            axes.set(xlabel="iteration", ylabel=_shorten(metric))
            if axes.lines:
                axes.legend()
    return figure


def importance(names: Sequence[str], gains: ArrayLike, top: int = 20, label: str = "gain") -> Figure:
    """Draw the most important features, the first on top.

    Parameters
    ----------
    names : sequence of str
    gains : array_like of shape (n_features,)
    top : int
        Number of features drawn.
    label : str
        Name of `gains`.
    """
    values = np.asarray(gains, np.float64)
    order = np.argsort(-values, kind="stable")[:top]
    return bars([names[i] for i in order], values[order], label=label)


def bars(labels: Sequence[str], values: ArrayLike, errors: ArrayLike | None = None, label: str = "") -> Figure:
    """Draw a bar for each value, from top to bottom.

    Parameters
    ----------
    labels : sequence of str
    values : array_like of shape (n,)
    errors : array_like of shape (n,) or (2, n), optional
        Length of the whiskers; two rows: below and above.
    label : str
        Name of the values, with their unit.
    """
    values = np.asarray(values, np.float64)
    with drawing():
        figure = new_figure(height=0.7 + 0.22 * max(len(values), 3))
        axes = figure.subplots()
        style: Any = {"ecolor": INK, "capsize": 2}
        axes.barh(np.arange(len(values)), values, xerr=errors, error_kw=style)
        axes.set_yticks(np.arange(len(values)), [_shorten(text) for text in labels])
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(label)
    return figure


def histogram(values: ArrayLike, bins: int = 40, label: str = "") -> Figure:
    """Draw how often values occur; `label` is their name. Values that are not finite are left out."""
    values = np.asarray(values, np.float64)
    with drawing():
        figure = new_figure(height=2.8)
        axes = figure.subplots()
        _steps(axes, values[np.isfinite(values)], bins, None, None)
        axes.set(xlabel=label, ylabel="count")
    return figure


def roc(truth: ArrayLike, score: ArrayLike) -> Figure:
    """Draw the true positive rate over the false positive rate.

    Parameters
    ----------
    truth : array_like of shape (n_rows,)
        0 or 1, both of them.
    score : array_like of shape (n_rows,)
    """
    positive = np.asarray(truth) > 0
    scores = np.asarray(score, np.float64)
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)  # rows of equal scores are one step
    found = np.cumsum(positive[order], dtype=np.int64)[last]
    missed = last + 1 - found
    with drawing():
        figure = new_figure(4.2, 3.8)
        axes = figure.subplots()
        x = np.append(0, missed) / max(missed[-1], 1)
        y = np.append(0, found) / max(found[-1], 1)
        drawn = _thin(len(x))
        axes.plot(x[drawn], y[drawn])
        axes.plot([0, 1], [0, 1], color=QUIET, linestyle=":", linewidth=1)
        axes.set(xlabel="false positive rate", ylabel="true positive rate", aspect="equal")
    return figure


def calibration(truth: ArrayLike, score: ArrayLike) -> Figure:
    """Draw the mean of the truth over the mean of the probability that was predicted.

    All points represent the same number of rows, except that rows of equal scores stay together.

    Parameters
    ----------
    truth : array_like of shape (n_rows,)
        0 or 1, or from 0 to 1 (``cross_entropy``).
    score : array_like of shape (n_rows,)
        Probabilities.
    """
    scores = np.asarray(score, np.float64)
    edges = np.unique(np.quantile(scores, np.linspace(0, 1, CALIBRATION_BINS + 1)))
    bin_of = np.searchsorted(edges[1:-1], scores, side="right")
    counts = np.bincount(bin_of)
    filled = counts > 0
    predicted = np.bincount(bin_of, scores)[filled] / counts[filled]
    observed = np.bincount(bin_of, np.asarray(truth, np.float64))[filled] / counts[filled]
    with drawing():
        figure = new_figure(4.2, 3.8)
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color=QUIET, linestyle=":", linewidth=1)
        axes.plot(predicted, observed, marker="o", markersize=4)
        axes.set(xlabel="mean predicted probability", ylabel="mean truth: share of positives", aspect="equal")
    return figure


def score_histogram(truth: ArrayLike, score: ArrayLike, labels: Sequence[str] = ("0", "1")) -> Figure:
    """Draw how often scores occur among rows of either class; `labels` are the names of the two."""
    scores = np.asarray(score, np.float64)
    positive = np.asarray(truth) > 0
    limits = (float(scores.min()), float(scores.max()))
    with drawing():
        figure = new_figure(height=2.8)
        axes = figure.subplots()
        for label, rows in zip(labels, (~positive, positive), strict=True):
            _steps(axes, scores[rows], 40, limits, f"true class {_shorten(label)}")
        axes.set(xlabel="score", ylabel="rows")
        axes.legend()
    return figure


def predicted_against_true(truth: ArrayLike, prediction: ArrayLike) -> Figure:
    """Draw predictions over the truth; the colour shows the number of rows."""
    truth, prediction = np.asarray(truth, np.float64), np.asarray(prediction, np.float64)
    with drawing():
        figure = new_figure(5, 4)
        axes = figure.subplots()
        _density(figure, axes, truth, prediction)
        low, high = max(axes.get_xlim()[0], axes.get_ylim()[0]), min(axes.get_xlim()[1], axes.get_ylim()[1])
        if low < high:
            axes.plot([low, high], [low, high], color=INK, linestyle=":", linewidth=1)
        axes.set(xlabel="truth", ylabel="prediction")
    return figure


def residuals(truth: ArrayLike, prediction: ArrayLike) -> Figure:
    """Draw truth - prediction over the prediction; the colour shows the number of rows."""
    truth, prediction = np.asarray(truth, np.float64), np.asarray(prediction, np.float64)
    with drawing():
        figure = new_figure(5, 4)
        axes = figure.subplots()
        _density(figure, axes, prediction, truth - prediction)
        axes.axhline(0, color=INK, linestyle=":", linewidth=1)
        axes.set(xlabel="prediction", ylabel="truth - prediction")
    return figure


def confusion(truth: ArrayLike, predicted: ArrayLike, labels: Sequence[str]) -> Figure:
    """Draw the confusion matrix.

    Parameters
    ----------
    truth, predicted : array_like of int of shape (n_rows,)
        Numbers of classes, from 0.
    labels : sequence of str
        Names of all classes.
    """
    n = len(labels)
    pairs = np.asarray(truth, np.int64) * n + np.asarray(predicted, np.int64)
    counts = np.bincount(pairs, minlength=n * n).reshape(n, n)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    names = [_shorten(text) for text in labels]
    with drawing():
        side = min(2 + 0.45 * n, 7)
        figure = new_figure(side + 1.2, side)
        axes = figure.subplots()
        image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        axes.grid(visible=False)
        if n <= MAX_CLASSES_WITH_NUMBERS:
            axes.set_xticks(range(n), names, rotation=45, ha="right")
            axes.set_yticks(range(n), names)
            for (row, column), count in np.ndenumerate(counts):
                colour = "white" if shares[row, column] > 0.5 else "#202020"
                axes.text(column, row, f"{count:,}", ha="center", va="center", color=colour)
        axes.set(xlabel="predicted class", ylabel="true class")
        figure.colorbar(image, label="share of the true class")
    return figure


def _steps(
    axes: Axes, values: NDArray[np.float64], bins: int, limits: tuple[float, float] | None, label: str | None
) -> None:
    counts, edges = np.histogram(values, bins, limits)
    axes.stairs(counts, edges, fill=True, alpha=0.55, label=label)


def _density(figure: Figure, axes: Axes, x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
    """Draw an image of the density of rows; a few rows far away do not compress the rest."""
    limits = []
    outside = False
    for values in (x, y):
        low, high = np.quantile(values, [0.001, 0.999])
        margin = 0.0 if low < high else max(abs(low) * 1e-3, 0.5)
        limits.append((low - margin, high + margin))
        outside |= bool(values.min() < low or values.max() > high)
    x, y = (np.clip(values, *pair) for values, pair in zip((x, y), limits, strict=True))
    counts, x_edges, y_edges = np.histogram2d(x, y, bins=CELLS, range=limits)
    image = axes.imshow(
        np.ma.masked_equal(counts.T, 0),
        cmap=DENSITY,
        norm="log",
        origin="lower",
        aspect="auto",
        extent=(x_edges[0], x_edges[-1], y_edges[0], y_edges[-1]),
        interpolation="nearest",
    )
    if outside:
        axes.set_title("the outermost 0.1 % on each side are drawn on the frame", fontsize="small")
    figure.colorbar(image, label="rows", format="{x:,.0f}")


def _thin(n: int) -> NDArray[np.int64]:
    """Choose the points of a line to draw, including the first and the last."""
    return np.unique(np.linspace(0, max(n - 1, 0), min(n, MAX_POINTS)).round().astype(np.int64))


def _shorten(text: str) -> str:
    """Cut a name to a readable length; unprintable characters are invalid in SVG too."""
    text = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
    return text if len(text) <= MAX_LABEL else f"{text[: MAX_LABEL - 1]}…"
