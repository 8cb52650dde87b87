"""Measure how the time of a row grows with trees, leaves, features, rows and threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable
from contextlib import ExitStack, suppress
from typing import Any

from benchmarks.catalogue import OURS, REFERENCE
from benchmarks.preparing import Model, prepared_folder, train
from benchmarks.scoring import Effort, alternate, scoring_turn
from benchmarks.workers import EngineError, Engines, Worker

COMPARED = [OURS, REFERENCE, "pylignum"]
N_ROWS = 10_000
TREES = [10, 30, 100, 300, 1000]
LEAVES = [7, 15, 31, 63, 127, 255, 511, 1023, 2047, 4095]
FEATURES = [20, 50, 100, 200, 500, 1000, 2000]
ROWS = [1, 2, 4, 7, 8, 16, 32, 64, 128, 256, 512, 1024, 4096, 16384, 100_000]
BASE = "binary-500x31"


def measure_growth(engines: Engines, effort: Effort) -> dict[str, Any]:
    """Seconds per row for each value of each quantity, of ours, LightGBM and pylignum."""
    growth: dict[str, Any] = {}
    for quantity, values in [("trees", TREES), ("leaves", LEAVES), ("features", FEATURES)]:
        models = train([f"{quantity}-{value}" for value in values])
        cases = [(str(value), N_ROWS, 1) for value in values]
        growth[quantity] = {}
        for model, case in zip(models, cases, strict=True):
            growth[quantity] |= measure(engines, model, [case], effort)
    (base,) = train([BASE])
    growth["rows"] = measure(engines, base, [(str(n), n, 1) for n in ROWS], effort)
    n_cpus = len(os.sched_getaffinity(0))
    growth["threads"] = measure(engines, base, [(str(n), max(ROWS), n) for n in range(1, n_cpus + 1)], effort.elapsed())
    return growth


def measure(
    engines: Engines, model: Model, cases: list[tuple[str, int, int]], effort: Effort
) -> dict[str, dict[str, float | str]]:
    """Seconds per row of each engine in each case: its label, the number of rows and of threads."""
    found: dict[str, dict[str, float | str]] = {label: {} for label, _, _ in cases}
    with ExitStack() as stack:
        workers: list[Worker] = []
        for name in (name for name in COMPARED if name in engines.names):
            worker = stack.enter_context(engines.start(name))
            with suppress(EngineError):  # one that cannot load the model is left out
                folder = str(prepared_folder(name, model))
                worker("load", limit=effort.limit, path=str(model.path), prepared=folder)
                worker("read_rows", path=str(model.rows))
                workers.append(worker)
        for label, n_rows, n_threads in cases:
            turns: dict[Hashable, Callable[[], float]] = {
                worker.name: scoring_turn(worker, n_rows, n_threads, effort) for worker in workers
            }
            for key, seconds in alternate(turns, effort).items():
                found[label][str(key)] = seconds / n_rows if isinstance(seconds, float) else seconds
    return found
