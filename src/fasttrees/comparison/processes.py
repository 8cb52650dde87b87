"""The processes of a server: their CPUs, CPU time and memory."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from fasttrees.comparison.results import Memory

__all__ = ["Tree", "keep_niceness", "peak_of", "running_on"]

INTERVAL = 0.01  # seconds between two samples of the memory
CPUCLOCK_SCHED = 2  # with a process id: the clock of its CPU time, as clock_getcpuclockid(3) makes it
CGROUPS = Path("/sys/fs/cgroup")


@contextmanager
def running_on(cpus: set[int]) -> Iterator[None]:
    """Keep this thread, and the processes and threads that it starts, on some CPUs."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def keep_niceness(pid: int) -> None:
    """Give the session of a process the niceness of this process: the kernel shares CPUs among sessions first."""
    with suppress(OSError):  # kernels without autogroups, or that do not let this user change them
        Path(f"/proc/{pid}/autogroup").write_text(str(os.getpriority(os.PRIO_PROCESS, 0)))


class Tree:
    """A process and all its descendants.

    Parameters
    ----------
    pid : int
    in_cgroup : bool
        Whether the processes have a control group of their own, as a container's have.
    """

    def __init__(self, pid: int, in_cgroup: bool) -> None:
        self._root = psutil.Process(pid)
        self._cgroup = _memory_files(pid) if in_cgroup else None
        keep_niceness(pid)

    def _processes(self) -> list[psutil.Process]:
        return [self._root, *self._root.children(recursive=True)]

    def take_niceness(self) -> None:
        """Give all processes the niceness of this one: those of a container are not its children."""
        for process in self._processes():
            with suppress(psutil.Error):
                process.nice(os.getpriority(os.PRIO_PROCESS, 0))

    def cpu_seconds(self) -> float:
        """Return the CPU time of all processes since they started, to the nanosecond rather than the clock tick."""
        return sum(time.clock_gettime(~process.pid << 3 | CPUCLOCK_SCHED) for process in self._processes())

    def memory(self) -> Memory:
        """Return the bytes in memory."""
        return self._measure(self._processes())

    def _measure(self, processes: list[psutil.Process]) -> Memory:
        pss = rss = 0
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                found = process.memory_full_info()
                pss, rss = pss + found.pss, rss + found.rss
        return Memory(pss=pss, rss=rss, cgroup=self._charged())

    def _charged(self) -> int | None:
        """Return the bytes charged to the control group, without inactive files, which the kernel may drop."""
        if self._cgroup is None:
            return None
        usage, statistics = self._cgroup
        idle_files = 0
        for line in statistics.read_text().splitlines():
            key, _, value = line.partition(" ")
            if key in ("total_inactive_file", "inactive_file"):  # version 1 has both, the total last
                idle_files = int(value)
        return int(usage.read_text()) - idle_files

    @contextmanager
    def watching_memory(self) -> Iterator[list[Memory]]:
        """Sample the memory into the list that it gives, until the block ends."""
        processes = self._processes()
        samples, ended = [self._measure(processes)], threading.Event()

        def sample() -> None:
            while not ended.wait(INTERVAL):
                samples.append(self._measure(processes))

        thread = threading.Thread(target=sample)
        thread.start()
        try:
            yield samples
        finally:
            ended.set()
            thread.join()


def peak_of(samples: list[Memory]) -> Memory:
    """Return the maximum of each figure."""
    groups = [sample.cgroup for sample in samples if sample.cgroup is not None]
    return Memory(
        pss=max(sample.pss for sample in samples),
        rss=max(sample.rss for sample in samples),
        cgroup=max(groups, default=None),
    )


def _memory_files(pid: int) -> tuple[Path, Path] | None:
    """Find the memory files of a process's control group: usage and statistics; None if there are none."""
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "memory":
            folder, usage = CGROUPS / "memory" / path.lstrip("/"), "memory.usage_in_bytes"
        elif controllers == "":
            folder, usage = CGROUPS / path.lstrip("/"), "memory.current"
        else:
            continue
        if (folder / usage).exists():
            return folder / usage, folder / "memory.stat"
    return None
