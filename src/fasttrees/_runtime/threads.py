"""How many threads a call gets, and how they share its rows."""

from __future__ import annotations

import _thread
import os
import sys

from fasttrees.errors import InputError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["MIN_ROWS", "available_cpus", "resolve_n_threads", "run_in_threads", "run_ranges"]

MIN_ROWS = 2048  # below this, a second thread would start hardly before the first has scored all rows
RANGE_UNIT = 1024  # rows; whole blocks of the kernels


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
        number = 0 if isinstance(n_threads, bool) else n_threads.__index__()
    except (AttributeError, TypeError):
        number = 0
    if number < 1:
        raise InputError(f"expected n_threads to be None or a whole number of at least 1, got {n_threads!r}")
    return number


def available_cpus() -> int:
    """Count the CPUs that this process may use: its affinity, cut by its control groups; at least 1."""
    n_cpus, quota = len(os.sched_getaffinity(0)), _quota()
    return n_cpus if quota >= n_cpus else max(1, int(-(-quota // 1)))


def _quota() -> float:
    """CPUs granted by all control groups; read once, because it hardly ever changes and takes several files to read."""
    global _known_quota
    if _known_quota is None:
        quotas = [*_quotas_v2("/proc/self/cgroup", "/sys/fs/cgroup"), *_quotas_v1("/sys/fs/cgroup")]
        _known_quota = min(quotas, default=sys.maxsize)
    return _known_quota


_known_quota: float | None = None


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
    n_threads = min(resolve_n_threads(n_threads), n_rows // RANGE_UNIT)
    run_ranges(work, list(_ranges(n_rows, n_threads)), n_threads)


def run_ranges(work: Callable[[int, int], object], all_ranges: list[tuple[int, int]], n_threads: int) -> None:
    """Call ``work(start, stop)`` for each range, in up to `n_threads` threads.

    Returns when all calls have ended; or raises an exception of any call, after which no call begins any more.
    """
    if not all_ranges:
        return
    ranges = iter(all_ranges)
    left = iter(range(len(all_ranges) - 1, -1, -1))
    errors: list[BaseException] = []
    ended = _thread.allocate_lock()
    ended.acquire()

    def take_ranges() -> None:
        for start, stop in ranges:  # each range is taken once, by whichever thread comes first
            try:
                if not errors:
                    work(start, stop)
            except BaseException as error:
                errors.append(error)
            if next(left) == 0:
                ended.release()

    # To start a thread takes no longer than to wake one that waits, and leaves nothing behind for a fork or an exit.
    try:
        for _ in range(min(n_threads, len(all_ranges)) - 1):
            _thread.start_new_thread(take_ranges, ())
    except (RuntimeError, MemoryError):
        pass  # a limit, or the interpreter shuts down: the threads that there are take all ranges
    take_ranges()
    try:
        ended.acquire()
    except BaseException as interrupt:  # the others still write to what belongs to the caller
        errors.append(interrupt)
        ended.acquire()
    if errors:
        raise errors[0]


def _ranges(n_rows: int, n_threads: int) -> Iterator[tuple[int, int]]:
    """Cut rows into ranges, large ones first: few in all, and threads that end at nearly the same time."""
    start = 0
    while start < n_rows:
        size = max((n_rows - start) // (2 * n_threads) // RANGE_UNIT, 1) * RANGE_UNIT
        stop = min(start + size, n_rows)
        yield start, stop
        start = stop
