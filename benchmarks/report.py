"""Write docs/internals/performance.md from the results."""

from __future__ import annotations

from typing import Any

from benchmarks.catalogue import ENGINES, OURS
from benchmarks.goals import goals_table
from benchmarks.scoring import REUSABLE, SAME_ROW
from benchmarks.starting import titles
from benchmarks.tables import agreement_table, failures, number, table, time_of, times_table

COMMENTS = {
    "trees": "Trees of 31 leaves, binary data. Linear, and a part that does not depend on the trees: the call, and the "
    "ranks of the values, which are found once for all trees.",
    "leaves": "100 trees, numerical features of the flights. All splits of a small tree are evaluated, many rows at a "
    "time, so that time grows with the leaves; large trees take another way (see how-it-works.md), where it grows with "
    "depth and with what falls out of the caches.",
    "features": "100 trees of 31 leaves, indicators of the flights' categories. A feature that a split uses is ranked "
    "once a row; 100 trees use only some of many features, and the others cost no more than being passed over.",
    "rows": "binary-500x31. Batches are evaluated in blocks of rows: a block that is not full costs nearly as much.",
    "threads": "binary-500x31, 100,000 rows, elapsed time.",
}


def write_page(results: dict[str, Any], recorded_instructions: dict[str, Any]) -> str:
    """Return the page: only the sections that were measured."""
    sections = [heading(results)]
    if results.get("models"):
        sections += [
            "## Goals\n\n" + goals_table(results),
            scoring_sections(results),
            loading_section(results),
            agreement_section(results),
            "## Engines that fail\n\n" + failures(results),
        ]
    if "fresh" in results:
        sections += [fresh_section(results), memory_section(results)]
    if "growth" in results:
        sections.append(growth_section(results))
    if "instructions" in results:
        sections.append(instructions_section(results["instructions"], recorded_instructions))
    return "\n\n".join(sections) + "\n"


def heading(results: dict[str, Any]) -> str:
    about = results["about"]
    command = "make bench-full" if about["full"] else "make bench"
    versions = {}
    for model in results.get("models", {}).values():
        for name, engine in model["engines"].items():
            if "version" in engine:
                details = f" ({engine['details']})" if engine["details"] else ""
                versions[ENGINES[name].title] = f"{engine['version']}{details}"
    clock = "Elapsed time" if about["clock"] == "perf_counter" else "CPU time (elapsed time where threads are compared)"
    listed = ", ".join(f"{title} {version}" for title, version in versions.items())
    return f"""# Performance

<!-- Written by `{command}`. -->

**We made one of the engines compared.** We chose the models, the machine and the way to measure, and we know our own
engine best; run it yourself: `{command}` needs no edit. Every engine runs in a process and an environment of its own,
and the processes take turns, so that what disturbs the machine disturbs all. Times are medians of {about["rounds"]}
turns; slow engines sit out some. float64 numpy array in, numpy array out; where an engine wants something else,
converting counts. Ratios say more than times, which shift with the machine and its load. What was tried to get here,
and why some goals are not met: [performance-notes.md](performance-notes.md).

{clock} is counted. Load of the machine as the run began: {about["load"]:.2f}.

Machine: {about["system"]}.
Measured on {about["date"]}, fasttrees from {about["measured"]}. Versions: {listed}.
It took {results["seconds"] / 60:.0f} minutes, {results.get("preparing_seconds", 0) / 60:.0f} of them for what a
later run finds ready: environments, trained models, compiled models."""


def scoring_sections(results: dict[str, Any]) -> str:
    parts = [
        "## Scoring\n\nMicroseconds for a row, one thread, in bold the best rival. Models are named by their data and "
        "trees x leaves; benchmarks/models.py says how each was trained. Compilers are stopped after "
        f"{results['about']['compile_limit']:.0f} s, engines when anything else takes longer than "
        f"{results['about']['limit']:.0f} s."
    ]
    if results["about"]["full"]:
        parts.append("![Speed against LightGBM's, batches of 10,000 rows](performance/batches.svg)")
    keys = [("100000", "100,000 rows", 100_000), ("10000", "10,000 rows", 10_000), ("100", "100 rows", 100)]
    for key, label, n_rows in keys:
        if any(time_of(engines(m)[OURS], key) for m in results["models"].values()):
            parts.append(f"### {label}\n\n" + times_table(results, key, 1e6 / n_rows, "model"))
    one_row = "### One row\n\nA different row with each call: 256 rows in turn.\n\n"
    if results["about"]["full"]:
        one_row += "![Speed against LightGBM's, one row](performance/one-row.svg)\n\n"
    parts.append(one_row + times_table(results, "1", 1e6, "model"))
    parts.append(
        "The same row again and again, which trains the branch predictor to it:\n\n"
        + times_table(results, SAME_ROW, 1e6, "model")
    )
    if any(time_of(engines(m)[OURS], REUSABLE) for m in results["models"].values()):
        rows = [
            [
                name,
                number((time_of(engines(m)[OURS], "1") or 0) * 1e6),
                number((time_of(ours, REUSABLE) or 0) * 1e6),
            ]
            for name, m in results["models"].items()
            if (ours := engines(m)[OURS])
        ]
        parts.append("Through the reusable object of fasttrees:\n\n" + table(["model", "call", "reusable"], rows))
    for key, label, n_rows in keys[:2]:
        threads = f"{key}, 2 threads"
        if any(time_of(engines(m)[OURS], threads) for m in results["models"].values()):
            parts.append(f"### {label}, two threads\n\n" + times_table(results, threads, 1e6 / n_rows, "model"))
    return "\n\n".join(parts)


def engines(model: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = model["engines"]
    return found


def loading_section(results: dict[str, Any]) -> str:
    return f"""## Loading

Milliseconds, from the text file or from what the engine compiled or converted before. A model is loaded again and
again, so that the libraries of tl2cgen and pylignum compiled are mapped already; the best rival is one that compiles
nothing.

{times_table(results, "load", 1e3, "model", compiles=(False,))}

Seconds to compile or convert, once for each model:

{preparing_table(results)}"""


def preparing_table(results: dict[str, Any]) -> str:
    names = [
        name
        for name in ENGINES
        if any(engines(m).get(name, {}).get("prepare", 0) > 0.01 for m in results["models"].values())
    ]
    rows = []
    for model_name, model in results["models"].items():
        times = [engines(model).get(name, {}).get("prepare") for name in names]
        rows.append([model_name, *("fails" if time is None else f"{time:.1f}" for time in times)])
    return table(["model", *(ENGINES[name].title for name in names)], rows)


def agreement_section(results: dict[str, Any]) -> str:
    return f"""## Agreement with LightGBM

Predictions with the same 64 bits, and the largest difference. An engine that differs by more than a thousandth of the
range of the predictions counts as failing, and so does ours if one bit differs.

{agreement_table(results)}"""


def fresh_section(results: dict[str, Any]) -> str:
    found = results["fresh"]
    named = titles(found)
    rows = [
        [named[key], f"{value * 1e3:.0f}" if isinstance(value, float) else "fails"]
        for key, value in sorted(found.items(), key=lambda item: (isinstance(item[1], str), item[1]))
    ]
    return (
        "## A fresh process\n\nMilliseconds from the start of Python to its end: import the engine and numpy, load "
        "binary-100x31, score one row. What compiles has compiled before.\n\n" + table(["process", "ms"], rows)
    )


def memory_section(results: dict[str, Any]) -> str:
    rows = [
        [
            name,
            *(f"{sizes[key] / 1e6:.2f}" for key in ("file", "loaded", "scored")),
            f"{sizes['scored'] / sizes['file']:.2f}",
        ]
        for name, sizes in results["sizes"].items()
    ]
    text = "## Memory\n\nOur models, in MB: `Model.nbytes` when loaded, and once a batch has been scored.\n\n"
    text += table(["model", "text file", "loaded", "scored", "scored / file"], rows)
    text += (
        "\n\nAll engines on binary-500x31, in MB: what the process grows by as it loads the model, and how far its "
        "peak lies above that while it scores, without rows and result.\n\n"
    )
    numbers = list(results["memory"][OURS]["scoring"])
    lines = []
    for name in ENGINES:
        found = results["memory"].get(name, {})
        if "scoring" in found:
            cells = [found["load"], *(found["scoring"][n] for n in numbers)]
            lines.append([ENGINES[name].title, *(f"{max(0, cell) / 1e6:.1f}" for cell in cells)])
    return text + table(["engine", "loading", *(f"scoring {int(n):,} rows" for n in numbers)], lines)


def growth_section(results: dict[str, Any]) -> str:
    parts = ["## Growth\n\nMicroseconds for a row; both axes logarithmic.\n\n![Growth](performance/growth.svg)"]
    for quantity, values in results["growth"].items():
        names = [name for name in ENGINES if any(name in times for times in values.values())]
        rows = [
            [value, *(number(t * 1e6) if isinstance(t := times.get(name), float) else "fails" for name in names)]
            for value, times in values.items()
        ]
        text = table([quantity, *(ENGINES[name].title for name in names)], rows)
        parts.append(
            f"### {quantity.capitalize()}\n\n" + (COMMENTS[quantity] + "\n\n" if COMMENTS[quantity] else "") + text
        )
    return "\n\n".join(parts)


def instructions_section(counts: dict[str, Any], recorded: dict[str, Any]) -> str:
    text = (
        "## Instructions\n\nCounted by callgrind, which runs the AVX2 build at best: to compare changes on any machine."
    )
    if "error" in counts:
        return f"{text}\n\nNot counted: {counts['error']}."
    rows = []
    for kernel, count in counts.items():
        before = recorded.get(kernel)
        change = f"{count / before - 1:+.1%}" if before else ""
        rows.append([kernel, f"{count:,}", f"{before:,}" if before else "", change])
    return text + "\n\n" + table(["kernel", "instructions", "recorded before", "change"], rows)
