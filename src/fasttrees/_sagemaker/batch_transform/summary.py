"""What a transform did, in numbers."""

from __future__ import annotations

import math
import threading
from collections import Counter
from dataclasses import asdict, dataclass

__all__ = ["Requests", "Summary"]

STEP = math.log(1.01)  # latencies are kept to within 1 %, so that any number of them takes little memory
SHORTEST = 1e-6


class Requests:
    """Statistics of requests, from several threads.

    Attributes
    ----------
    n_requests, n_retries : int
        All requests, and those among them that were not the first try.
    """

    def __init__(self) -> None:
        self.n_requests = 0
        self.n_retries = 0
        self._latencies: Counter[int] = Counter()
        self._lock = threading.Lock()

    def count(self, seconds: float) -> None:
        """Count a request."""
        step = round(math.log(max(seconds, SHORTEST)) / STEP)
        with self._lock:
            self.n_requests += 1
            self._latencies[step] += 1

    def count_retry(self) -> None:
        """Count that the next request is another try."""
        with self._lock:
            self.n_retries += 1

    def quantile(self, fraction: float) -> float:
        """Return the seconds that this fraction of the requests did not exceed; 0 if there was none."""
        rank = math.ceil(fraction * self.n_requests)
        for step, number in sorted(self._latencies.items()):
            rank -= number
            if rank <= 0:
                return math.exp(step * STEP)
        return 0.0


@dataclass(frozen=True)
class Summary:
    """What a transform did; docs/how-to/batch-transform.md describes each number."""

    files: int
    failed_files: int
    rows: int
    input_bytes: int
    output_bytes: int
    seconds: float
    start_seconds: float
    requests: int
    retries: int
    p50_seconds: float
    p99_seconds: float
    max_concurrent_transforms: int
    max_payload_in_mb: float
    batch_strategy: str

    @property
    def rows_per_second(self) -> float:
        """Rows of the answered files for each second of the transform, without the server's start."""
        return self.rows / self.seconds if self.seconds else 0.0

    @property
    def mb_per_second(self) -> float:
        """Megabytes (10^6) of input for each second."""
        return self.input_bytes / 1e6 / self.seconds if self.seconds else 0.0

    def as_dict(self) -> dict[str, int | float | str]:
        """Collect the numbers for ``--json``."""
        return asdict(self) | {"rows_per_second": self.rows_per_second, "mb_per_second": self.mb_per_second}

    def as_text(self) -> str:
        """Return the summary as a few lines."""
        files = f"{self.files:,} file{'' if self.files == 1 else 's'}"
        requests = f"{self.requests:,} request{'' if self.requests == 1 else 's'}"
        failed = f", {self.failed_files} failed" if self.failed_files else ""
        retries = f", {self.retries} of them retries" if self.retries else ""
        return (
            f"MaxConcurrentTransforms={self.max_concurrent_transforms}, "
            f"MaxPayloadInMB={self.max_payload_in_mb:g}, BatchStrategy={self.batch_strategy}\n"
            f"{files}{failed}: {self.rows:,} rows, {self.input_bytes / 1e6:,.1f} MB in, "
            f"{self.output_bytes / 1e6:,.1f} MB out\n"
            f"{self.seconds:.2f} s ({self.start_seconds:.2f} s before for the server's start): "
            f"{self.rows_per_second:,.0f} rows/s, {self.mb_per_second:,.1f} MB/s\n"
            f"{requests}{retries}: p50 {self.p50_seconds * 1e3:.1f} ms, "
            f"p99 {self.p99_seconds * 1e3:.1f} ms"
        )
