"""Draw the plots of docs/internals/performance.md: ``python -m benchmarks.plots RESULTS.json FOLDER``.

It runs in the environment of ``requirements/plots.txt``. The same results give the same bytes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib

from benchmarks.catalogue import ENGINES, REFERENCE

matplotlib.use("svg")
matplotlib.rcParams.update(
    {
        "svg.hashsalt": "fasttrees",
        "svg.fonttype": "none",  # text stays text: small files
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
)

from matplotlib import pyplot  # noqa: E402

TICKS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100]
COLOURS = {name: matplotlib.colormaps["tab10"](i) for i, name in enumerate(ENGINES)}


def save(figure: Any, path: Path) -> None:
    figure.savefig(path, metadata={"Date": None}, bbox_inches="tight")
    pyplot.close(figure)


def plot_speed(models: dict[str, Any], key: str, title: str, path: Path) -> None:
    """Speed of every engine against LightGBM's: one group of bars for each model."""
    names = [name for name in ENGINES if name != REFERENCE]
    figure, axes = pyplot.subplots(figsize=(8, 0.75 * len(models) + 1))
    height = 0.8 / len(names)
    for i, name in enumerate(names):
        speeds = []
        for model in models.values():
            time = model["engines"].get(name, {}).get("times", {}).get(key)
            reference = model["engines"].get(REFERENCE, {}).get("times", {}).get(key)
            speeds.append(reference / time if time and reference else 0)
        places = [m + (i - len(names) / 2) * height for m in range(len(models))]
        axes.barh(places, speeds, height, label=ENGINES[name].title, color=COLOURS[name])
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_xticks(TICKS, [str(tick) for tick in TICKS])
    axes.minorticks_off()
    axes.set_yticks(range(len(models)), list(models))
    axes.invert_yaxis()
    axes.set_xlabel(f"times as fast as LightGBM; {title}; no bar: fails")
    axes.legend(frameon=False, bbox_to_anchor=(1, 1), loc="upper left")
    save(figure, path)


def plot_growth(growth: dict[str, Any], path: Path) -> None:
    quantities = [quantity for quantity in growth if quantity != "threads"]  # two points on most machines
    figure, all_axes = pyplot.subplots(1, len(quantities), figsize=(3 * len(quantities), 3))
    for axes, quantity in zip(all_axes, quantities, strict=True):
        values = growth[quantity]
        for name in ENGINES:
            points = [(int(v), t[name] * 1e6) for v, t in values.items() if isinstance(t.get(name), float)]
            if points:
                axes.loglog(*zip(*points, strict=True), marker=".", label=ENGINES[name].title, color=COLOURS[name])
        axes.minorticks_off()
        axes.set_xlabel(quantity)
    all_axes[0].set_ylabel("us a row")
    all_axes[0].legend(frameon=False)
    figure.tight_layout()
    save(figure, path)


def main() -> None:
    results = json.loads(Path(sys.argv[1]).read_text())
    folder = Path(sys.argv[2])
    if results.get("models"):
        plot_speed(results["models"], "10000", "10,000 rows, one thread", folder / "batches.svg")
        plot_speed(results["models"], "1", "one row", folder / "one-row.svg")
    if "growth" in results:
        plot_growth(results["growth"], folder / "growth.svg")


if __name__ == "__main__":
    main()
