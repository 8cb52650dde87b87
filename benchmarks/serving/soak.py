"""Lets many clients send good and bad requests for a long time, compares every answer and watches memory."""

from __future__ import annotations

import random
import statistics
import threading
import time
from array import array
from collections import Counter
from typing import Any

from benchmarks.serving.bodies import Body
from benchmarks.serving.cases import Case, make_cases
from benchmarks.serving.client import Answer, Client, ClientError
from benchmarks.serving.servers import OURS, Servers
from fasttrees.comparison.servers import Running

CLIENTS = 64
CPUS = {0, 1}
MEAN_PAUSE = 0.015  # between two requests of a client: so that the machine is busy, but not with waiting requests only
PART_PAUSE = 0.002  # between the parts of a request
SECONDS_PER_POINT = 5
MINUTE = 60
SHOWN = 20


class Soak:
    """The clients, and what they saw."""

    def __init__(self, port: int, cases: list[Case], seconds: float) -> None:
        self.port, self.cases = port, cases
        self.recorded = {case.name: self.first_answers(case) for case in cases}
        self.begin = time.perf_counter()
        self.end = self.begin + seconds
        self.counts: Counter[str] = Counter()
        self.wrong: list[dict[str, Any]] = []
        self.n_wrong = 0
        self.times = [array("d") for _ in range(CLIENTS)]  # when a request ended, and how long it took, in turn
        self._lock = threading.Lock()

    def first_answers(self, case: Case) -> list[tuple[object, ...]]:
        """Send a case alone; its answers must say what they should."""
        with Client(self.port) as client:
            answers = exchange(client, case)
        for answer in answers:
            if not case.check(answer):
                raise RuntimeError(f"{case.name}: answer {answer.status}: {answer.body[:300]!r}")
        return [facts(answer) for answer in answers]

    def run(self, number: int) -> None:
        """Send requests, as one client, until the time is over."""
        choice = random.Random(number)
        weights = [case.weight for case in self.cases]
        counts: Counter[str] = Counter()
        client = Client(self.port)
        while time.perf_counter() < self.end:
            (case,) = choice.choices(self.cases, weights)
            begin = time.perf_counter()
            problem = None
            try:
                found = [facts(answer) for answer in exchange(client, case)]
                if found != self.recorded[case.name]:
                    problem = repr(found)[:500]
            except (OSError, ClientError, ValueError) as error:
                problem = repr(error)
            now = time.perf_counter()
            if case.answers and len(case.parts) == 1 and problem is None:
                self.times[number].extend((now - self.begin, now - begin))
            counts[case.name] += 1
            if problem is not None:
                self.note(case, now, problem)
            if case.closes or problem is not None:
                client.close()
                client = Client(self.port)
            time.sleep(choice.expovariate(1 / MEAN_PAUSE))
        client.close()
        with self._lock:
            self.counts += counts

    def note(self, case: Case, now: float, problem: str) -> None:
        with self._lock:
            self.n_wrong += 1
            if len(self.wrong) < SHOWN:
                self.wrong.append({"case": case.name, "second": now - self.begin, "got": problem})


def exchange(client: Client, case: Case) -> list[Answer]:
    for i, part in enumerate(case.parts):
        if i:
            time.sleep(PART_PAUSE)
        client.send(part)
    return [client.receive() for _ in range(case.answers)]


def facts(answer: Answer) -> tuple[object, ...]:
    """Return what must be the same each time."""
    return answer.status, answer.headers.get("content-type"), answer.body


def measure_soak(servers: Servers, body: Body, seconds: float) -> dict[str, Any]:
    """Run all clients; return counts, wrong answers, memory by the second and latencies by five."""
    with servers.start(OURS, CPUS) as server:
        soak = Soak(server.port, make_cases(body), seconds)
        threads = [threading.Thread(target=soak.run, args=(number,)) for number in range(CLIENTS)]
        used = server.tree.cpu_seconds()
        for thread in threads:
            thread.start()
        memory = sample_memory(server, soak)
        for thread in threads:
            thread.join()
        used = server.tree.cpu_seconds() - used
        status = server.stop()
    return {
        "clients": CLIENTS,
        "seconds": seconds,
        "requests": sum(soak.counts.values()),
        "counts": dict(sorted(soak.counts.items())),
        "cases": len(soak.cases),
        "wrong": soak.n_wrong,
        "first_wrong": soak.wrong,
        "server_cpu_seconds": used,
        "status": status,
        "memory": memory,
        "growth": growth(memory),
        "latency": latencies(soak),
    }


def sample_memory(server: Running, soak: Soak) -> list[tuple[float, int]]:
    points = []  # RSS: unlike PSS it does not depend on what else runs on the machine
    while (now := time.perf_counter()) < soak.end:
        points.append((round(now - soak.begin, 1), server.tree.memory().rss))
        time.sleep(1)
    return points


def growth(memory: list[tuple[float, int]]) -> int | None:
    """Return by how many bytes the median of the last minute is above that of the second."""
    last = memory[-1][0]
    if last < 3 * MINUTE:
        return None
    second = [size for when, size in memory if MINUTE <= when < 2 * MINUTE]
    return round(statistics.median(size for when, size in memory if when > last - MINUTE) - statistics.median(second))


def latencies(soak: Soak) -> list[dict[str, float]]:
    """Return percentiles of the seconds that requests took that were sent at once and answered."""
    by_point: dict[int, list[float]] = {}
    for times in soak.times:
        for ended, seconds in zip(times[::2], times[1::2], strict=True):
            by_point.setdefault(int(ended // SECONDS_PER_POINT), []).append(seconds)
    points = []
    for number, several in sorted(by_point.items()):
        ordered = sorted(several)
        percentiles = {f"p{p}": ordered[len(ordered) * p // 100] for p in (50, 99)}
        points.append({"second": number * SECONDS_PER_POINT, "n": len(ordered), **percentiles})
    return points
