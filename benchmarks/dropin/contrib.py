"""Time contributions (SHAP values) beside LightGBM's and, where it is installed, shap's.

``python -m benchmarks.dropin.contrib FOLDER`` takes models and rows from a folder (``NAME.txt``, ``NAME.rows.npy``)
as ``benchmarks.models`` writes them, and prints a table of microseconds per row.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np

import fasttrees
from benchmarks.machine import describe_system
from benchmarks.tables import number, table

NAMES = ["binary-100x31", "flights-500x63", "categorical-100x31"]
BATCHES = [1, 100, 1000, 20_000]
LIMIT = 2.0  # seconds: what takes longer for a batch is timed with a part of it, and counted per row
TURNS = 3


def engines(path: Path) -> dict[str, Callable[[Any], Any]]:
    """Make what finds contributions of rows, on one thread; ours on all, too."""
    model = fasttrees.load(path)
    booster = lightgbm.Booster(model_file=path)
    found: dict[str, Callable[[Any], Any]] = {
        "fasttrees": lambda rows: model.predict(rows, pred_contrib=True, n_threads=1),
        "fasttrees, all threads": lambda rows: model.predict(rows, pred_contrib=True),
        "LightGBM": lambda rows: booster.predict(rows, pred_contrib=True, num_threads=1),
    }
    try:
        shap = import_module("shap")
    except ImportError:
        return found
    # For LightGBM's models shap calls LightGBM; its own algorithm takes "internal" ones.
    explainer = shap.TreeExplainer(booster, feature_perturbation="tree_path_dependent")
    own = shap.TreeExplainer(booster, feature_perturbation="tree_path_dependent")
    own.model.model_type = "internal"
    found["shap (calls LightGBM)"] = lambda rows: explainer.shap_values(rows, check_additivity=False)
    if booster.num_model_per_iteration() == 1:
        found["shap, its own"] = lambda rows: own.shap_values(rows, check_additivity=False)
    return found


def seconds(run: Callable[[Any], Any], rows: Any) -> float:
    begin = time.perf_counter()
    run(rows)
    return time.perf_counter() - begin


def measure(path: Path, rows: Any) -> dict[str, dict[int, float]]:
    """Microseconds per row, by engine and batch: medians of turns, engines in turn."""
    found = engines(path)
    same = [found[name](rows[:50]).tobytes() for name in ("fasttrees", "LightGBM")]
    assert same[0] == same[1], f"{path}: not LightGBM's bits"
    per_row = {name: seconds(run, rows[:50]) / 50 for name, run in found.items()}
    times: dict[str, dict[int, list[float]]] = {name: {size: [] for size in BATCHES} for name in found}
    for size in BATCHES:
        for turn in range(TURNS):
            for name, run in found.items():
                n = size if name.startswith("fasttrees") else max(1, min(size, int(LIMIT / TURNS / per_row[name])))
                times[name][size].append(seconds(run, rows[turn * n : (turn + 1) * n]) / n * 1e6)
    return {name: {size: statistics.median(turns) for size, turns in sizes.items()} for name, sizes in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", nargs="+", default=NAMES)
    parser.add_argument("--json", type=Path, help="where to write the numbers")
    options = parser.parse_args()
    results: dict[str, Any] = {}
    for name in options.models:
        rows = np.load(options.folder / f"{name}.rows.npy", mmap_mode="r")
        rows = np.array(rows[: max(BATCHES) * TURNS])
        results[name] = measure(options.folder / f"{name}.txt", rows)
        reference = results[name]["LightGBM"]
        lines = [
            [engine, *(f"{number(time)} ({reference[size] / time:.1f} x)" for size, time in sizes.items())]
            for engine, sizes in results[name].items()
        ]
        print(f"\n{name}: microseconds per row (times as fast as LightGBM)\n")
        print(table(["", *(f"{size:,} rows" for size in BATCHES)], lines), flush=True)
    if options.json:
        options.json.write_text(json.dumps({"system": describe_system(), "models": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
