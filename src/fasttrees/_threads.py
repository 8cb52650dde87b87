"""How many threads a call gets, and the pool that runs them."""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from fasttrees.errors import InputError

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

__all__ = ["MIN_ROWS", "available_cpus", "resolve_n_threads", "run_in_threads"]

MIN_ROWS_PER_THREAD = 1024  # below this, handing rows to a thread costs more than scoring them
MIN_ROWS = 2 * MIN_ROWS_PER_THREAD  # below this, all rows are scored by the calling thread


def resolve_n_threads(n_threads: int | None) -> int:
    """Turn the ``n_threads`` argument of a call into a number of threads.

    Parameters
    ----------
    n_threads : int or None
        None: as many as the CPUs that this process may use. At least 1 otherwise.

    Returns
    -------
    int

    Raises
    ------
    InputError
        If `n_threads` is not None and not a whole number of at least 1.
    """
    if n_threads is None:
        return available_cpus()
    if isinstance(n_threads, bool) or not isinstance(n_threads, int) or n_threads < 1:
        raise InputError(f"expected n_threads to be None or a whole number of at least 1, got {n_threads!r}")
    return n_threads


def available_cpus() -> int:
    """Count the CPUs that this process may use: its affinity, cut by its control groups; at least 1."""
    return max(1, math.ceil(min(len(os.sched_getaffinity(0)), _quota())))


@functools.cache  # a quota hardly ever changes in the life of a process, and reading it takes several files
def _quota() -> float:
    return min([math.inf, *_quotas_v2("/proc/self/cgroup", "/sys/fs/cgroup"), *_quotas_v1("/sys/fs/cgroup")])


def _quotas_v2(membership: str, root: str) -> list[float]:
    """CPUs granted by each control group (version 2) from the process's own up to the root."""
    path = ""
    for line in _read(membership).splitlines():
        if line.startswith("0::/"):
            path = line[len("0::/") :]
    quotas = []
    while True:
        quota, _, period = _read(os.path.join(root, path, "cpu.max")).partition(" ")
        if quota.isdigit() and period.strip().isdigit() and int(period) > 0:
            quotas.append(int(quota) / int(period))
        if not path:
            return quotas
        path = os.path.dirname(path)


def _quotas_v1(root: str) -> list[float]:
    """CPUs granted by the control group (version 1) that a container sees as its own."""
    quota = _read(os.path.join(root, "cpu", "cpu.cfs_quota_us")).strip()
    period = _read(os.path.join(root, "cpu", "cpu.cfs_period_us")).strip()
    return [int(quota) / int(period)] if quota.isdigit() and period.isdigit() and int(period) > 0 else []


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.read()
    except OSError:
        return ""


def run_in_threads(work: Callable[[int, int], object], n_rows: int, n_threads: int | None) -> None:
    """Call ``work(start, stop)`` for ranges that cover `n_rows` rows, at the same time where that pays.

    An exception in any range is raised here, after all ranges have ended.
    """
    if n_rows < MIN_ROWS:
        if n_threads is not None:
            resolve_n_threads(n_threads)  # a wrong argument is wrong for few rows too
        work(0, n_rows)
        return
    n_ranges = min(resolve_n_threads(n_threads), n_rows // MIN_ROWS_PER_THREAD)
    bounds = [n_rows * i // n_ranges for i in range(n_ranges + 1)]
    if n_ranges == 1:
        work(0, n_rows)
        return
    pool = _pool(os.getpid())
    futures = [pool.submit(work, bounds[i], bounds[i + 1]) for i in range(1, n_ranges)]
    try:
        work(bounds[0], bounds[1])
    finally:
        errors = [future.exception() for future in futures]
    for error in errors:
        if error is not None:
            raise error


@functools.lru_cache(maxsize=1)
def _pool(pid: int) -> ThreadPoolExecutor:
    """Return the pool of this process: a forked child has none of its parent's threads, so it gets its own.

    It starts threads as calls need them, one for each CPU at most: more could not run at the same time.
    """
    from concurrent.futures import ThreadPoolExecutor  # here, because it takes as long to import as this whole package

    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="fasttrees")
