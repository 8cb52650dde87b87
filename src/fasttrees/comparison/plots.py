"""The plots of a comparison, as figures of matplotlib, in either language."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fasttrees._reports.drawing import INK, drawing, new_figure
from fasttrees.comparison.figures import Line, executive_table
from fasttrees.comparison.instances import FIXED_MINUTES, changes, costs_of, priced, saving_between
from fasttrees.comparison.ranges import Range
from fasttrees.comparison.results import BASELINE, OURS, Results
from fasttrees.comparison.words import LABELS, SERVERS, TITLES, Language, as_number, cores_text

__all__ = ["plot_costs", "plot_fixed", "plot_latency", "plot_memory", "plot_start", "plot_throughput"]

HEIGHT = 0.36  # of a bar, where 1 is from one pair to the next


def plot_throughput(results: Results, language: Language) -> Figure:
    """Draw rows per second, on one core and on all."""
    lines = _lines(results, "throughput")
    labels = [cores_text(line.cores, language) for line in lines]
    return _pairs(labels, lines, TITLES[language]["throughput"], language)


def plot_latency(results: Results, language: Language) -> Figure:
    """Draw p50 and p99 of requests of one row."""
    lines = _lines(results, "p50", "p99")
    labels = [f"{line.key}, {cores_text(line.cores, language)}" for line in lines]
    return _pairs(labels, lines, "ms", language)


def plot_memory(results: Results, language: Language) -> Figure:
    """Draw memory, idle and at its peak."""
    return _titled(results, language, "MB", "idle", "peak")


def plot_start(results: Results, language: Language) -> Figure:
    """Draw how long the start takes."""
    return _titled(results, language, "s", "start")


def plot_costs(results: Results, language: Language) -> Figure:
    """Draw what a million rows cost on each instance of the price table."""
    prices = priced(results, "transform")
    bars = {name: [costs_of(results, name, price).usd_per_million for price in prices] for name in (OURS, BASELINE)}
    return _bars([price.instance for price in prices], bars, LABELS[language]["usd"], language)


def plot_fixed(results: Results, language: Language) -> Figure | None:
    """Draw the fraction of a daily job's cost that is saved, over the minutes paid in addition to scoring.

    A line for each change of instances; None if there is none.
    """
    pairs = changes(results)
    if not pairs:
        return None
    minutes = np.linspace(0, FIXED_MINUTES[-1], 101)
    with drawing():
        figure = new_figure(height=2.6)
        axes = figure.subplots()
        for before, after in pairs:
            found = [saving_between(before, after, results.settings.rows_per_day, minute) for minute in minutes]
            low, high = [100 * one.low for one in found], [100 * one.high for one in found]
            axes.fill_between(minutes, low, high, alpha=0.25, linewidth=0)
            label = f"{before.price.instance} → {after.price.instance}"
            axes.plot(minutes, [100 * one.middle for one in found], label=label)
        axes.set(xlabel=LABELS[language]["fixed"], ylabel=LABELS[language]["saving"], ylim=(0, 100))
        figure.legend(loc="outside upper right", ncols=2)
    return figure


def _lines(results: Results, *keys: str) -> list[Line]:
    return [line for line in executive_table(results) if line.key in keys]


def _titled(results: Results, language: Language, unit: str, *keys: str) -> Figure:
    lines = _lines(results, *keys)
    labels = [f"{TITLES[language][line.key].rpartition(',')[0]}, {cores_text(line.cores, language)}" for line in lines]
    return _pairs(labels, lines, unit, language)


def _pairs(labels: Sequence[str], lines: Sequence[Line], unit: str, language: Language) -> Figure:
    bars = {OURS: [line.ours for line in lines], BASELINE: [line.baseline for line in lines]}
    return _bars(labels, bars, unit, language)


def _bars(labels: Sequence[str], bars: dict[str, list[Range]], unit: str, language: Language) -> Figure:
    """Draw a bar for each server beside each other, with the least and the most as whiskers."""
    with drawing():
        figure = new_figure(height=1.1 + 0.5 * len(labels))
        axes = figure.subplots()
        for offset, (name, ranges) in zip((-HEIGHT / 2, HEIGHT / 2), bars.items(), strict=True):
            middles = [one.middle for one in ranges]
            whiskers = np.array([[one.middle - one.low, one.high - one.middle] for one in ranges]).T
            places = np.arange(len(ranges)) + offset
            axes.barh(
                places,
                middles,
                HEIGHT,
                xerr=whiskers,
                label=SERVERS[language][name],
                error_kw={"ecolor": INK, "capsize": 2},
            )
            for place, one in zip(places, ranges, strict=True):
                text = as_number(one.middle, language)
                axes.annotate(text, (one.high, place), xytext=(4, 0), textcoords="offset points", va="center")
        axes.set_yticks(np.arange(len(labels)), list(labels))
        axes.invert_yaxis()
        axes.margins(x=0.12)
        axes.grid(visible=False, axis="y")
        axes.xaxis.set_major_formatter(lambda value, _: as_number(value, language) if value else "0")
        axes.xaxis.set_major_locator(MaxNLocator(6))
        axes.set_xlabel(unit)
        figure.legend(loc="outside upper right", ncols=2)
    return figure
