"""Measure what a process pays once: starting, importing, loading, its first row; and what it takes in memory."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Hashable
from typing import Any

from benchmarks.catalogue import ENGINES, OURS
from benchmarks.preparing import Model, prepared, prepared_folder
from benchmarks.scoring import Effort, alternate
from benchmarks.workers import EngineError, Engines

MEMORY_ROWS = [10_000, 100_000]
BARE = "bare"
WITHOUT_NUMPY = f"{OURS}, without numpy"
ONE_ROW = """
import sys
import numpy
from pathlib import Path
from benchmarks.engines import {name} as engine
engine.predict(engine.load(Path(sys.argv[1]), Path(sys.argv[2])), numpy.zeros((1, {n_features})), 1)
"""
ONE_ROW_WITHOUT_NUMPY = """
import sys
from array import array
import fasttrees
row = memoryview(bytes(8 * {n_features})).cast("d", (1, {n_features}))
fasttrees.load(sys.argv[1]).predict_into(row, array("d", [0]))
"""


def measure_fresh(engines: Engines, model: Model, n_features: int, effort: Effort) -> dict[str, Any]:
    """Seconds of a whole process that starts, imports, loads and scores one row; beside one that does nothing."""
    turns: dict[Hashable, Callable[[], float]] = {BARE: process_turn(engines, OURS, model, "pass")}
    code = ONE_ROW_WITHOUT_NUMPY.format(n_features=n_features)
    turns[WITHOUT_NUMPY] = process_turn(engines, OURS, model, code)
    for name in engines.names:
        if "error" not in prepared(name, model):
            turns[name] = process_turn(engines, name, model, ONE_ROW.format(name=name, n_features=n_features))
    return {str(key): value for key, value in alternate(turns, effort).items()}


def process_turn(engines: Engines, name: str, model: Model, code: str) -> Callable[[], float]:
    command = [str(engines.pythons[name]), "-c", code, str(model.path), str(prepared_folder(name, model))]

    def turn() -> float:
        begin = time.perf_counter()
        done = subprocess.run(command, env=engines.environment(name), capture_output=True, text=True)
        seconds = time.perf_counter() - begin
        if done.returncode:
            raise EngineError((done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1])
        return seconds

    return turn


def measure_memory(engines: Engines, model: Model, limit: float) -> dict[str, Any]:
    """Bytes that each engine takes to load the model, and to score numbers of rows."""
    results: dict[str, Any] = {}
    for name in engines.names:
        with engines.start(name) as worker:
            try:
                worker("read_rows", path=str(model.rows))
                folder = str(prepared_folder(name, model))
                results[name] = worker(
                    "measure_memory", limit=limit, path=str(model.path), prepared=folder, n_rows=MEMORY_ROWS
                )
            except EngineError as error:
                results[name] = {"error": str(error)}
    return results


def measure_sizes(engines: Engines, models: list[Model], limit: float) -> dict[str, Any]:
    """Bytes of each model's file, and of our model as loaded and once it has scored a batch."""
    sizes: dict[str, Any] = {}
    for model in models:
        with engines.start(OURS) as worker:
            worker("read_rows", path=str(model.rows))
            found = worker("measure_memory", limit=limit, path=str(model.path), prepared="", n_rows=[])
            sizes[model.name] = {
                "file": model.path.stat().st_size,
                "loaded": found["nbytes"],
                "scored": found["nbytes_scored"],
            }
    return sizes


def titles(results: dict[str, Any]) -> dict[str, str]:
    """Name the processes that measure_fresh compares."""
    named = {BARE: "`python -c pass`", WITHOUT_NUMPY: "fasttrees, without numpy"}
    return {key: named.get(key) or ENGINES[key].title for key in results}
