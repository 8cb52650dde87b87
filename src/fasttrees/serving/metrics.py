"""Counters in Prometheus' text format, which SageMaker can scrape.

Prometheus' own client library would take more memory than the rest of the server; the format is a few lines.
"""

from __future__ import annotations

import time

__all__ = ["Metrics"]

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)


class Metrics:
    """What the server has done since it started; only the event loop's thread writes it."""

    CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

    def __init__(self) -> None:
        self._started = time.time()
        self._requests: dict[tuple[str, int], int] = {}
        self._counts = dict.fromkeys(("rows", "bad_rows", "received_bytes", "sent_bytes"), 0)
        self._buckets = [0] * (len(SECONDS) + 1)
        self._seconds = 0.0

    def count(self, route: str, status: int, sent: int, received: int) -> None:
        """Count a request that was answered."""
        self._requests[route, status] = self._requests.get((route, status), 0) + 1
        self._counts["received_bytes"] += received
        self._counts["sent_bytes"] += sent

    def count_scoring(self, rows: int, bad_rows: int, seconds: float) -> None:
        """Count what one request had scored."""
        self._counts["rows"] += rows
        self._counts["bad_rows"] += bad_rows
        self._seconds += seconds
        place = 0
        while place < len(SECONDS) and seconds > SECONDS[place]:
            place += 1
        self._buckets[place] += 1

    def text(self, connections: int, models: int) -> str:
        """Write everything down."""
        lines = _lines("fasttrees_requests_total", "counter", "Requests answered, by route and status.")
        for (route, status), number in sorted(self._requests.items()):
            lines.append(f'fasttrees_requests_total{{route="{route}",status="{status}"}} {number}')
        for name, meaning in (
            ("rows", "Rows scored."),
            ("bad_rows", "Rows answered by the placeholder."),
            ("received_bytes", "Bytes of bodies received."),
            ("sent_bytes", "Bytes of answers."),
        ):
            lines += _lines(f"fasttrees_{name}_total", "counter", meaning)
            lines.append(f"fasttrees_{name}_total {self._counts[name]}")
        name = "fasttrees_invocation_seconds"
        lines += _lines(name, "histogram", "Time from the first byte of an invocation to its answer.")
        total = 0
        for bound, number in zip((*map(str, SECONDS), "+Inf"), self._buckets, strict=True):
            total += number
            lines.append(f'{name}_bucket{{le="{bound}"}} {total}')
        lines += [f"{name}_sum {self._seconds!r}", f"{name}_count {total}"]
        for name, meaning, value in (
            ("fasttrees_connections", "Connections that are open.", connections),
            ("fasttrees_models", "Models that are loaded.", models),
            ("process_resident_memory_bytes", "Memory of the process.", _resident_bytes()),
            ("process_cpu_seconds_total", "CPU time of the process.", time.process_time()),
            ("process_start_time_seconds", "When the process started, seconds since 1970.", self._started),
        ):
            lines += _lines(name, "counter" if name.endswith("_total") else "gauge", meaning)
            lines.append(f"{name} {value}")
        return "\n".join(lines) + "\n"


def _lines(name: str, kind: str, meaning: str) -> list[str]:
    return [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"]


def _resident_bytes() -> int:
    with open("/proc/self/status", "rb") as file:
        for line in file:
            if line.startswith(b"VmRSS:"):
                return int(line.split()[1]) * 1024
    return 0
