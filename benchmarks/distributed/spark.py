"""Rows per second and core inside Spark: fasttrees, LightGBM in the same place, and what Spark takes without either.

``python -m benchmarks.distributed.spark MODEL...`` needs pyspark, lightgbm and fasttrees in one environment, such as
that of ``make test-engines``, and Java 17. It writes Parquet of random rows; then Spark reads it, scores it and throws
it away (its sink "noop"), and a table is printed. Each number is the median of runs that take turns, after one that
nobody counts; each run is a job of its own, so its start is in it. LightGBM gets a part of the rows. CPU time is that
of this process, of Spark's JVM and of its Python workers together: what counts on a machine that is busy otherwise.

"passed through" sends each batch through a Python worker unchanged: what Spark takes to give rows to Python and to have
them back. "one process" reads the same Parquet by pyarrow and scores it in one thread, without Spark.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

import fasttrees
from benchmarks.machine import describe_system
from fasttrees.spark import transform

ROWS_OF_FILE = 1 << 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--cores", type=int, default=1, help="tasks at a time, of one thread each")
    parser.add_argument("--files", type=int, default=24, help="of 65,536 rows each")
    parser.add_argument("--lightgbm-files", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    print(describe_system())
    for path in options.models:
        with tempfile.TemporaryDirectory() as folder:
            measure(path, Path(folder), options)


def measure(path: str, folder: Path, options: argparse.Namespace) -> None:
    model = fasttrees.load(path)
    names = model.feature_name()
    few, all_files = folder / "few", folder / "all"
    few.mkdir()
    all_files.mkdir()
    generator = np.random.default_rng(0)
    for number in range(options.files):
        rows = generator.normal(size=(len(names), ROWS_OF_FILE))
        pq.write_table(pa.table(list(rows), names=names), all_files / f"{number:04}.parquet", compression="none")
        if number < options.lightgbm_files:
            os.link(all_files / f"{number:04}.parquet", few / f"{number:04}.parquet")

    spark = start(options.cores)
    text = spark.sparkContext.broadcast(model.model_to_string())
    many_rows, few_rows = options.files * ROWS_OF_FILE, options.lightgbm_files * ROWS_OF_FILE
    runs: dict[str, tuple[int, int, Callable[[], object]]] = {
        "Spark reads": (many_rows, options.cores, lambda: throw_away(spark.read.parquet(str(all_files)))),
        "Spark passes through": (many_rows, options.cores, lambda: throw_away(passed(spark, all_files))),
        "fasttrees in Spark": (
            many_rows, options.cores, lambda: throw_away(transform(spark.read.parquet(str(all_files)), model)),
        ),
        "LightGBM in Spark": (
            few_rows, options.cores, lambda: throw_away(with_lightgbm(spark.read.parquet(str(few)), text)),
        ),
        "fasttrees, one process": (many_rows, 1, lambda: one_process(model, all_files)),
        "LightGBM, one process": (few_rows, 1, lambda: one_process(booster_of(path), few)),
    }  # fmt: skip
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for repeat in range(options.repeats + 1):
        for name, (_, _, run) in runs.items():
            begin, cpu_begin = time.perf_counter(), cpu_seconds()
            run()
            if repeat:
                times[name].append((time.perf_counter() - begin, cpu_seconds() - cpu_begin))
    print(f"\n{path}: {model!r}, {options.cores} cores, Spark {spark.version}\n")
    print("| | rows for a second and core | rows for a second of CPU time | µs of CPU time for a row |")
    print("|---|--:|--:|--:|")
    for name, (n_rows, n_cores, _) in runs.items():
        elapsed, cpu = (statistics.median(column) for column in zip(*times[name], strict=True))
        print(f"| {name} | {n_rows / elapsed / n_cores:,.0f} | {n_rows / cpu:,.0f} | {1e6 * cpu / n_rows:.2f} |")
    spark.stop()


def start(cores: int) -> Any:
    from pyspark.sql import SparkSession

    paths = os.pathsep.join([os.getcwd(), *filter(None, [os.environ.get("PYTHONPATH")])])
    os.environ |= {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1", "PYTHONPATH": paths}
    builder = SparkSession.builder.master(f"local[{cores}]")
    for name, value in {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.memory": "2g",
        "spark.sql.files.openCostInBytes": "1g",  # a file is a task
    }.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    return spark


def cpu_seconds() -> float:
    """CPU time of this process and all below it."""
    me = psutil.Process()
    total = 0.0
    for process in [me, *me.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def throw_away(df: Any) -> None:
    df.write.format("noop").mode("overwrite").save()


def passed(spark: Any, folder: Path) -> Any:
    df = spark.read.parquet(str(folder))
    return df.mapInArrow(lambda batches: batches, df.schema)


def with_lightgbm(df: Any, text: Any) -> Any:
    def score(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        booster = booster_of_text(text.value)
        for batch in batches:
            scores = booster.predict(pa.Table.from_batches([batch]), num_threads=1)
            yield pa.RecordBatch.from_arrays(
                [*batch.columns, pa.array(scores)], names=[*batch.schema.names, "prediction"]
            )

    return df.mapInArrow(score, type(df.schema)([*df.schema]).add("prediction", "double"))


@cache
def booster_of_text(text: str) -> lightgbm.Booster:
    return lightgbm.Booster(model_str=text)


@cache
def booster_of(path: str) -> lightgbm.Booster:
    return lightgbm.Booster(model_file=path)


def one_process(model: Any, folder: Path) -> None:
    threads = {"n_threads": 1} if isinstance(model, fasttrees.Model) else {"num_threads": 1}
    for path in sorted(folder.iterdir()):
        model.predict(pq.read_table(path, use_threads=False), **threads)


if __name__ == "__main__":
    from benchmarks.distributed import spark as by_name  # so that workers import it, and keep what it caches

    by_name.main()
