"""Starts servers in sessions of their own and reads what their processes cost from /proc."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from benchmarks.environments import BUILD
from benchmarks.serving.client import Client, ClientError

SESSION = 3  # place in /proc/PID/stat, counted from after the name


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def keep_niceness(pid: int) -> None:
    """Give the niceness of this process to the session of another: sessions share the CPUs first, processes then."""
    with contextlib.suppress(OSError):  # where sessions are not scheduled, or not by us
        Path(f"/proc/{pid}/autogroup").write_text(str(os.getpriority(os.PRIO_PROCESS, 0)))


class Server:
    """A server, with all the processes that it starts."""

    def __init__(
        self,
        name: str,
        command: Iterable[str | Path],
        environment: Mapping[str, str],
        port: int,
        cpus: set[int] | None = None,
    ) -> None:
        self.name, self.port = name, port
        self.log = BUILD / "logs" / f"{name}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        begin = time.perf_counter()
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [str(part) for part in command],
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # by which its processes are found
                preexec_fn=(lambda: os.sched_setaffinity(0, cpus)) if cpus else None,
            )
        keep_niceness(self._process.pid)
        try:
            self._wait_for_ping()
        except BaseException:
            self.stop()
            raise
        self.seconds_to_ping = time.perf_counter() - begin

    def _wait_for_ping(self, limit: float = 60) -> None:
        end = time.perf_counter() + limit
        while time.perf_counter() < end:
            if self._process.poll() is not None:
                raise RuntimeError(f"{self.name} ended with status {self._process.returncode}; see {self.log}")
            with contextlib.suppress(OSError, ClientError), Client(self.port) as client:
                if client.exchange(b"GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n").status == 200:
                    return
            time.sleep(0.002)
        raise RuntimeError(f"{self.name} did not answer /ping in {limit:.0f} s; see {self.log}")

    def pids(self) -> list[int]:
        """Return its processes."""
        return [pid for pid in _all_pids() if _stat(pid)[SESSION : SESSION + 1] == [str(self._process.pid)]]

    def cpu_seconds(self) -> float:
        """Return the CPU time of its processes, since they started."""
        return sum(time.clock_gettime(~pid << 3 | 2) for pid in self.pids())  # CPUCLOCK_SCHED of Linux

    def pss(self) -> int:
        """Return the bytes in memory: a page that n processes share counts a n-th for each."""
        return sum(pss_of(pid) for pid in self.pids())

    def rss(self) -> int:
        """Return the bytes in memory when shared pages count for each process in full."""
        return sum(memory_of(pid, "Rss") for pid in self.pids())

    @contextlib.contextmanager
    def watching_memory(self, interval: float = 0.01) -> Iterator[list[int]]:
        """Sample `pss` into the list that it gives."""
        pids, samples, ended = self.pids(), [self.pss()], threading.Event()

        def sample() -> None:
            while not ended.wait(interval):
                samples.append(sum(map(pss_of, pids)))

        thread = threading.Thread(target=sample)
        thread.start()
        try:
            yield samples
        finally:
            ended.set()
            thread.join()

    def stop(self, limit: float = 10) -> int:
        """End it as a container is ended, at last by force; return the status."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(limit)
        except subprocess.TimeoutExpired:
            return -signal.SIGKILL
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _all_pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def pss_of(pid: int) -> int:
    """Return the bytes of a process in memory, its part of shared pages; 0 if it is gone."""
    return memory_of(pid, "Pss")


def memory_of(pid: int, key: str) -> int:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith(f"{key}:"):
                return int(line.split()[1]) * 1024
    except (FileNotFoundError, ProcessLookupError):
        pass
    return 0
