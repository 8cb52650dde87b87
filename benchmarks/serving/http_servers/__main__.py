"""``python -m benchmarks.serving.http_servers [NAME...]`` compares the libraries; the numbers are written as JSON."""

from __future__ import annotations

import argparse
import datetime
import json
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.environments import BUILD, REQUIREMENTS, ROOT, python_of
from benchmarks.machine import describe_system
from benchmarks.serving.client import Client, Piece, get, post
from benchmarks.serving.http_servers.serve import SERVERS
from benchmarks.serving.latency import load_with_rows
from fasttrees.comparison.processes import Tree, peak_of
from fasttrees.comparison.servers import run_process

MB = 1_000_000
ROW = b",".join([b"0.123456"] * 28) + b"\n"
CONNECTIONS = 8
SERVER_CPU, CLIENT_CPU = {0}, {1}
PING_EVERY = 0.002
SERVE = "benchmarks.serving.http_servers.serve"
PATH = BUILD / "http-servers.json"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving.http_servers", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(SERVERS)}; default: all")
    parser.add_argument("--rounds", type=int, default=3, help="all libraries in turn, so often")
    parser.add_argument("--seconds", type=float, default=2, help="how long each load lasts")
    arguments = parser.parse_args()
    names = arguments.names or list(SERVERS)
    rounds: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as folder:
        body = Path(folder) / "body.csv"
        body.write_bytes(ROW * (100 * MB // len(ROW)))
        for _ in range(arguments.rounds):
            for name in names:
                rounds[name].append(measure(name, body, arguments.seconds))
                print(name, json.dumps(rounds[name][-1]), flush=True)
    found = {"about": about(arguments), "python_pss": measure_nothing(), "servers": summarise(rounds)}
    PATH.write_text(json.dumps(found, indent=1) + "\n")


def about(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return when, where and how this run measures."""
    required = (REQUIREMENTS / "http-servers.txt").read_text().split()
    return {
        "date": str(datetime.datetime.now(datetime.timezone.utc).date()),
        "system": describe_system(),
        "versions": dict(line.split("==") for line in required),
        "rounds": arguments.rounds,
        "seconds": arguments.seconds,
        "tool": "wrk" if shutil.which("wrk") else "threads of Python",
    }


def measure_nothing() -> int:
    """Return the memory of an idle interpreter."""
    process = subprocess.Popen([python_of("http-servers"), "-m", SERVE, "nothing"], cwd=ROOT)
    time.sleep(0.5)
    try:
        return Tree(process.pid, in_cgroup=False).memory().pss
    finally:
        process.kill()
        process.wait()


def summarise(rounds: dict[str, list[dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Return the medians."""
    return {
        name: {key: statistics.median(found[key] for found in several) for key in several[0]}
        for name, several in rounds.items()
    }


def measure(name: str, body: Path, seconds: float) -> dict[str, Any]:
    """Start the server and put each of the questions to it."""
    command = [str(python_of("http-servers")), "-m", SERVE, name]
    with run_process(command, {"PYTHONPATH": str(ROOT)}, SERVER_CPU) as server:
        port = server.port
        with Client(port) as client:
            for _ in range(3):
                client.exchange(post(ROW))
        time.sleep(0.3)
        found: dict[str, Any] = {"idle_pss": server.tree.memory().pss}
        found["streams"] = streams(port, body)
        one_row = load_with_rows(port, [ROW], CONNECTIONS, seconds, CLIENT_CPU)
        found |= {f"one_row_{key}": value for key, value in one_row.items() if key != "tool"}
        found |= measure_bodies(port, body, seconds)
        time.sleep(0.2)
        with server.tree.watching_memory() as samples:
            post_file(port, Piece(body, 0, body.stat().st_size))
        found["growth_100_mb"] = peak_of(samples).pss - samples[0].pss
    return found


def streams(port: int, body: Path) -> bool:
    """Return whether the application sees the beginning of a body before its end was sent."""
    size = 8 * MB
    half = body.read_bytes()[: size // 2]
    with Client(port) as client, Client(port) as other:
        client.send(post(size) + half)
        time.sleep(0.3)
        seen = int(other.exchange(get("/received")).body)
        client.send(half)
        client.receive()
    return len(ROW) < seen <= len(half)


def measure_bodies(port: int, body: Path, seconds: float) -> dict[str, float]:
    """Send bodies of 18 MB one after the other; meanwhile another connection asks for /ping."""
    size = 18 * MB
    times = []
    with pinging(port) as pings:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            begin = time.perf_counter()
            post_file(port, Piece(body, 0, size))
            times.append(time.perf_counter() - begin)
    ordered = sorted(pings)
    return {"body_bytes_per_second": size / statistics.median(times), "ping_p99": ordered[len(ordered) * 99 // 100]}


@contextmanager
def pinging(port: int) -> Iterator[list[float]]:
    """Ask for /ping every now and then, and write down how long it took."""
    times: list[float] = []
    ended = threading.Event()

    def ping() -> None:
        with Client(port) as client:
            while not ended.wait(PING_EVERY):
                begin = time.perf_counter()
                client.exchange(get("/ping"))
                times.append(time.perf_counter() - begin)

    thread = threading.Thread(target=ping)
    thread.start()
    try:
        yield times
    finally:
        ended.set()
        thread.join()


def post_file(port: int, piece: Piece) -> None:
    with Client(port) as client:
        answer = client.exchange(post(piece.size), piece)
    if answer.status != 200:
        raise RuntimeError(f"status {answer.status}")


if __name__ == "__main__":
    main()
