"""Measure how fast every engine scores and loads a model, in turn."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Hashable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.catalogue import OURS, REFERENCE
from benchmarks.environments import BUILD
from benchmarks.preparing import Model, prepared, prepared_folder
from benchmarks.workers import EngineError, Engines, Worker

SAME_ROW, REUSABLE = "1, same row", "1, reusable"
WRONG = 1e-3  # an engine is wrong if it differs by more than this part of the range of the predictions


@dataclass(frozen=True)
class Effort:
    """How long to measure."""

    rounds: int
    seconds: float  # of an engine's turn
    budget: float  # of an engine in one comparison; it sits out the rounds that are left when this is spent
    limit: float  # of any command
    clock: str = "perf_counter"  # or process_time

    def elapsed(self) -> Effort:
        """Count elapsed time: all that makes sense where threads are compared."""
        return replace(self, clock="perf_counter")


def alternate(turns: dict[Hashable, Callable[[], float]], effort: Effort) -> dict[Hashable, float | str]:
    """Let all take turns: the median of each, or the error that ended it."""
    results: dict[Hashable, list[float]] = {key: [] for key in turns}
    errors: dict[Hashable, str] = {}
    spent = dict.fromkeys(turns, 0.0)
    for _ in range(effort.rounds):
        for key, turn in turns.items():
            if key in errors or spent[key] > effort.budget:
                continue
            begin = time.perf_counter()
            try:
                results[key].append(turn())
            except EngineError as error:
                errors[key] = str(error)
            spent[key] += time.perf_counter() - begin
    return {key: errors[key] if key in errors else statistics.median(results[key]) for key in turns}


def measure_model(engines: Engines, model: Model, sizes: list[int], effort: Effort) -> dict[str, Any]:
    """Compare all engines on a model: preparing, loading, agreement, and scoring of batches of each size."""
    results: dict[str, dict[str, Any]] = {name: {} for name in engines.names}
    with ExitStack() as stack:
        workers: dict[str, Worker] = {}
        for name in engines.names:
            worker = stack.enter_context(engines.start(name))
            try:
                results[name] |= start(worker, model, effort)
                workers[name] = worker
            except EngineError as error:
                results[name]["error"] = str(error)
                worker.stop()
        turns: dict[Hashable, Callable[[], float]] = {
            (name, "load"): loading_turn(worker, model, effort, results[name]["first_load"])
            for name, worker in workers.items()
        }
        keep(results, alternate(turns, effort))
        for size in sizes:
            threads = (1, 2) if size == max(sizes) and size > 1 else (1,)
            by_clock = effort.elapsed() if len(threads) > 1 else effort
            turns = {
                (name, key_of(size, n)): scoring_turn(worker, size, n, by_clock)
                for name, worker in workers.items()
                for n in threads
            }
            if size == 1:
                for name, worker in workers.items():
                    turns[name, SAME_ROW] = scoring_turn(worker, size, 1, effort, same=True)
                    if results[name]["reusable"]:
                        turns[name, REUSABLE] = scoring_turn(worker, size, 1, effort, reusable=True)
            keep(results, alternate(turns, effort))
    return results


def start(worker: Worker, model: Model, effort: Effort) -> dict[str, Any]:
    """Load the model and compare the engine's predictions with LightGBM's, which writes them first."""
    outcome = prepared(worker.name, model)
    if "error" in outcome:
        raise EngineError(outcome["error"])
    result: dict[str, Any] = {"prepare": outcome["seconds"], **worker("about")}
    folder = str(prepared_folder(worker.name, model))
    loaded = worker("load", limit=effort.limit, path=str(model.path), prepared=folder)
    result["first_load"] = loaded["seconds"]
    worker("read_rows", path=str(model.rows))
    expected = str(BUILD / f"{model.name}.expected.npy")
    if worker.name == REFERENCE:
        worker("expect", limit=effort.limit, path=expected)
    result |= worker("compare", limit=effort.limit, path=expected)
    if not result["difference"] <= WRONG * result["range"]:
        raise EngineError(f"wrong: differs by {result['difference']:.2g}")
    if worker.name == OURS and result["equal"] != result["compared"]:
        raise EngineError(f"wrong: {result['compared'] - result['equal']} predictions are not bit-equal")
    return result


def loading_turn(worker: Worker, model: Model, effort: Effort, first: float) -> Callable[[], float]:
    if first > effort.budget:
        return lambda: first  # long enough; not again
    arguments = {"path": str(model.path), "prepared": str(prepared_folder(worker.name, model))}
    timing = {"seconds": effort.seconds, "clock": effort.clock}
    return lambda: worker("reload", limit=effort.limit, **timing, **arguments)["seconds"]


def scoring_turn(worker: Worker, n_rows: int, n_threads: int, effort: Effort, **how: bool) -> Callable[[], float]:
    arguments = {"n_rows": n_rows, "n_threads": n_threads, "seconds": effort.seconds, "clock": effort.clock, **how}
    return lambda: worker("score", limit=effort.limit, **arguments)["seconds"]


def key_of(n_rows: int, n_threads: int = 1) -> str:
    return f"{n_rows}" if n_threads == 1 else f"{n_rows}, {n_threads} threads"


def keep(results: dict[str, dict[str, Any]], times: dict[Any, float | str]) -> None:
    """Write times, or errors, beside the engine's other results."""
    for (name, key), value in times.items():
        results[name].setdefault("times" if isinstance(value, float) else "errors", {})[key] = value
