"""One engine in a process of its own, which carries out commands: a line of JSON in, a line of JSON out.

Started by ``benchmarks.workers`` with the Python of the engine's environment; knows nothing of other engines.
"""

from __future__ import annotations

import gc
import importlib
import importlib.metadata
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.catalogue import ENGINES

N_COMPARED = 10_000
N_SINGLE = 256  # single rows are different ones, in turn: one row again and again would train the branch predictor
MAX_BATCHES = 16
SAMPLE_SECONDS = 0.002  # calls shorter than this are timed together


class Worker:
    """The engine, its model and the rows."""

    def __init__(self, name: str) -> None:
        begin = time.perf_counter()
        self.engine: Any = importlib.import_module(f"benchmarks.engines.{name}")
        self.import_seconds = time.perf_counter() - begin
        self.name = name
        self.model: Any = None
        self.rows = np.empty((0, 0))

    def about(self) -> dict[str, Any]:
        details = self.engine.describe() if hasattr(self.engine, "describe") else ""
        distribution = ENGINES[self.name].distribution
        try:
            version = importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:  # the tree itself, not installed
            version = str(getattr(sys.modules[self.name], "__version__", "unknown"))
        reusable = hasattr(self.engine, "one_row")
        return {"version": version, "details": details, "import": self.import_seconds, "reusable": reusable}

    def prepare(self, path: str, prepared: str) -> dict[str, Any]:
        begin = time.perf_counter()
        if hasattr(self.engine, "prepare"):
            self.engine.prepare(Path(path), Path(prepared))
        return {"seconds": time.perf_counter() - begin}

    def load(self, path: str, prepared: str) -> dict[str, Any]:
        self.model = None
        gc.collect()
        before = memory("VmRSS")
        begin = time.perf_counter()
        self.model = self.engine.load(Path(path), Path(prepared))
        return {"seconds": time.perf_counter() - begin, "bytes": memory("VmRSS") - before}

    def read_rows(self, path: str) -> dict[str, Any]:
        # Mapped, so that all engines share one copy, yet writable in case one insists.
        self.rows = np.asarray(np.load(path, mmap_mode="c"))
        return {"shape": self.rows.shape}

    def expect(self, path: str) -> dict[str, Any]:
        """Write what this engine predicts, for others to compare with."""
        np.save(path, self.engine.predict(self.model, self.rows[:N_COMPARED], 1))
        return {}

    def compare(self, path: str) -> dict[str, Any]:
        """Count the predictions with the same bits, in one batch, and in the first rows one by one."""
        expected = np.load(path)
        batch = np.asarray(self.engine.predict(self.model, self.rows[:N_COMPARED], 1))
        if batch.shape != expected.shape:
            raise ValueError(f"predictions have the shape {batch.shape}, not {expected.shape}")
        rows = self._batches(1)
        singles = [np.concatenate([np.asarray(self.engine.predict(self.model, row, 1)) for row in rows])]
        if hasattr(self.engine, "one_row"):
            one_row = self.engine.one_row(self.model)
            singles.append(np.array([one_row(row[0]) for row in rows]))
        found = np.concatenate([batch, *singles]).astype(np.float64)
        wanted = np.concatenate([expected, *(expected[: len(single)] for single in singles)])
        return {
            "compared": found.size,
            "equal": int((found.view(np.int64) == wanted.view(np.int64)).sum()),
            "difference": float(np.abs(found - wanted).max()),
            "range": float(np.ptp(expected)),
        }

    def score(
        self, n_rows: int, n_threads: int, seconds: float, clock: str, same: bool = False, reusable: bool = False
    ) -> dict[str, Any]:
        """Score different batches, or one and the same, for about `seconds`: the median seconds of a call."""
        batches = self._batches(n_rows)[: 1 if same else None]
        if reusable:
            work = self.engine.one_row(self.model)
            batches = [batch[0] for batch in batches]
        else:
            engine_predict, model = self.engine.predict, self.model

            def work(rows: np.ndarray) -> object:
                return engine_predict(model, rows, n_threads)

        return timed(work, batches, seconds, clock)

    def reload(self, path: str, prepared: str, seconds: float, clock: str) -> dict[str, Any]:
        """Load again and again: the median seconds."""
        return timed(lambda _: self.engine.load(Path(path), Path(prepared)), [None], seconds, clock)

    def measure_memory(self, path: str, prepared: str, n_rows: list[int]) -> dict[str, Any]:
        """Find the bytes that loading takes, and that scoring takes at its peak beyond the rows and the result."""
        result: dict[str, Any] = {"load": self.load(path, prepared)["bytes"], "scoring": {}}
        if hasattr(self.engine, "nbytes"):
            result["nbytes"] = self.engine.nbytes(self.model)
        self.rows.sum()  # maps them all
        self.engine.predict(self.model, self.rows[:1000], 1)  # what is made once, with the first batch
        for n in n_rows:
            gc.collect()
            before = memory("VmRSS")
            Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from here
            scores = self.engine.predict(self.model, self.rows[:n], 1)
            result["scoring"][str(n)] = memory("VmHWM") - before - scores.nbytes
            del scores
        if hasattr(self.engine, "nbytes"):
            result["nbytes_scored"] = self.engine.nbytes(self.model)
        return result

    def _batches(self, n_rows: int) -> list[np.ndarray]:
        count = min(N_SINGLE if n_rows == 1 else MAX_BATCHES, len(self.rows) // n_rows)
        return [self.rows[i * n_rows : (i + 1) * n_rows] for i in range(count)]


def timed(work: Callable[[Any], object], arguments: list[Any], seconds: float, clock: str) -> dict[str, Any]:
    """Call `work` with one argument after the other for about `seconds`: the median seconds of a call by the clock."""
    now = getattr(time, clock)
    gc.collect()
    gc.disable()
    begin = now()
    work(arguments[0])
    first = now() - begin
    samples: list[float] = []
    if first < seconds:
        turn = arguments * max(1, round(SAMPLE_SECONDS / first / len(arguments)))
        if first * len(turn) > seconds:
            turn = turn[: max(1, int(seconds / first))]
        deadline = begin + seconds
        while not samples or now() < deadline:
            start = now()
            for argument in turn:
                work(argument)
            samples.append((now() - start) / len(turn))
    gc.enable()
    return {"seconds": statistics.median(samples or [first])}


def memory(key: str) -> int:
    """Return a figure of this process in bytes: VmRSS, its memory now, or VmHWM, the peak."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1]) * 1024
    raise KeyError(key)


def main() -> None:
    # Replies go where standard output was; what engines print goes to standard error.
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    worker = None
    for line in sys.stdin:
        command = json.loads(line)
        try:
            if worker is None:
                worker = Worker(sys.argv[1])
            reply = getattr(worker, command.pop("command"))(**command)
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}"}
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


if __name__ == "__main__":
    main()
