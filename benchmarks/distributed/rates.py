"""What the measurements of Dask and Ray share: rows in files, runs that take turns, the table."""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import lightgbm
import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

import fasttrees

ROWS_OF_FILE = 1 << 16


class Run(NamedTuple):
    """Something to measure, and with which files."""

    files: list[str]
    run: Callable[[list[str]], object]


def parse(doc: str | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--files", type=int, default=32, help="of 65,536 rows each")
    parser.add_argument("--lightgbm-files", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=3)
    return parser.parse_args()


@contextmanager
def files_of(model: fasttrees.Model, n_all: int, n_few: int) -> Iterator[tuple[list[str], list[str]]]:
    """Write Parquet of random rows; gives all files, and those for what is slow."""
    names = model.feature_name()
    generator = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        paths = [str(Path(folder, f"{number:04}.parquet")) for number in range(n_all)]
        for path in paths:
            rows = generator.normal(size=(len(names), ROWS_OF_FILE))
            pq.write_table(pa.table(list(rows), names=names), path, compression="none")
        yield paths, paths[:n_few]


def one_process(model: Any, paths: list[str]) -> None:
    for path in paths:
        table = pq.read_table(path, use_threads=False)
        if isinstance(model, fasttrees.Model):
            model.predict(table, n_threads=1)
        else:  # which is faster with pandas than with Arrow
            model.predict(table.to_pandas(), num_threads=1)


def processes(path: str, all_files: list[str], few: list[str]) -> dict[str, Run]:
    """List the same without an engine, in one thread."""
    model, booster = fasttrees.load(path), lightgbm.Booster(model_file=path)
    return {
        "fasttrees, one process": Run(all_files, lambda files: one_process(model, files)),
        "LightGBM, one process": Run(few, lambda files: one_process(booster, files)),
    }


def cpu_seconds() -> float:
    """CPU time of this process and all below it that live on: what Dask takes as a whole."""
    total = 0.0
    this = psutil.Process()
    for process in [this, *this.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def compare(runs: dict[str, Run], repeats: int, clock: Callable[[], float]) -> None:
    """Print a table: from the medians with all files and with a quarter, what a row takes, and a job without rows."""
    times: dict[tuple[str, int], list[float]] = {}
    for repeat in range(repeats + 1):
        for name, (files, run) in runs.items():
            for n_files in (len(files), len(files) // 4):
                begin = clock()
                run(files[:n_files])
                if repeat:  # the first run only warms up
                    times.setdefault((name, n_files), []).append(clock() - begin)
    print("\n| | rows/s and core | µs for a row | s for a job without rows |\n|---|--:|--:|--:|")
    for name, (files, _) in runs.items():
        whole, part = (statistics.median(times[name, n_files]) for n_files in (len(files), len(files) // 4))
        cost = (whole - part) / ((len(files) - len(files) // 4) * ROWS_OF_FILE)
        start = max(0.0, whole - cost * len(files) * ROWS_OF_FILE)
        print(f"| {name} | {1 / cost:,.0f} | {1e6 * cost:.2f} | {start:.1f} |", flush=True)
