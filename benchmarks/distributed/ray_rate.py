"""Rows per second and core inside Ray Data: fasttrees, LightGBM in the same place, and what Ray takes without either.

``python -m benchmarks.distributed.ray_rate MODEL...`` needs ray, lightgbm and fasttrees in one environment, such as
that of ``make test-engines``. One actor reads Parquet of random rows and scores it: Ray fuses the two. Nobody fetches
the scores. Times are by the clock: actors come and go. LightGBM gets arrays, because it refuses the data frames that
Ray makes. Without aiohttp, Ray 2.60 now and then fails to list the files.
"""

from __future__ import annotations

import argparse
import os
import time
from typing import Any

import lightgbm
import numpy as np
import pyarrow as pa
import ray
import ray.data
from pyarrow.fs import LocalFileSystem

import fasttrees
import fasttrees.ray
from benchmarks.distributed.rates import Run, compare, files_of, parse, processes
from benchmarks.machine import describe_system


def main() -> None:
    options = parse(__doc__)
    print(describe_system(), "Ray", ray.__version__)
    # Else it kills its workers when others fill the memory of the machine.
    os.environ["RAY_memory_monitor_refresh_ms"] = "0"  # noqa: SIM112
    ray.init(num_cpus=2, include_dashboard=False, logging_level="error", object_store_memory=1 << 30)
    ray.data.DataContext.get_current().enable_progress_bars = False
    for path in options.models:
        measure(path, options)
    ray.shutdown()


def measure(path: str, options: argparse.Namespace) -> None:
    model = fasttrees.load(path)
    print(f"\n{path}: {model!r}")
    text = model.model_to_string()
    with files_of(model, options.files, options.lightgbm_files) as (all_files, few):
        runs = {
            "Ray passes through": Run(all_files, lambda files: throw_away(in_actor(files, Through, "pyarrow"))),
            "fasttrees in Ray": Run(
                all_files, lambda files: throw_away(fasttrees.ray.predict(read(files), model, compute=one_actor()))
            ),
            "LightGBM in Ray": Run(
                few, lambda files: throw_away(in_actor(files, WithLightGBM, "numpy", fn_constructor_args=(text,)))
            ),
            **processes(path, all_files, few),
        }
        compare(runs, options.repeats, time.perf_counter)


def read(paths: list[str]) -> Any:
    return ray.data.read_parquet(paths, filesystem=LocalFileSystem())


def one_actor() -> Any:
    return ray.data.ActorPoolStrategy(size=1)


def in_actor(paths: list[str], kind: type, batch_format: str, **options: Any) -> Any:
    return read(paths).map_batches(kind, batch_format=batch_format, compute=one_actor(), num_cpus=1, **options)


def throw_away(dataset: Any) -> None:
    for _ in dataset.iter_internal_ref_bundles():
        pass


class Through:
    def __call__(self, batch: pa.Table) -> pa.Table:
        return batch


class WithLightGBM:
    def __init__(self, text: str) -> None:
        self.booster = lightgbm.Booster(model_str=text)

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        scores = self.booster.predict(np.column_stack(list(batch.values())), num_threads=1)
        return {**batch, "prediction": np.asarray(scores)}


if __name__ == "__main__":
    from benchmarks.distributed import ray_rate as by_name  # so that actors import it

    by_name.main()
