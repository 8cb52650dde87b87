"""Run the benchmarks; this needs nothing but Python, pip and a C compiler: it makes all environments and models itself.

``python -m benchmarks`` measures a few models in a short form and prints the page; ``--full`` measures everything and
writes docs/internals/performance.md. What was trained and compiled stays in build/benchmarks for the next run.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.catalogue import ENGINES, OURS, REFERENCE
from benchmarks.environments import BUILD, ROOT, python_of
from benchmarks.growth import measure_growth
from benchmarks.instructions import count_instructions
from benchmarks.machine import describe_system
from benchmarks.preparing import prepare, train
from benchmarks.report import write_page
from benchmarks.scoring import Effort, measure_model
from benchmarks.starting import measure_fresh, measure_memory, measure_sizes
from benchmarks.workers import Engines

DOCS = ROOT / "docs" / "internals"
SHORT_MODELS = ["binary-100x31", "binary-500x31", "flights-100x31"]
FULL_MODELS = [
    *["binary-100x31", "binary-500x31", "binary-1000x63", "binary-500x255", "flights-100x31", "flights-500x63"],
    *["categorical-100x31", "multiclass-500x31", "sparse-500x31", "bins1023-500x31", "linear-100x31", "huge-200x4095"],
]
SHORT = Effort(rounds=5, seconds=0.05, budget=1.0, limit=60)
FULL = Effort(rounds=5, seconds=0.05, budget=1.5, limit=180)
SHORT_SIZES, FULL_SIZES = [1, 10_000], [1, 100, 10_000, 100_000]
PARTS = ["scoring", "starting", "growth", "instructions"]
FRESH_MODEL, MEMORY_MODEL, N_FEATURES = "binary-100x31", "binary-500x31", 28


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--full", action="store_true", help="measure everything and write docs/internals/performance.md"
    )
    parser.add_argument("--wheel", type=Path, help="wheel of fasttrees to measure; without it the tree, built in place")
    parser.add_argument(
        "--models",
        nargs="+",
        metavar="NAME",
        help="only these, or none: just write the page; the others stay as the last run left them",
    )
    parser.add_argument("--engines", nargs="+", choices=ENGINES, help="only these, fasttrees and LightGBM")
    parser.add_argument(
        "--parts",
        nargs="*",
        choices=PARTS,
        help="only these, or none: just write the page; the others stay as the last run left them",
    )
    parser.add_argument("--compile-limit", type=float, metavar="SECONDS", help="stop compilers that take longer")
    parser.add_argument(
        "--cpu-time", action="store_true", help="count CPU time, not elapsed time: if the machine is busy otherwise"
    )
    return parser.parse_args()


def main() -> None:
    arguments = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # which stops the workers
    begin = time.perf_counter()
    effort, sizes = (FULL, FULL_SIZES) if arguments.full else (SHORT, SHORT_SIZES)
    if arguments.cpu_time:
        effort = dataclasses.replace(effort, clock="process_time")
    compile_limit = arguments.compile_limit or effort.limit
    models = train(arguments.models or (FULL_MODELS if arguments.full else SHORT_MODELS))
    parts = PARTS if arguments.full else ["scoring", "starting", "instructions"]
    if arguments.parts is not None:
        parts = arguments.parts
    chosen = arguments.engines or list(ENGINES)
    # The reference first: the others compare their predictions with its.
    rivals = [name for name in chosen if name not in (REFERENCE, OURS)]
    engines = Engines([REFERENCE, OURS, *rivals], arguments.wheel)
    results = Results(
        BUILD / ("full.json" if arguments.full else "short.json"),
        keep=arguments.parts is not None or bool(arguments.models),
    )
    if parts:
        results["about"] = about(arguments, effort, compile_limit)
    if "scoring" in parts:
        prepare(engines, models, compile_limit)
        results["preparing_seconds"] = time.perf_counter() - begin
        results.setdefault("models", {})
        for model in models:
            results["models"][model.name] = {"engines": measure_model(engines, model, sizes, effort)}
            results.save()
            print(f"{model.name} measured, {time.perf_counter() - begin:.0f} s", flush=True)
    if "starting" in parts:
        (fresh, memory) = train([FRESH_MODEL, MEMORY_MODEL])
        prepare(engines, [fresh, memory], compile_limit)
        results["fresh"] = measure_fresh(engines, fresh, N_FEATURES, effort)
        results["memory"] = measure_memory(engines, memory, effort.limit)
        results["sizes"] = measure_sizes(engines, models, effort.limit)
        results.save()
    if "growth" in parts:
        results["growth"] = measure_growth(engines, effort)
        results.save()
    if "instructions" in parts:
        results["instructions"] = count_instructions(engines)
    order = dict.fromkeys([*FULL_MODELS, *results.get("models", {})])
    results["models"] = {name: results["models"][name] for name in order if name in results.get("models", {})}
    if parts:
        results["seconds"] = time.perf_counter() - begin
    results.save()
    publish(results, arguments.full)


def about(arguments: argparse.Namespace, effort: Effort, compile_limit: float) -> dict[str, Any]:
    """Return when, where and how this run measures."""
    return {
        "date": str(datetime.datetime.now(datetime.timezone.utc).date()),
        "system": describe_system(),
        "full": arguments.full,
        "measured": f"the wheel {arguments.wheel.name}" if arguments.wheel else "the tree, built in place",
        "rounds": effort.rounds,
        "clock": effort.clock,
        "load": os.getloadavg()[0],
        "limit": effort.limit,
        "compile_limit": compile_limit,
    }


class Results(dict[str, Any]):
    """What was measured so far, as a file has it."""

    def __init__(self, path: Path, keep: bool) -> None:
        super().__init__(json.loads(path.read_text()) if keep and path.exists() else {})
        self.path = path

    def save(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(self, indent=1) + "\n")


def publish(results: Results, full: bool) -> None:
    """Write page, plots and JSON: into docs if all was measured, else into build."""
    page = (DOCS if full else BUILD) / "performance.md"
    folder = page.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    recorded = DOCS / "performance" / "results.json"
    before = json.loads(recorded.read_text()).get("instructions", {}) if recorded.exists() else {}
    text = write_page(results, before)
    shutil.copyfile(results.path, folder / "results.json")
    subprocess.run(
        [python_of("plots"), "-m", "benchmarks.plots", folder / "results.json", folder], check=True, cwd=ROOT
    )
    page.write_text(text)
    print(text if not full else f"wrote {page}")
    print(f"{results['seconds']:.0f} s in all")


if __name__ == "__main__":
    main()
