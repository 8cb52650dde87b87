"""Sparse matrices and files: time beside LightGBM's on 100,000 rows, and the memory that a wide matrix takes.

    python -m benchmarks.dropin.sparse [MODEL.txt ROWS.npy] --json sparse.json

Without a model one is trained, whose rows are 30% full. For each kind: seconds of both on one thread (medians of calls
that alternate) and their ratio. The wide matrix is scored on all threads, by each engine in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import scipy.sparse as sp

import fasttrees
from benchmarks.machine import describe_system

N_ROWS = 100_000
WIDE = (1_000_000, 10_000, 0.001)
REPEATS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, nargs="?")
    parser.add_argument("rows", type=Path, nargs="?", help="float64 of two dimensions, as numpy.save writes it")
    parser.add_argument("--json", type=Path, help="where to write the numbers")
    parser.add_argument("--wide", choices=["fasttrees", "lightgbm"], help="score the wide matrix only, by MODEL")
    arguments = parser.parse_args()
    if arguments.wide:
        print(json.dumps(score_wide(arguments.wide, arguments.model)))
        return
    given = arguments.rows is not None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model, rows = (arguments.model, np.load(arguments.rows, mmap_mode="r")) if given else train(folder)
        results: dict[str, Any] = compare(model, make_inputs(np.array(rows[:N_ROWS], np.float64), folder))
        wide = train_wide(folder)
        results["wide"] = {
            engine: json.loads(
                subprocess.run(
                    [sys.executable, "-m", "benchmarks.dropin.sparse", "--wide", engine, str(wide)],
                    stdout=subprocess.PIPE, check=True, text=True,
                ).stdout.splitlines()[-1]
            )
            for engine in ("fasttrees", "lightgbm")
        }  # fmt: skip
    for kind, result in results.items():
        print(kind, json.dumps(result))
    if arguments.json:
        arguments.json.write_text(json.dumps({"system": describe_system(), "kinds": results}, indent=1) + "\n")


def train(folder: Path) -> tuple[Path, np.ndarray]:
    rng = np.random.default_rng(0)
    rows = np.where(rng.random((N_ROWS, 28)) < 0.3, rng.normal(size=(N_ROWS, 28)), 0.0)
    path = folder / "model.txt"
    fit(rows, rows[:, 0] + rows[:, 1] * rows[:, 2], 500, path)
    return path, rows


def fit(rows: Any, target: Any, n_rounds: int, path: Path) -> None:
    parameters = {"objective": "regression", "num_leaves": 31, "num_threads": 1, "verbosity": -1}
    lightgbm.train(parameters, lightgbm.Dataset(rows, target), n_rounds).save_model(path)


def train_wide(folder: Path) -> Path:
    path = folder / "wide.txt"
    rows = sp.random(20_000, WIDE[1], WIDE[2], "csr", random_state=1)
    fit(rows, np.asarray(rows[:, :500].sum(axis=1)).ravel(), 100, path)
    return path


def make_inputs(rows: np.ndarray, folder: Path) -> dict[str, Any]:
    np.savetxt(folder / "rows.csv", rows, "%.17g", ",")
    np.savetxt(folder / "rows.tsv", rows, "%.17g", "\t")
    with open(folder / "rows.libsvm", "w") as file:
        last = rows.shape[1] - 1
        for row in rows:
            cells = (f"{i}:{value:.17g}" for i, value in enumerate(row) if value or i == last)
            file.write(f"0 {' '.join(cells)}\n")
    kinds = {"array": rows, "csr": sp.csr_matrix(rows), "csc": sp.csc_matrix(rows), "coo": sp.coo_matrix(rows)}
    return kinds | {f"{kind} file": folder / f"rows.{kind}" for kind in ("csv", "tsv", "libsvm")}


def compare(path: Path, inputs: dict[str, Any]) -> dict[str, Any]:
    """Medians of alternating calls on one thread, in seconds."""
    model: Any = fasttrees.load(path)
    booster = lightgbm.Booster(model_file=path)
    results = {}
    for kind, data in inputs.items():
        calls: dict[str, Callable[[], Any]] = {
            "fasttrees": partial(model.predict, data, n_threads=1),
            "lightgbm": partial(booster.predict, data, num_threads=1, verbosity=-1),
        }
        times: dict[str, list[float]] = {name: [] for name in calls}
        assert calls["fasttrees"]().tobytes() == calls["lightgbm"]().tobytes()
        for _ in range(REPEATS):
            for name, call in calls.items():
                start = time.perf_counter()
                call()
                times[name].append(time.perf_counter() - start)
        medians = {name: statistics.median(found) for name, found in times.items()}
        results[kind] = {**medians, "ratio": medians["lightgbm"] / medians["fasttrees"]}
    return results


def peak_megabytes() -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6


def score_wide(engine: str, path: Path) -> dict[str, float]:
    """Score the wide matrix in this process: seconds, and megabytes of the matrix and at the peak beyond it."""
    n_rows, n_columns, density = WIDE
    per_row = int(n_columns * density)
    rng = np.random.default_rng(2)
    indices = rng.integers(0, n_columns, (n_rows, per_row), np.int32)
    indices.sort(axis=1)
    matrix = sp.csr_matrix(
        (rng.random(n_rows * per_row), indices.ravel(), np.arange(0, n_rows * per_row + 1, per_row)),
        shape=(n_rows, n_columns),
    )
    model: Any = fasttrees.load(path) if engine == "fasttrees" else lightgbm.Booster(model_file=path)
    model.predict(matrix[:5000])
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = peak_megabytes()
    start = time.perf_counter()
    scores = model.predict(matrix)
    seconds = time.perf_counter() - start
    after = peak_megabytes()
    size = matrix.data.nbytes + matrix.indices.nbytes + matrix.indptr.nbytes
    return {"seconds": seconds, "matrix_mb": size / 1e6, "peak_mb": after - before, "sum": float(scores.sum())}


if __name__ == "__main__":
    main()
