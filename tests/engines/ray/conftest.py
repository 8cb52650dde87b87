"""A local Ray for all tests of a run."""

from __future__ import annotations

import gc
import os
import warnings
from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(scope="session")
def ray() -> Iterator[Any]:
    os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"  # as Ray's warning about its future default asks
    # Else it kills its workers when others fill the memory of the machine.
    os.environ["RAY_memory_monitor_refresh_ms"] = "0"  # noqa: SIM112
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray uses what it has deprecated itself
        import ray
        import ray.data

        ray.init(num_cpus=2, include_dashboard=False, logging_level="error", object_store_memory=500_000_000)
        ray.data.DataContext.get_current().enable_progress_bars = False
    yield ray
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it leaves sockets and files open
        ray.shutdown()
        gc.collect()
