"""The goals that the project set itself, and whether the results meet them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from benchmarks.catalogue import ENGINES, OURS, REFERENCE
from benchmarks.tables import best_rival, ratios, table, time_of

CATEGORICAL = "categorical-100x31"
LARGEST_TEXT = "binary-500x255"
SMALLEST = "binary-100x31"
CONSTANT = 64 * 1024  # bytes; less than this is no growth: pages, and what Python does meanwhile


class Goal(NamedTuple):
    """A goal, for one model, and what was measured."""

    text: str
    model: str
    measured: str
    met: bool


def goals_table(results: dict[str, Any]) -> str:
    """Each goal with the models that meet it and those that miss it."""
    kinds = (batch_goals, one_row_goals, thread_goals, load_goals, fresh_goals, memory_goals, scoring_memory_goals)
    goals = [goal for kind in kinds for goal in kind(results)]
    rows = []
    for text in dict.fromkeys(goal.text for goal in goals):
        of_text = [goal for goal in goals if goal.text == text]
        met = [goal for goal in of_text if goal.met]
        count = f"{len(met)} of {len(of_text)}" if len(of_text) > 1 else "yes" if met else "no"
        missed = "; ".join(f"{goal.model}: {goal.measured}" for goal in of_text if not goal.met)
        if len(of_text) == 1 and met:
            missed = f"({met[0].model}: {met[0].measured})"
        rows.append([text, count, missed])
    return table(["goal", "met", "where not"], rows, numbers=False)


def batch_goals(results: dict[str, Any]) -> Iterator[Goal]:
    for size in (100_000, 10_000, 100):
        text = f"{size:,} rows: "
        text += (
            "10 x LightGBM, ahead of all" if size == 100 else "20 x LightGBM, 2.5 x the best rival (categorical: 1.5)"
        )
        for name, model in results["models"].items():
            against_reference, against_rival = ratios(model, str(size))
            rival = best_rival(model, str(size))
            if against_reference is None:
                continue
            wanted, wanted_rival = (10.0, 1.0) if size == 100 else (20.0, 1.5 if name == CATEGORICAL else 2.5)
            met = against_reference >= wanted
            measured = f"{against_reference:.1f} x LightGBM"
            if rival is not None and against_rival is not None:
                measured += f", {against_rival:.1f} x {ENGINES[rival[0]].title}"
                met &= against_rival >= wanted_rival
            yield Goal(text, name, measured, met)


def one_row_goals(results: dict[str, Any]) -> Iterator[Goal]:
    for name, model in results["models"].items():
        ours = time_of(model["engines"][OURS], "1")
        if ours is None:
            continue
        reference = time_of(model["engines"][REFERENCE], "1")
        measured, met = [f"{ours * 1e6:.2f} us"], reference is None or ours <= reference
        for compiles, slack in ((False, 1.0), (True, 1.2)):
            rival = best_rival(model, "1", (compiles,))
            if rival is not None:
                measured.append(f"{ENGINES[rival[0]].title} {rival[1] * 1e6:.2f} us")
                met &= ours <= slack * rival[1]
        yield Goal(
            "one row: ahead of all that compile nothing, within 1.2 of the others", name, ", ".join(measured), met
        )
        if name == SMALLEST:
            yield Goal("one row: under 1.5 us", name, measured[0], ours < 1.5e-6)


def thread_goals(results: dict[str, Any]) -> Iterator[Goal]:
    for name, model in results["models"].items():
        ours = model["engines"][OURS]
        one, two = time_of(ours, "100000"), time_of(ours, "100000, 2 threads")
        if one and two:
            yield Goal("100,000 rows: two threads 1.9 x one", name, f"{one / two:.2f} x", one / two >= 1.9)


def load_goals(results: dict[str, Any]) -> Iterator[Goal]:
    engines = results["models"].get(LARGEST_TEXT, {}).get("engines", {})
    ours, reference, rival = (time_of(engines.get(name, {}), "load") for name in (OURS, REFERENCE, "pylignum"))
    if ours and reference and rival:
        measured = f"{reference / ours:.1f} x LightGBM, {rival / ours:.1f} x pylignum"
        met = reference / ours >= 10 and rival / ours >= 2
        yield Goal("load: 10 x LightGBM, 2 x pylignum", LARGEST_TEXT, measured, met)


def fresh_goals(results: dict[str, Any]) -> Iterator[Goal]:
    fresh = results.get("fresh", {})
    ours, reference = fresh.get(OURS), fresh.get(REFERENCE)
    if isinstance(ours, float) and isinstance(reference, float):
        measured = f"{ours * 1e3:.0f} ms, LightGBM {reference * 1e3:.0f} ms"
        yield Goal("fresh process: under a quarter of LightGBM's time", SMALLEST, measured, ours < reference / 4)


def memory_goals(results: dict[str, Any]) -> Iterator[Goal]:
    for name, sizes in results.get("sizes", {}).items():
        share = sizes["scored"] / sizes["file"]
        yield Goal("memory of a model: at most its text file", name, f"{share:.2f} of it", share <= 1)


def scoring_memory_goals(results: dict[str, Any]) -> Iterator[Goal]:
    found = results.get("memory", {}).get(OURS, {}).get("scoring")
    if found:
        few, many = found.values()
        measured = f"{(many - few) / 1e3:.0f} KB more for ten times the rows"
        yield Goal("memory of scoring: constant beside the output", "binary-500x31", measured, many - few <= CONSTANT)
