"""Send one-row requests over kept connections and return percentiles; with wrk, if it is there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.serving.bodies import Body
from benchmarks.serving.client import Client, post
from benchmarks.serving.servers import OURS, PYTHON, Servers

SCRIPT = Path(__file__).with_name("one_row.lua")
CPUS = {0, 1}  # the load takes its part of them too
CONNECTIONS = 8
N_ROWS = 256


def load_with_rows(
    port: int, rows: Sequence[bytes], connections: int, seconds: float, cpus: set[int] | None = None
) -> dict[str, Any]:
    """Each connection sends the next of `rows` when its last one was answered; seconds, and the tool that counted."""
    if wrk := shutil.which("wrk"):
        return _with_wrk(wrk, port, rows, connections, seconds, cpus)
    return _with_threads(port, rows, connections, seconds, cpus)


def _with_wrk(
    wrk: str, port: int, rows: Sequence[bytes], connections: int, seconds: float, cpus: set[int] | None
) -> dict[str, Any]:
    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        file.write(b"".join(rows))
        file.flush()
        command = [wrk, "-t1", f"-c{connections}", f"-d{seconds:g}", "--timeout", "30", "-s", str(SCRIPT)]
        done = subprocess.run(
            [*command, f"http://127.0.0.1:{port}/invocations", "--", file.name],
            capture_output=True,
            text=True,
            check=True,
            preexec_fn=(lambda: os.sched_setaffinity(0, cpus)) if cpus else None,
        )
    found: dict[str, Any] = json.loads(done.stdout[done.stdout.index("{") :])
    return {"tool": "wrk", **found}


def _with_threads(
    port: int, rows: Sequence[bytes], connections: int, seconds: float, cpus: set[int] | None
) -> dict[str, Any]:
    requests = [post(row) for row in rows]
    times: list[list[float]] = [[] for _ in range(connections)]
    errors = [0] * connections
    end = time.perf_counter() + seconds

    def run(number: int) -> None:
        if cpus:
            os.sched_setaffinity(0, cpus)  # of this thread
        with Client(port) as client:
            i = number
            while (begin := time.perf_counter()) < end:
                errors[number] += client.exchange(requests[i % len(requests)]).status != 200
                times[number].append(time.perf_counter() - begin)
                i += connections

    threads = [threading.Thread(target=run, args=(number,)) for number in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ordered = sorted(t for some in times for t in some)
    return {
        "tool": "threads of Python",
        "requests_per_second": len(ordered) / seconds,
        **{f"p{p}": ordered[min(len(ordered) - 1, len(ordered) * p // 100)] for p in (50, 90, 99)},
        "errors": sum(errors),
    }


def measure_latency(servers: Servers, body: Body, rounds: int, seconds: float) -> dict[str, Any]:
    """Load each server in turn with one-row requests; return what each round found."""
    rows = body.first_rows(N_ROWS)
    with body.predictions.open("rb") as file:
        expected = [file.readline() for _ in rows]
    results: dict[str, Any] = {OURS: [], PYTHON: []}
    with ExitStack() as stack:
        running = {name: stack.enter_context(servers.start(name, CPUS)) for name in results}
        for name, server in running.items():
            with Client(server.port) as client:
                if [client.exchange(post(row)).body for row in rows] != expected:
                    raise RuntimeError(f"{name}: not what LightGBM predicts")
        for _ in range(rounds):
            for name, server in running.items():
                results[name].append(load_with_rows(server.port, rows, CONNECTIONS, seconds))
    return results
