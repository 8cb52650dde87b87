"""How many threads a call gets, and the pool that runs them."""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
import operator
import os
import threading
from collections.abc import Callable

# Imported here and not when first needed: a process that forks during an import leaves its child a lock held for ever.
from concurrent.futures import ThreadPoolExecutor

from fasttrees.errors import InputError

__all__ = ["MIN_ROWS", "available_cpus", "resolve_n_threads", "run_in_threads", "run_ranges"]

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
    try:
        number = 0 if isinstance(n_threads, bool) else operator.index(n_threads)
    except TypeError:
        number = 0
    if number < 1:
        raise InputError(f"expected n_threads to be None or a whole number of at least 1, got {n_threads!r}")
    return number


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
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return ""


def run_in_threads(work: Callable[[int, int], object], n_rows: int, n_threads: int | None) -> None:
    """Call ``work(start, stop)`` for ranges that cover `n_rows` rows, at the same time where that pays.

    Returns, or raises an exception of any range, when all ranges have ended.
    """
    if n_threads is not None:
        n_threads = resolve_n_threads(n_threads)  # a wrong argument is wrong for few rows too
    if n_rows < MIN_ROWS or n_threads == 1:
        work(0, n_rows)
        return
    n_ranges = min(resolve_n_threads(n_threads), n_rows // MIN_ROWS_PER_THREAD)
    run_ranges(work, [n_rows * i // n_ranges for i in range(n_ranges + 1)], n_ranges)


def run_ranges(work: Callable[[int, int], object], bounds: list[int], n_threads: int) -> None:
    """Call ``work(start, stop)`` for each two neighbours of `bounds`, in up to `n_threads` threads.

    Returns, or raises an exception of any call, when all calls have ended.
    """
    n_ranges = len(bounds) - 1
    ranges = iter(list(itertools.pairwise(bounds)))
    ended = threading.Semaphore(0)
    errors: list[BaseException] = []

    def take_ranges() -> None:
        for start, stop in ranges:  # each range is taken once, by whichever thread comes first
            try:
                work(start, stop)
            except BaseException as error:
                errors.append(error)
            finally:
                ended.release()

    # No more threads, by a limit or because the interpreter shuts down: those that there are take all ranges.
    with contextlib.suppress(RuntimeError):
        for _ in range(min(n_threads, n_ranges) - 1):
            _pool().submit(take_ranges)
    take_ranges()
    for _ in range(n_ranges):
        ended.acquire()
    if errors:
        raise errors[0]


@functools.cache
def _pool() -> ThreadPoolExecutor:
    """Return the pool of this process: it starts threads as calls need them, one for each CPU at most."""
    os.register_at_fork(after_in_child=_pool.cache_clear)  # a forked child has none of its parent's threads
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="fasttrees")
