"""Plots show their data, and stay small whatever its size."""

from __future__ import annotations

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from sklearn.metrics import confusion_matrix, roc_curve

from fasttrees._reports import plots
from fasttrees._reports.page import Page

RANDOM = np.random.default_rng(4)


def points(figure: Figure, line: int = 0) -> tuple[np.ndarray, np.ndarray]:
    drawn = figure.axes[0].lines[line]
    return np.asarray(drawn.get_xdata()), np.asarray(drawn.get_ydata())


def test_roc_is_scikit_learns() -> None:
    score = RANDOM.random(300).round(2)
    truth = RANDOM.random(300) < score
    x, y = points(plots.roc(truth, score))
    false_positive, true_positive, _ = roc_curve(truth, score, drop_intermediate=False)
    np.testing.assert_allclose(x, false_positive)
    np.testing.assert_allclose(y, true_positive)


def test_calibration_counts_each_row_once() -> None:
    score = np.repeat([0.1, 0.5, 0.9], [500, 300, 200])
    truth = np.zeros(1000)
    truth[:50], truth[500:560], truth[800:1000] = 1, 1, 1
    x, y = points(plots.calibration(truth, score), line=1)
    np.testing.assert_allclose(x, [0.1, 0.5, 0.9])
    np.testing.assert_allclose(y, [0.1, 0.2, 1.0])
    for pair in ([0, 1], [0.25, 0.75]):
        x, y = points(plots.calibration(pair, [0.5, 0.5]), line=1)
        assert (x.tolist(), y.tolist()) == ([0.5], [0.5])


def test_confusion() -> None:
    truth, predicted = RANDOM.integers(0, 3, 200), RANDOM.integers(0, 3, 200)
    figure = plots.confusion(truth, predicted, ["a", "b", "c"])
    counts = np.array([int(text.get_text()) for text in figure.axes[0].texts]).reshape(3, 3)
    np.testing.assert_array_equal(counts, confusion_matrix(truth, predicted))


def test_learning_curves() -> None:
    figure = plots.learning_curves({"auc": {"train": [1, 2, 3], "validation": [3, 2, 1]}, "logloss": {}}, 2)
    assert [axes.get_ylabel() for axes in figure.axes] == ["auc", "logloss"]
    assert points(figure)[0].tolist() == [1, 2, 3]  # iterations count from 1, as best_iteration does
    assert points(figure, 1)[1].tolist() == [3, 2, 1]
    assert points(figure, 2)[0].tolist() == [2, 2]


def test_long_curves_keep_their_ends() -> None:
    x, y = points(plots.learning_curves({"auc": {"train": np.arange(100_000).tolist()}}))
    assert len(x) <= plots.MAX_POINTS
    assert (x[0], x[-1], y[0], y[-1]) == (1, 100_000, 0, 99_999)


def test_importance_shows_the_first_of_all() -> None:
    figure = plots.importance([f"f{i}" for i in range(30)], [*range(29), 28], top=3)
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert names == ["f28", "f29", "f27"]
    widths = [bar.get_width() for bar in figure.axes[0].patches if isinstance(bar, Rectangle)]
    assert widths == [28, 28, 27]


def test_bars_with_errors() -> None:
    figure = plots.bars(["a", "b"], [1, 2], errors=np.array([[0.5, 0.5], [1, 1]]), label="seconds")
    assert figure.axes[0].get_xlabel() == "seconds"
    assert len(figure.axes[0].collections) == 1


def test_density_counts_each_row_once() -> None:
    truth = np.append(RANDOM.normal(size=5000), 1e9)  # one row far away must not hide the others
    for plot in (plots.predicted_against_true, plots.residuals):
        figure = plot(truth, truth + RANDOM.normal(size=5001))
        image = figure.axes[0].images[0].get_array()
        assert image is not None
        assert image.sum() == 5001
        assert "on the frame" in figure.axes[0].get_title()
        assert (image > 0).sum() > 300


@pytest.mark.parametrize("n", [1, 2])
def test_few_rows(n: int) -> None:
    values, truth = np.full(n, 0.5), np.arange(n)
    page = Page("few")
    for plot in (
        plots.roc,
        plots.calibration,
        plots.score_histogram,
        plots.predicted_against_true,
        plots.residuals,
    ):
        page.add_plot(plot(truth, values), plot.__name__)
    page.add_plot(plots.histogram(values), "histogram")
    page.add_plot(plots.importance([], []), "importance")
    page.add_plot(plots.learning_curves({"auc": {}}), "learning curves")
    page.add_plot(plots.confusion(truth, truth, [str(k) for k in range(40)]), "confusion")
    assert page.render().count("<svg") == 9


def test_many_rows_are_a_small_page() -> None:
    n = 200_000
    score = RANDOM.random(n)
    truth = RANDOM.random(n) < score
    page = Page("many")
    for plot in (plots.roc, plots.calibration, plots.score_histogram, plots.predicted_against_true, plots.residuals):
        page.add_plot(plot(truth, score), plot.__name__)
    assert len(page.render()) < 200_000


def test_the_users_style_stays_and_does_not_matter() -> None:
    page, styled = Page("T"), Page("T")
    page.add_plot(plots.bars(["$a$"], [1]), "bars")
    with matplotlib.rc_context({"font.size": 30, "svg.fonttype": "path", "axes.facecolor": "red"}):
        styled.add_plot(plots.bars(["$a$"], [1]), "bars")
        assert matplotlib.rcParams["font.size"] == 30
    assert page.render() == styled.render()
