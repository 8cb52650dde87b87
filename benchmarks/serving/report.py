"""Write docs/internals/serving-performance.md from the results."""

from __future__ import annotations

import statistics
from typing import Any

from benchmarks.serving.library_report import libraries_section
from benchmarks.serving.servers import OURS, PYTHON
from benchmarks.tables import table

ROWS = 100_000
MODEL = "binary-100x31"
SPLIT, WHOLE = "short, requests of 6 MB", "short, one request"
ONE_CORE, SHARED_CORE, TWO_CORES = "one core", "one core, client on it too", "two cores, {} connections"


def write_page(results: dict[str, Any]) -> str:
    """Return the page: only the sections that were measured."""
    sections = [HEADING, goals_section(results)]
    writers = {
        "throughput": throughput_section,
        "latency": latency_section,
        "memory": memory_section,
        "soak": soak_section,
        "libraries": libraries_section,
    }
    sections += [write(results) for part, write in writers.items() if part in results]
    sections.append(runs_section(results))
    return "\n\n".join(sections) + "\n"


HEADING = f"""# Performance of the server

<!-- Written by `make bench-serving`. -->

**We made one of the servers compared.** The other, `benchmarks/python-container`, is the usual Python container:
gunicorn, Flask, `pandas.read_csv`, `Booster.predict`, set up as well as we could: a worker for each CPU with two
threads (`gthread`, so that connections are kept), the model loaded before the workers are forked, one thread for each
prediction, `read_csv` with its own types rather than a given one (which took half as long again for 17 digits), an
array rather than a frame given to LightGBM (29 us instead of 177 for one row), `repr` rather than `to_csv` for the
answer (half the time). Both run without Docker, each in an environment of its own.

The model has 100 trees of 31 leaves, binary objective, 28 features ({MODEL} of `benchmarks/models.py`); a body is
{ROWS:,} rows as CSV. *Short* is the data as it is, with at most 3 decimals; *full* are nearly the same values with
all 17 digits of a double. Answers to bodies, in timed turns too, have the very bytes of LightGBM's own predictions,
written with the shortest digits; one-row answers are compared before they are timed, then only their status is seen.

The servers take turns, task by task. Shown are medians, and in brackets the least and the most of all turns. Ratios
are of medians, and in brackets of the least, which other programs disturb less. Mind the load in the last table: on
2026-11-22 the ratio on one core, short, was 4.7 to 6.4 in three runs with a load of 3 to 8, and 8.6 in the run with
1.3. The body comes by `sendfile`, so that sending costs next to nothing."""


def goals_section(results: dict[str, Any]) -> str:
    rows = []
    if "throughput" in results:
        found = results["throughput"]["found"]
        for title in (SPLIT, WHOLE):
            times = gain(found[title][PYTHON], found[title][OURS], 1)
            rows.append([f"one core, {title}", "at least 10 x Python container", times])
        one_core = found[f"short, {ONE_CORE}"][OURS]
        for n in (2, 4):
            times = gain(one_core, found[f"short, {TWO_CORES.format(n)}"][OURS], 2)
            rows.append([f"two cores, short, {n} connections", "at least 1.8 x one core", times])
    if "latency" in results:
        found = results["latency"]["found"]
        slower, quicker = ({"seconds": [turn["p99"] for turn in found[name]]} for name in (PYTHON, OURS))
        rows.append(["p99 of one-row requests", "5 times below the Python container's", gain(slower, quicker, 1)])
    if "memory" in results:
        found = results["memory"]["found"][OURS]
        rows.append(["idle", "at most 20 MB", f"{mb(found['idle'])} MB"])
        rows.append(["peak while 100 MB are scored", "at most 64 MB", f"{mb(found['peak'])} MB"])
    if "start" in results:
        found = results["start"]["found"][OURS]
        rows.append(["start to first 200", "under 0.5 s", f"{found['median']:.2f} s"])
    if "soak" in results:
        found = results["soak"]["found"]
        rows.append([f"wrong answers in {found['seconds'] / 60:.0f} minutes", "none", str(found["wrong"])])
        if found["growth"] is not None:
            rows.append(["growth of memory after the first minute", "none", f"{found['growth'] / 1e6:+.2f} MB"])
    return "## Goals\n\n" + table(["what", "goal", "measured"], rows)


# -- throughput -------------------------------------------------------------------------------------------------------


def throughput_section(results: dict[str, Any]) -> str:
    found = results["throughput"]["found"]
    one_core = [
        [
            title,
            f"{task['bytes'] / 1e6:.1f}",
            spread(task[OURS]["seconds"], 1e3, 0),
            spread(task[PYTHON]["seconds"], 1e3, 0),
            f"{ROWS / middle(task[OURS]['seconds']):,.0f}",
            f"{task['bytes'] / middle(task[OURS]['seconds']) / 1e6:,.0f}",
            gain(task[PYTHON], task[OURS], 1),
            *(f"{middle(task[name]['cpu_seconds']) * 1e3:,.0f}" for name in (OURS, PYTHON)),
            gain(task[PYTHON], task[OURS], 1, "cpu_seconds"),
        ]
        for title, task in found.items()
        if ", one request" in title or "requests of" in title
    ]
    cores = []
    for body in ("short", "full"):
        for title in (ONE_CORE, SHARED_CORE, TWO_CORES.format(2), TWO_CORES.format(4)):
            task = found[f"{body}, {title}"]
            cores.append([f"{body}, {title}", *core_cells(task, found[f"{body}, {ONE_CORE}"])])
    return f"""## Throughput

### One core

The server has one CPU, the client the other; one request at a time. Milliseconds a body.

{table(["body", "MB", "fasttrees, ms", "Python container, ms", "rows/s", "MB/s", "x", "CPU", "its CPU", "x"], one_core)}

### Two cores

Four bodies in requests of 6 MB (of 2^20 bytes, as Batch Transform has them). With two cores the client runs on them
too, so that what it takes is missing to the server; how much that is shows where it shares the one core. "CPU" are
the milliseconds that all processes of the server ran.

{table(["", "fasttrees, ms", "CPU", "x one core", "Python container, ms", "CPU", "x one core"], cores)}"""


def core_cells(task: dict[str, Any], one_core: dict[str, Any]) -> list[str]:
    cells = []
    for name in (OURS, PYTHON):
        cpu = middle(task[name]["cpu_seconds"]) * 1e3
        cells += [spread(task[name]["seconds"], 1e3, 0), f"{cpu:,.0f}", gain(one_core[name], task[name], 2)]
    return cells


def gain(slower: dict[str, Any], quicker: dict[str, Any], digits: int, key: str = "seconds") -> str:
    """Return how many times as fast: by the medians, and by the minima, which other programs disturb less."""
    by_middle, by_least = (function(slower[key]) / function(quicker[key]) for function in (middle, min))
    return f"{by_middle:.{digits}f} ({by_least:.{digits}f})"


# -- one row, memory, soak --------------------------------------------------------------------------------------------


def latency_section(results: dict[str, Any]) -> str:
    found = results["latency"]["found"]
    rows = [
        [
            title,
            *(spread([turn[key] for turn in found[name]], 1e3, 3) for key in ("p50", "p90", "p99")),
            spread([turn["requests_per_second"] for turn in found[name]], 1, 0),
        ]
        for name, title in ((OURS, "fasttrees"), (PYTHON, "Python container"))
    ]
    tool = found[OURS][0]["tool"]
    return f"""## One-row requests

Eight kept connections, each with one request under way, 256 rows in turn; server and load ({tool}) share two CPUs.
Milliseconds.

{table(["server", "p50", "p90", "p99", "requests/s"], rows)}"""


def memory_section(results: dict[str, Any]) -> str:
    found = results["memory"]["found"]
    start = results.get("start", {"found": {}})["found"]
    rows = [
        [
            title,
            *(mb(found[name][key]) for key in ("idle", "idle_rss", "peak", "after")),
            f"{start[name]['median']:.2f}" if name in start else "",
        ]
        for name, title in ((OURS, "fasttrees"), (PYTHON, "Python container"))
    ]
    body = found[OURS]["body"]
    return f"""## Memory and start

MB (of 10^6 bytes) of all processes of a server, sampled every 10 ms, on two CPUs, outside a container, after 20 one-row
requests. PSS: a page that several processes have counts in parts, also if the others are not the server's, so that
other Python programs on the machine make it less; RSS counts all of it for each, so that it is an upper bound. The
body is one request of {body / 1e6:.1f} MB. Start: seconds until `/ping` answers 200.

{table(["server", "idle", "idle, RSS", "peak with the body", "after it", "start, s"], rows)}"""


def soak_section(results: dict[str, Any]) -> str:
    found = results["soak"]["found"]
    memory = [size for _, size in found["memory"]]
    later = [size for second, size in found["memory"] if second >= 60] or memory
    wrong = f"{found['wrong']} answers were wrong." if found["wrong"] else "No answer was wrong."
    return f"""## Soak

{found["clients"]} clients sent {found["requests"]:,} requests of {found["cases"]} kinds in {found["seconds"] / 60:.0f}
minutes: one row to 1,000, CSV, JSON, JSON Lines, LibSVM and NPY, in chunks, in slow pieces, pipelined, after
`100-continue`; and wrong column counts, bad cells, broken bodies, unknown types, wrong methods, huge headers, lengths
that are too large or given twice, bodies and headers that end early, and clients that do not wait.
`benchmarks/serving/cases.py` has them all. The first answer to each was compared with what LightGBM predicts, or for
the error that it must name; all later ones with the first, byte for byte.

{wrong} Memory (RSS) was {mb(memory[0])} MB at the start and {mb(min(later))} to {mb(max(later))} MB after the first
minute; the growth above is from the median of the second minute to that of the last. The server took
{found["server_cpu_seconds"]:.0f} s of CPU time and ended with status {found["status"]} on SIGTERM.

![Memory during the soak](serving-performance/soak-memory.svg)

Latency of requests that were sent at once; 64 clients in one Python process, so it is theirs as well as the server's:

![Latency during the soak](serving-performance/soak-latency.svg)"""


# -- runs -------------------------------------------------------------------------------------------------------------


def runs_section(results: dict[str, Any]) -> str:
    rows = [
        [part, about["date"], about["measured"], f"{about['load']:.2f}", str(about["niceness"]), about["system"]]
        for part, about in ((part, found["about"]) for part, found in results.items())
    ]
    versions = [line.replace("==", " ") for line in next(iter(results.values()))["about"]["versions"]]
    return f"""## Runs

`make bench-serving` measures all parts; `python -m benchmarks.serving --help` names them. It needs no edit and no
Docker: only Python with venv and pip, gcc, make, the package index, two CPUs and, if it is to load one-row requests
as quickly as servers answer, `wrk`. `docs/internals/serving-performance/results.json` has every turn.
Versions: {", ".join(versions)}.

{table(["part", "date", "fasttrees", "load before", "niceness", "machine"], rows)}"""


def middle(values: list[float]) -> float:
    return float(statistics.median(values))


def spread(values: list[float], scale: float, digits: int) -> str:
    median, least, most = (f"{f(values) * scale:,.{digits}f}" for f in (middle, min, max))
    return f"{median} ({least} to {most})"


def mb(size: float) -> str:
    return f"{size / 1e6:.1f}"
