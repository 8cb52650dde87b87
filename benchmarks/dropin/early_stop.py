"""Early stopping of predictions: time beside scoring with all trees, and beside LightGBM's early stopping.

    python -m benchmarks.dropin.early_stop MODEL.txt ROWS.npy --json early_stop.json

For each number of iterations between two tests and each margin: milliseconds on one thread of ours with all trees, ours
with early stopping and LightGBM with early stopping (medians of calls that alternate), and the share of rows that
stopped before the last tree made a difference.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np

import fasttrees
from benchmarks.machine import describe_system

FREQUENCIES = [1, 10, 50]
MARGINS = [0.5, 1.0, 2.0, 4.0, 8.0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("rows", type=Path, help="float64 of two dimensions, as numpy.save writes it")
    parser.add_argument("--json", type=Path, help="where to write the numbers")
    parser.add_argument("--n-rows", type=int, default=10_000)
    parser.add_argument("--turns", type=int, default=5)
    arguments = parser.parse_args()
    model, booster = fasttrees.load(arguments.model), lightgbm.Booster(model_file=arguments.model)
    rows = np.load(arguments.rows)[: arguments.n_rows]
    whole = model.predict(rows)
    found = []
    print(describe_system())
    print(f"{'every':>5}{'margin':>8}{'stopped':>9}{'all trees':>11}{'ours, ms':>10}{'LightGBM':>10}{'faster':>8}")
    for every, margin in product(FREQUENCIES, MARGINS):
        stop: dict[str, Any] = {
            "pred_early_stop": True,
            "pred_early_stop_freq": every,
            "pred_early_stop_margin": margin,
        }
        calls: list[Callable[[], Any]] = [
            partial(model.predict, rows, n_threads=1),
            partial(model.predict, rows, n_threads=1, **stop),
            partial(booster.predict, rows, num_threads=1, **stop),
        ]
        taken: list[list[float]] = [[] for _ in calls]
        for _ in range(arguments.turns):
            results = []
            for call, seconds in zip(calls, taken, strict=True):
                begin = time.perf_counter()
                results.append(call())
                seconds.append(time.perf_counter() - begin)
        assert results[1].tobytes() == results[2].tobytes(), "other bits than LightGBM"
        times = [1000 * statistics.median(seconds) for seconds in taken]
        stopped = float((results[1] != whole).reshape(len(rows), -1).any(axis=1).mean())
        found.append({"every": every, "margin": margin, "stopped": stopped, "milliseconds": times})
        print(f"{every:5}{margin:8}{stopped:9.0%}", end="")
        print(f"{times[0]:11.2f}{times[1]:10.2f}{times[2]:10.1f}{times[2] / times[1]:7.0f}x", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps({"system": describe_system(), "found": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
