"""Turn results into Markdown tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from benchmarks.catalogue import ENGINES, OURS, REFERENCE
from benchmarks.environments import ROOT

Results = Mapping[str, Any]


def table(header: Iterable[str], rows: Iterable[Iterable[str]], numbers: bool = True) -> str:
    """Write a table; all columns but the first are numbers, to the right, unless told otherwise."""
    header = list(header)
    lines = [header, ["---"] + ["--:" if numbers else "---"] * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def number(value: float) -> str:
    """Write a number with three digits that count."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value < 10 or value != int(value) else f"{value:.1f}"


def time_of(engine: Results, key: str) -> float | None:
    time: float | None = engine.get("times", {}).get(key)
    return time


def best_rival(model: Results, key: str, compiles: tuple[bool, ...] = (False, True)) -> tuple[str, float] | None:
    """Return the fastest engine other than ours and LightGBM, with its time."""
    times = {
        name: time
        for name, engine in model["engines"].items()
        if name not in (OURS, REFERENCE) and ENGINES[name].compiles in compiles and (time := time_of(engine, key))
    }
    return min(times.items(), key=lambda item: item[1]) if times else None


def ratios(model: Results, key: str, compiles: tuple[bool, ...] = (False, True)) -> tuple[float | None, float | None]:
    """How many times as fast as LightGBM, and as the best rival."""
    ours, reference = time_of(model["engines"][OURS], key), time_of(model["engines"].get(REFERENCE, {}), key)
    rival = best_rival(model, key, compiles)
    if ours is None:
        return None, None
    return reference / ours if reference else None, rival[1] / ours if rival else None


def times_table(
    results: Results, key: str, scale: float, label: str, compiles: tuple[bool, ...] = (False, True)
) -> str:
    """One line for each model, one column for each engine, and how many times as fast as the others ours is.

    Of the rivals, those count that compile, or those that do not, or both.
    """
    names = list(ENGINES)
    rows = []
    for model_name, model in results["models"].items():
        if not any(time_of(engine, key) for engine in model["engines"].values()):
            continue
        rival = best_rival(model, key, compiles)
        cells = []
        for name in names:
            engine = model["engines"].get(name, {})
            time = time_of(engine, key)
            text = "fails" if time is None else number(time * scale)
            cells.append(f"**{text}**" if rival and name == rival[0] else text)
        against = [f"{ratio:.1f}" if ratio else "" for ratio in ratios(model, key, compiles)]
        rows.append([model_name, *cells, *against])
    header = [label, *(ENGINES[name].title for name in names), "x LightGBM", "x best rival"]
    return table(header, rows)


def failures(results: Results) -> str:
    """List what engines said when they failed on a model."""
    said: dict[tuple[str, str], list[str]] = {}
    for model_name, model in results["models"].items():
        for name, engine in model["engines"].items():
            for message in {engine.get("error"), *engine.get("errors", {}).values()} - {None}:
                said.setdefault((name, short(str(message))), []).append(model_name)
    lines = [f"- {ENGINES[name].title} on {', '.join(models)}: `{text}`" for (name, text), models in said.items()]
    return "\n".join(lines) or "None."


def short(message: str) -> str:
    """Cut a message to its first line, without times of day, paths of this machine and what breaks a table."""
    line = re.sub(r"\[[\d:]{8}\] ", "", message.strip().splitlines()[0])
    line = line.replace(str(ROOT), ".").replace("`", "'").replace("|", "/")
    return line if len(line) <= 110 else line[:107] + "..."


def agreement_table(results: Results) -> str:
    names = [name for name in ENGINES if name != REFERENCE]
    rows = []
    for model_name, model in results["models"].items():
        cells = []
        for name in names:
            engine = model["engines"].get(name, {})
            if "compared" not in engine:
                cells.append("fails")
            elif engine["equal"] == engine["compared"]:
                cells.append("all equal")
            else:
                share = engine["equal"] / engine["compared"]
                cells.append(f"{share:.0%} equal, off by {engine['difference']:.0e}")
        rows.append([model_name, *cells])
    return table(["model", *(ENGINES[name].title for name in names)], rows)
