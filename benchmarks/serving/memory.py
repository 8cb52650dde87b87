"""Measure memory, idle and while a body of 100 MB is scored, and how soon a server answers."""

from __future__ import annotations

import statistics
import time
from typing import Any

from benchmarks.serving.bodies import MB, Body
from benchmarks.serving.client import Client, post
from benchmarks.serving.servers import OURS, PYTHON, Servers
from fasttrees.comparison.processes import peak_of

CPUS = {0, 1}
LARGE = 100 * MB


def measure_memory(servers: Servers, body: Body) -> dict[str, Any]:
    """Return the bytes of all processes of each server."""
    large = body.repeated(LARGE)
    expected = large.predictions.read_bytes()
    results = {}
    for name in (OURS, PYTHON):
        with servers.start(name, CPUS) as server:
            with Client(server.port) as client:
                for row in body.first_rows(20):
                    client.exchange(post(row))
            time.sleep(0.5)
            idle = server.tree.memory()
            with server.tree.watching_memory() as samples, Client(server.port) as client:
                answer = client.exchange(post(large.size), large.whole())
            if answer.body != expected:
                raise RuntimeError(f"{name}: not what LightGBM predicts")
            time.sleep(0.5)
            results[name] = {
                "idle": idle.pss,
                "idle_rss": idle.rss,
                "peak": peak_of(samples).pss,
                "after": server.tree.memory().pss,
                "body": large.size,
            }
    return results


def measure_start(servers: Servers, rounds: int) -> dict[str, Any]:
    """Return the seconds from starting a server to its first 200 on /ping."""
    results: dict[str, Any] = {OURS: [], PYTHON: []}
    for _ in range(rounds):
        for name, seconds in results.items():
            with servers.start(name, CPUS) as server:
                seconds.append(server.seconds)
    return {name: {"median": statistics.median(seconds), "all": seconds} for name, seconds in results.items()}
