"""``python -m benchmarks.serving`` measures the server beside the usual Python container, without Docker.

It makes environments, model and bodies itself. Parts that are not measured stay as the last run left them; the page is
written each time.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.environments import BUILD, ROOT, python_of
from benchmarks.machine import describe_system
from benchmarks.preparing import train
from benchmarks.serving.bodies import SHORT, make_bodies
from benchmarks.serving.latency import measure_latency
from benchmarks.serving.memory import measure_memory, measure_start
from benchmarks.serving.report import write_page
from benchmarks.serving.servers import REQUIREMENTS, Servers, container_python
from benchmarks.serving.soak import measure_soak
from benchmarks.serving.throughput import measure_throughput
from fasttrees.comparison.processes import keep_niceness

MODEL = "binary-100x31"
PARTS = ["throughput", "latency", "memory", "start", "soak", "libraries"]
PAGE = ROOT / "docs" / "internals" / "serving-performance.md"
FOLDER = PAGE.with_suffix("")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=__doc__)
    parser.add_argument("--wheel", type=Path, help="wheel of fasttrees to measure; without it the tree, built in place")
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=PARTS, help="only these, or none: write the page")
    parser.add_argument("--rounds", type=int, default=5, help="how often each server has its turn")
    parser.add_argument("--seconds", type=float, default=3, help="how long a turn of one-row requests lasts")
    parser.add_argument("--soak-seconds", type=float, default=600, help="how long the soak lasts")
    return parser.parse_args()


def main() -> None:
    arguments = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # which stops the servers
    keep_niceness(os.getpid())
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / "results.json"
    results: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    (model,) = train([MODEL])
    servers = Servers(model.path, arguments.wheel)
    bodies = make_bodies(container_python(), model, BUILD / "bodies")
    rounds = arguments.rounds
    measures = {
        "throughput": lambda: measure_throughput(servers, bodies, rounds),
        "latency": lambda: measure_latency(servers, bodies[SHORT], rounds, arguments.seconds),
        "memory": lambda: measure_memory(servers, bodies[SHORT]),
        "start": lambda: measure_start(servers, rounds),
        "soak": lambda: measure_soak(servers, bodies[SHORT], arguments.soak_seconds),
        "libraries": lambda: measure_libraries(rounds),
    }
    for part in arguments.parts:
        print(f"measuring {part}", flush=True)
        results[part] = {"about": about(arguments), "found": measures[part]()}
        path.write_text(json.dumps(results, indent=1) + "\n")
    subprocess.run([python_of("plots"), "-m", "benchmarks.serving.plots", path, FOLDER], check=True, cwd=ROOT)
    PAGE.write_text(write_page(results))
    print(f"wrote {PAGE}")


def about(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return when, where and how this run measures."""
    return {
        "date": str(datetime.datetime.now(datetime.timezone.utc).date()),
        "system": describe_system(),
        "measured": f"the wheel {arguments.wheel.name}" if arguments.wheel else "the tree, built in place",
        "versions": REQUIREMENTS.read_text().split(),
        "rounds": arguments.rounds,
        "load": os.getloadavg()[0],
        "niceness": os.getpriority(os.PRIO_PROCESS, 0),
        "wrk": bool(shutil.which("wrk")),
    }


def measure_libraries(rounds: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.serving.http_servers", "--rounds", str(rounds)]
    subprocess.run(command, check=True, cwd=ROOT)
    found: dict[str, Any] = json.loads((BUILD / "http-servers.json").read_text())
    return found


if __name__ == "__main__":
    main()
