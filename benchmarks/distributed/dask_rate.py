"""Rows per second and core inside Dask: fasttrees, LightGBM in the same place, and what Dask takes without either.

``python -m benchmarks.distributed.dask_rate MODEL...`` needs dask, lightgbm and fasttrees in one environment, such as
that of ``make test-engines``. A worker process of one thread reads Parquet of random rows, scores it, throws it away.
CPU time is counted, of the scheduler in this process too.
"""

from __future__ import annotations

import argparse
from functools import lru_cache
from typing import Any

import dask
import dask.dataframe as dd
import lightgbm
import pandas as pd
from dask.distributed import Client, LocalCluster

import fasttrees
import fasttrees.dask
from benchmarks.distributed.rates import Run, compare, cpu_seconds, files_of, parse, processes
from benchmarks.machine import describe_system


def main() -> None:
    options = parse(__doc__)
    print(describe_system(), "Dask", dask.__version__)
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster),
    ):
        for path in options.models:
            measure(path, options)


def measure(path: str, options: argparse.Namespace) -> None:
    model = fasttrees.load(path)
    print(f"\n{path}: {model!r}")
    text = dask.delayed(model.model_to_string())
    none = pd.Series([], dtype=float)
    with files_of(model, options.files, options.lightgbm_files) as (all_files, few):
        runs = {
            "Dask reads": Run(all_files, lambda files: throw_away(dd.read_parquet(files))),
            "fasttrees in Dask": Run(
                all_files, lambda files: throw_away(fasttrees.dask.predict(dd.read_parquet(files), model, keep=[]))
            ),
            "LightGBM in Dask": Run(
                few,
                lambda files: throw_away(dd.read_parquet(files).map_partitions(with_lightgbm, text, meta=none)),
            ),
            **processes(path, all_files, few),
        }
        compare(runs, options.repeats, cpu_seconds)


def throw_away(collection: Any) -> None:
    collection.map_partitions(count, meta=pd.Series([], dtype=int)).sum().compute()


def count(part: Any) -> pd.Series:
    return pd.Series([len(part)])


def with_lightgbm(part: pd.DataFrame, text: str) -> pd.Series:
    return pd.Series(booster_of(text).predict(part, num_threads=1), index=part.index)


@lru_cache(maxsize=1)
def booster_of(text: str) -> lightgbm.Booster:
    return lightgbm.Booster(model_str=text)


if __name__ == "__main__":
    from benchmarks.distributed import dask_rate as by_name  # so that workers import it, and keep what it caches

    by_name.main()
