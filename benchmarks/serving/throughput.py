"""Measure how long bodies take: one server at a time, in turn, every answer checked before anything is timed."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from benchmarks.serving.bodies import FULL, SHORT, Body
from benchmarks.serving.client import Client, Piece, post
from benchmarks.serving.servers import OURS, PYTHON, Servers
from fasttrees.comparison.processes import running_on
from fasttrees.comparison.servers import Running

PAYLOAD = 6 << 20  # what Batch Transform puts into a request, if nothing else is said
COPIES = 4  # of a body in a turn that compares cores, so that pieces are many for each connection
SERVER_CPU, CLIENT_CPU, BOTH = {0}, {1}, {0, 1}


@dataclass(frozen=True)
class Task:
    """What is sent in a turn: to a server on some CPUs, from a client on others, over some connections."""

    title: str
    pieces: Sequence[Piece]
    expected: bytes
    cpus: frozenset[int]
    client_cpus: frozenset[int]
    connections: int = 1


def tasks_of(bodies: dict[str, Body]) -> list[Task]:
    one, other, both = frozenset(SERVER_CPU), frozenset(CLIENT_CPU), frozenset(BOTH)
    tasks = []
    for name in (SHORT, FULL):
        body = bodies[name]
        expected = body.predictions.read_bytes()
        tasks.append(Task(f"{name}, requests of 6 MB", body.pieces(PAYLOAD), expected, one, other))
        tasks.append(Task(f"{name}, one request", [body.whole()], expected, one, other))
    for name in (SHORT, FULL):
        body = bodies[name]
        pieces, expected = body.pieces(PAYLOAD) * COPIES, body.predictions.read_bytes() * COPIES
        tasks += [
            Task(f"{name}, one core", pieces, expected, one, other),
            Task(f"{name}, one core, client on it too", pieces, expected, one, one),
            *(Task(f"{name}, two cores, {n} connections", pieces, expected, both, both, n) for n in (2, 4)),
        ]
    return tasks


def measure_throughput(servers: Servers, bodies: dict[str, Body], rounds: int) -> dict[str, Any]:
    """Return, for each task and server, the seconds of each round and the CPU seconds that the server took."""
    tasks = tasks_of(bodies)
    with ExitStack() as stack:
        running = {
            (name, cpus): stack.enter_context(servers.start(name, set(cpus)))
            for name in (OURS, PYTHON)
            for cpus in {task.cpus for task in tasks}
        }
        for task, name in itertools.product(tasks, (OURS, PYTHON)):
            timed(name, running[name, task.cpus], task)  # which also checks the answers
        results: dict[str, Any] = {}
        for _, task, name in itertools.product(range(rounds), tasks, (OURS, PYTHON)):
            found = results.setdefault(task.title, {"bytes": sum(piece.size for piece in task.pieces)})
            turn = found.setdefault(name, {"seconds": [], "cpu_seconds": []})
            server = running[name, task.cpus]
            used = server.tree.cpu_seconds()
            turn["seconds"].append(timed(name, server, task))
            turn["cpu_seconds"].append(server.tree.cpu_seconds() - used)
    return results


def timed(name: str, server: Running, task: Task) -> float:
    """Send the pieces of a task; return the seconds from the first byte sent to the last received."""
    answers: list[bytes] = [b""] * len(task.pieces)
    waiting = iter(enumerate(task.pieces))
    lock = threading.Lock()

    def run(client: Client) -> None:
        while True:
            with lock:
                number, piece = next(waiting, (-1, None))
            if piece is None:
                return
            answer = client.exchange(post(piece.size), piece)
            if answer.status != 200:
                raise RuntimeError(f"{name}: status {answer.status}: {answer.body[:200]!r}")
            answers[number] = answer.body

    with ExitStack() as stack, running_on(set(task.client_cpus)):
        clients = [stack.enter_context(Client(server.port)) for _ in range(task.connections)]
        with ThreadPoolExecutor(len(clients)) as pool:
            begin = time.perf_counter()
            list(pool.map(run, clients))
            seconds = time.perf_counter() - begin
    if b"".join(answers) != task.expected:
        raise RuntimeError(f"{name}: {task.title}: not what LightGBM predicts")
    return seconds
