"""Measures scoring and loading beside LightGBM, in one process, in turn, and writes docs/performance.md.

Run from the root of the repository, with the `test` extra installed: ``python -m benchmarks.speed``. Takes about three
minutes. What matters are the ratios: times shift with the machine and with whatever else runs on it.
"""

from __future__ import annotations

import datetime
import gc
import importlib
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import lightgbm
import numpy as np

import fasttrees
from benchmarks.machine import describe_machine
from fasttrees import _engine

ROOT = Path(__file__).parent.parent
DATA = ROOT / "tests" / "data" / "lightgbm-examples" / "binary.train"
FLIGHTS = ROOT / "examples" / "flights"
PAGE = ROOT / "docs" / "performance.md"
SHAPES = [(100, 31), (500, 31), (500, 255), (540, 255)]
OTHERS: dict[str, tuple[int, dict[str, object]]] = {
    "linear trees, 100x31": (100, {"objective": "regression", "num_leaves": 31, "linear_tree": True}),
    "large trees, 100x511": (100, {"num_leaves": 511, "min_data_in_leaf": 1, "min_sum_hessian_in_leaf": 0}),
    "large trees, 100x2047": (100, {"num_leaves": 2047, "min_data_in_leaf": 1, "min_sum_hessian_in_leaf": 0}),
}
BATCHES = [1, 100, 10_000, 100_000]
REPEATS = 9


def alternate(functions: dict[str, Callable[[], object]], seconds: float = 0.05) -> dict[str, float]:
    """Median seconds per call of each function: all in turn, REPEATS times, each long enough to time."""
    for function in functions.values():
        function()
    calls = {}
    for name, function in functions.items():
        start = time.perf_counter()
        function()
        calls[name] = max(1, int(seconds / (time.perf_counter() - start + 1e-9)))
    times: dict[str, list[float]] = {name: [] for name in functions}
    gc.disable()
    for _ in range(REPEATS):
        for name, function in functions.items():
            start = time.perf_counter()
            for _ in range(calls[name]):
                function()
            times[name].append((time.perf_counter() - start) / calls[name])
    gc.enable()
    return {name: statistics.median(values) for name, values in times.items()}


def train(rows: np.ndarray, labels: np.ndarray, trees: int, parameters: dict[str, object], path: Path) -> Path:
    common = {"objective": "binary", "min_data_in_leaf": 5, "seed": 1, "verbose": -1}
    lightgbm.train({**common, **parameters}, lightgbm.Dataset(rows, labels), trees).save_model(path)
    return path


def with_build(model: fasttrees.Model, build: str) -> fasttrees.Model:
    """Return the model as another build of the kernels evaluates it."""
    evaluator = model._evaluator
    make = importlib.import_module(f"fasttrees.{build}").Evaluator
    return fasttrees.Model(make(evaluator.forest, evaluator.objective, evaluator.average_output), model._facts)


def measure_scoring(paths: list[Path], rows: np.ndarray, batches: list[int] = BATCHES) -> list[str]:
    lines = [
        "| model | rows | LightGBM, us a row | fasttrees, us a row | ratio | two threads, ratio to LightGBM's two |",
        "|---|---|---|---|---|---|",
    ]
    for path in paths:
        booster, model = lightgbm.Booster(model_file=path), fasttrees.load(path)
        for n_rows in batches:
            batch = np.ascontiguousarray(rows[:n_rows])
            assert np.asarray(booster.predict(batch)).tobytes() == model.predict(batch).tobytes()
            times = alternate(
                {
                    "lightgbm 1": partial(booster.predict, batch, num_threads=1),
                    "fasttrees 1": partial(model.predict, batch, n_threads=1),
                    "lightgbm 2": partial(booster.predict, batch, num_threads=2),
                    "fasttrees 2": partial(model.predict, batch, n_threads=2),
                }
            )
            theirs, ours = times["lightgbm 1"] / n_rows * 1e6, times["fasttrees 1"] / n_rows * 1e6
            lines.append(
                f"| {path.stem} | {n_rows:,} | {theirs:.3f} | {ours:.3f} | {theirs / ours:.1f} "
                f"| {times['lightgbm 2'] / times['fasttrees 2']:.1f} |"
            )
            print(lines[-1], flush=True)
    return lines


def measure_builds(paths: list[Path], rows: np.ndarray) -> list[str]:
    builds = _engine.usable_builds()
    batch = np.ascontiguousarray(rows[:10_000])
    lines = ["| model, 10,000 rows | " + " | ".join(f"`{b}`" for b in builds) + " |", "|---" * (len(builds) + 1) + "|"]
    for path in paths:
        booster, model = lightgbm.Booster(model_file=path), fasttrees.load(path)
        functions: dict[str, Callable[[], object]] = {"lightgbm": partial(booster.predict, batch, num_threads=1)}
        for build in builds:
            functions[build] = partial(with_build(model, build).predict, batch, n_threads=1)
        times = alternate(functions)
        lines.append(f"| {path.stem} | " + " | ".join(f"{times['lightgbm'] / times[b]:.1f}" for b in builds) + " |")
        print(lines[-1], flush=True)
    return lines


def measure_loading(paths: list[Path]) -> list[str]:
    lines = [
        "| model | file, MB | LightGBM, ms | fasttrees, ms | ratio | memory once scored, MB |",
        "|---|---|---|---|---|---|",
    ]
    for path in paths:
        times = alternate(
            {"lightgbm": partial(lightgbm.Booster, model_file=path), "fasttrees": partial(fasttrees.load, path)}
        )
        model = fasttrees.load(path)
        model.predict(np.zeros((100, model.num_feature())))
        size = path.stat().st_size / 1e6
        lines.append(
            f"| {path.stem} | {size:.1f} | {times['lightgbm'] * 1e3:.2f} | {times['fasttrees'] * 1e3:.2f} "
            f"| {times['lightgbm'] / times['fasttrees']:.1f} | {model.nbytes / 1e6:.1f} |"
        )
        print(lines[-1], flush=True)
    return lines


def main() -> None:
    table = np.loadtxt(DATA)
    labels, features = table[:, 0], np.ascontiguousarray(table[:, 1:])
    rows = np.resize(features, (max(BATCHES), features.shape[1]))
    with tempfile.TemporaryDirectory() as folder:
        paths = [
            train(features, labels, trees, {"num_leaves": leaves}, Path(folder) / f"{trees}x{leaves}.txt")
            for trees, leaves in SHAPES
        ]
        others = [
            train(features, labels, trees, parameters, Path(folder) / f"{name}.txt")
            for name, (trees, parameters) in OTHERS.items()
        ]
        scoring = measure_scoring(paths[:3], rows)
        flights = np.genfromtxt(FLIGHTS / "rows.csv", delimiter=",")
        other = measure_scoring([FLIGHTS / "model.txt"], flights, [10_000])
        other += measure_scoring(others, rows, [10_000])[2:]
        builds = measure_builds(paths[:3], rows)
        loading = measure_loading([paths[0], paths[1], paths[3]])
    page = f"""# Performance

Written by `python -m benchmarks.speed` on {datetime.date.today()}. We made one of the two engines compared, so run it
yourself: it needs no edit.

{describe_machine()}

Models are trained on the binary example data of LightGBM (7,000 rows, 28 numerical features, repeated
to make the batches) and named trees x leaves. Times are medians of {REPEATS} runs in which the engines take turns;
numpy array in, numpy array out; every result was first compared bit for bit.

## Scoring, one thread

Goal: at least 15 times LightGBM's speed on 10,000 rows with 100 and 500 trees of 31 leaves. The last column sets both
engines to two threads.

{chr(10).join(scoring)}

Fewer than 12 rows are walked, eight trees at a time; there, the Python call is most of the time.

The same for other kinds of models: the flights example (`model`: 300 trees of 31 leaves, numbers, categories and
missing values), linear trees, and trees beyond the 256 leaves that selection handles.

{chr(10).join(other)}

## Builds

The kernels are compiled three times from one source, for every x86-64 processor (`_eval`), for those with AVX2 and for
those with AVX-512; the best one that the processor runs is taken at import. Ratios to LightGBM in the same run, one
thread:

{chr(10).join(builds)}

## Loading

{chr(10).join(loading)}

LightGBM reads the trees with all CPUs, fasttrees with one; fasttrees proves the whole model while it reads, and makes
its evaluation plan when the first batch comes (counted in the memory, not in the time).
"""
    PAGE.write_text(page)


if __name__ == "__main__":
    main()
