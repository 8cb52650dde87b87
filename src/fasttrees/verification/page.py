"""A verification as one HTML file."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby

import numpy as np
from matplotlib.figure import Figure

from fasttrees._reports.drawing import drawing, new_figure
from fasttrees._reports.page import Page
from fasttrees.verification._grid import Grid
from fasttrees.verification._result import Verification
from fasttrees.verification._text import causes, differences_table, number, show_cells, show_numbers, show_trees

__all__ = ["make_page"]

LINE = "#8a8a8a"


def make_page(result: Verification) -> Page:
    """Make the report."""
    page = Page("Verification of predictions", f"{result.rows_file}, {result.n_rows:,} rows")
    page.add_verdict(result.passed, f"{result.verdict}.")
    for text in causes(result):
        page.add_text(text)
    page.add_values(
        {
            "rows compared": result.n_compared,
            "equal in every bit": result.n_same,
            "beyond the tolerance": result.n_failed,
            "maximum difference": number(result.max_absolute),
        }
    )
    page.add_table(
        ["what", "which", "numbers"],
        [
            ["model", result.model, None],
            ["rows", result.rows_file, f"{result.n_rows:,}"],
            ["reference", result.reference, f"{result.n_references:,} {result.output}"],
            ["verified", result.target, f"{result.n_predictions:,} {result.output}"],
        ],
        caption="What was compared",
    )
    page.add_table(
        ["statistic", "value"],
        [
            *differences_table(result),
            ("tolerance: a number passes if its difference is at most", f"{result.tolerance:g}"),
        ],
        caption="Differences, over all numbers that have one; relative: divided by the larger of both magnitudes",
        numeric=[1],
    )
    page.add_section("How far apart")
    same = {"equal": result.n_values - result.n_unlike - sum(result.decades.values())}
    unlike = {"NaN or infinity": result.n_unlike} if result.n_unlike else {}
    page.add_plot(
        _counts(same | result.decades | unlike),
        f"Numbers by absolute difference, on a logarithmic scale; the tolerance is {result.tolerance:g}",
    )
    page.add_plot(
        _counts(result.ulps),
        "Numbers by distance in units in the last place, on a logarithmic scale; 0: equal bits",
    )
    if result.grid.counts.any():
        page.add_plot(_density(result.grid), "Predictions over references; the colour shows the number of values")
    if result.worst:
        page.add_section("Rows that differ most")
        with_trees = result.worst[0].trees is not None
        with_library = result.worst[0].library is not None
        page.add_table(
            [
                "row",
                "prediction",
                "reference",
                *(["the library's"] if with_library else []),
                "difference",
                *(["trees that disagree: here against the reference's model"] if with_trees else []),
                "values of the row",
            ],
            [
                [
                    f"{row.row:,}",
                    show_numbers(row.prediction),
                    show_numbers(row.reference),
                    *([show_numbers(row.library or [])] if with_library else []),
                    number(row.difference),
                    *([show_trees(row)] if with_trees else []),
                    show_cells(row),
                ]
                for row in result.worst
            ],
            caption="Rows are counted from 1, without a header",
        )
    return page


def _shorten(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Drop empty classes at both ends, and replace three or more in between by one."""
    runs = [(filled, list(run)) for filled, run in groupby(counts.items(), lambda item: item[1] > 0)]
    while runs and not runs[-1][0]:
        runs.pop()
    while runs and not runs[0][0]:
        runs.pop(0)
    return [item for filled, run in runs for item in (run if filled or len(run) < 3 else [("…", 0)])]


def _counts(counts: Mapping[str, int]) -> Figure:
    """Draw a bar for each class, with its number: a single row among millions must be visible."""
    shown = _shorten(counts)
    numbers = [n for _, n in shown]
    with drawing():
        figure = new_figure(height=0.8 + 0.24 * max(len(shown), 2))
        axes = figure.subplots()
        places = np.arange(len(shown))
        axes.bar_label(axes.barh(places, numbers), [f"{n:,}" if n else "" for n in numbers], padding=3)
        axes.set_yticks(places, [label for label, _ in shown])
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        axes.set_xscale("symlog", linthresh=1)
        axes.set_xlim(0, 8 * max(numbers, default=1) + 1)
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.set_xlabel("numbers")
    return figure


def _density(grid: Grid) -> Figure:
    x, y = grid.edges
    with drawing():
        figure = new_figure(5, 4)
        axes = figure.subplots()
        image = axes.pcolormesh(x, y, np.ma.masked_equal(grid.counts.T, 0), cmap="cool", norm="log", rasterized=True)
        low, high = max(x[0], y[0]), min(x[-1], y[-1])
        if low < high:
            axes.plot([low, high], [low, high], color=LINE, linestyle=":", linewidth=1)
        filled = [np.flatnonzero(grid.counts.any(axis=axis)) for axis in (1, 0)]
        axes.set(
            xlim=(x[filled[0][0]], x[filled[0][-1] + 1]),
            ylim=(y[filled[1][0]], y[filled[1][-1] + 1]),
            xlabel="reference",
            ylabel="prediction",
        )
        figure.colorbar(image, label="numbers", format="{x:,.0f}")
    return figure
