"""Draw the plots of docs/internals/serving-performance.md: ``python -m benchmarks.serving.plots RESULTS.json FOLDER``.

It runs in the environment of ``requirements/plots.txt``. The same results give the same bytes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from matplotlib import pyplot

from benchmarks.plots import save  # which also sets the style

MINUTE = 60


def plot_memory(soak: dict[str, Any], path: Path) -> None:
    figure, axes = pyplot.subplots(figsize=(8, 2.5))
    axes.plot([second / MINUTE for second, _ in soak["memory"]], [size / 1e6 for _, size in soak["memory"]])
    axes.set_ylim(bottom=0)
    axes.set_xlabel("minutes")
    axes.set_ylabel("MB (RSS)")
    save(figure, path)


def plot_latency(soak: dict[str, Any], path: Path) -> None:
    figure, axes = pyplot.subplots(figsize=(8, 2.5))
    points = soak["latency"][:-1]  # the last is not whole
    for key in ("p99", "p50"):
        axes.plot([point["second"] / MINUTE for point in points], [point[key] * 1e3 for point in points], label=key)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("minutes")
    axes.set_ylabel("ms")
    axes.legend(frameon=False)
    save(figure, path)


def main() -> None:
    results = json.loads(Path(sys.argv[1]).read_text())
    folder = Path(sys.argv[2])
    if "soak" in results:
        plot_memory(results["soak"]["found"], folder / "soak-memory.svg")
        plot_latency(results["soak"]["found"], folder / "soak-latency.svg")


if __name__ == "__main__":
    main()
