"""Write the study: two documents, in English and in Portuguese, from the results of one comparison.

``python -m benchmarks.study RESULTS.json DOCS`` writes ``DOCS/study-REGION.md``, ``DOCS/estudo-REGION.md`` and their
plots. All numbers come from the file, all verdicts from :mod:`benchmarks.study.claims`; the text is in ``templates/``.
The same file gives the same bytes.
"""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Callable
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from matplotlib.figure import Figure

from benchmarks.study.claims import AFTER, BEFORE, claims_of
from fasttrees._reports.drawing import drawing
from fasttrees._runtime.atomic_file import replacing
from fasttrees.comparison import plots, tables, words
from fasttrees.comparison.costs import DAYS_PER_MONTH, HOURS_PER_MONTH, MEMORY_SHARE
from fasttrees.comparison.errors import ComparisonError
from fasttrees.comparison.figures import Line, executive_table, line_of, scaling_of
from fasttrees.comparison.instances import changes, choose, instead_of, price_of
from fasttrees.comparison.ranges import Range, cores_of
from fasttrees.comparison.results import BASELINE, OURS, Results
from fasttrees.comparison.words import Language

__all__ = ["main", "write_study"]

NAMES: dict[Language, str] = {"en": "study", "pt-BR": "estudo"}
TEMPLATES = Path(__file__).with_name("templates")
WIDTH = 120
PLOTS: dict[str, Callable[[Results, Language], Figure | None]] = {
    "throughput": plots.plot_throughput,
    "latency": plots.plot_latency,
    "memory": plots.plot_memory,
    "costs": plots.plot_costs,
    "fixed": plots.plot_fixed,
    "start": plots.plot_start,
}


def write_study(results: Results, folder: Path) -> list[Path]:
    """Write both documents and their plots; return the files.

    Parameters
    ----------
    results : Results
    folder : Path
        Of the documents; the plots are in a folder of their own below it.
    """
    region = results.settings.region
    beside = folder / f"study-{region}"
    beside.mkdir(parents=True, exist_ok=True)
    written = []
    for language, name in NAMES.items():
        drawn = {}
        for title, plot in PLOTS.items():
            figure = plot(results, language)
            if figure is not None:
                drawn[title] = f"{beside.name}/{title}-{language}.svg"
                _save(figure, folder / drawn[title])
                written.append(folder / drawn[title])
        path = folder / f"{name}-{region}.md"
        with replacing(path) as file:
            file.write(render(results, language, drawn).encode())
        written.append(path)
    return written


def render(results: Results, language: Language, drawn: dict[str, str]) -> str:
    """Return a document; `drawn` has the addresses of the plots that there are."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(_vocabulary(results, language))
    environment.globals["plots"] = drawn
    return _wrap(environment.get_template(f"study.{language}.md").render())


def _vocabulary(results: Results, language: Language) -> dict[str, Any]:
    """All that a template may name."""
    lines = executive_table(results)
    cores = cores_of(results)
    twins = [language_name for language_name in NAMES if language_name != language]
    return {
        "results": results,
        "ours": results.contenders[OURS],
        "baseline": results.contenders[BASELINE],
        "scaling": {"ours": scaling_of(results, OURS), "baseline": scaling_of(results, BASELINE)},
        "cores": cores[-1],
        "other": f"{NAMES[twins[0]]}-{results.settings.region}.md",
        "before": BEFORE,
        "after": AFTER,
        "before_price": price_of(results, BEFORE, "transform"),
        "after_price": price_of(results, AFTER, "transform"),
        "claims": {claim.key: claim for claim in claims_of(results)},
        "changes": changes(results),
        "chosen": choose(results, OURS),
        "cheapest": choose(results, OURS, accepted=False),
        "seconds": lambda cost: Range.of([results.settings.rows_per_day / rate for rate in cost.rate_by_round]),
        "better": _names(lines, language, lambda times: times.low > 1),
        "worse": _names(lines, language, lambda times: times.high < 1),
        "undecided": _names(lines, language, lambda times: times.low <= 1 <= times.high),
        "loads": Range.of([turn.load_before for turn in results.turns]),
        "line": partial(line_of, lines),
        "value_table": lambda *keys: _markdown(tables.value_table(results, language, keys), numeric=2),
        "cost_table": lambda: _markdown(tables.cost_table(results, language), numeric=4),
        "fixed_table": lambda: _markdown(tables.fixed_table(results, language), numeric=0),
        "instead": partial(instead_of, results),
        "number": partial(words.as_number, language=language),
        "whole": lambda value: words.as_number(round(value), language, digits=1),
        "range": partial(words.as_range, language=language),
        "percent": lambda found: words.as_range(found, language, words.as_percent),
        "cores_text": lambda n: words.cores_text(n, language),
        "HOURS_PER_MONTH": HOURS_PER_MONTH,
        "DAYS_PER_MONTH": DAYS_PER_MONTH,
        "MEMORY_SHARE": MEMORY_SHARE,
    }


def _names(lines: list[Line], language: Language, holds: Callable[[Range], bool]) -> list[str]:
    """Name the figures for whose ratio something holds; with the cores where it does not hold on all that there are."""
    names = []
    for key, group in groupby(lines, lambda line: line.key):
        of_key = list(group)
        chosen = [line for line in of_key if holds(line.times)]
        if chosen:
            name = words.TITLES[language][key].rpartition(", ")[0]
            cores = ", ".join(words.cores_text(line.cores, language) for line in chosen)
            names.append(name if len(chosen) == len(of_key) else f"{name} ({cores})")
    return names


def _markdown(rows: tables.Table, numeric: int) -> str:
    """Write a table of Markdown, whose columns are numbers from the given one on."""
    rule = ["--" if column < numeric else "--:" for column in range(len(rows[0]))]
    return "\n".join(f"| {' | '.join(row)} |" for row in [rows[0], rule, *rows[1:]])


def _wrap(text: str) -> str:
    """Break paragraphs and items of lists into lines of a length; leave all else as it is."""
    blocks = []
    for block in text.strip().split("\n\n"):
        block = block.strip("\n")
        if block.startswith("- "):
            items = [" ".join(item.split()) for item in block.removeprefix("- ").split("\n- ")]
            block = "\n".join(_fill(f"- {item}", "  ") for item in items)
        elif block and block[0] not in "|#!<":
            block = _fill(" ".join(block.split()), "")
        if block:
            blocks.append(block)
    return "\n\n".join(blocks) + "\n"


def _fill(text: str, indent: str) -> str:
    return textwrap.fill(text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _save(figure: Figure, path: Path) -> None:
    """Write a plot as a file of its own, on white, for pages are light or dark."""
    with drawing(), replacing(path) as file:
        figure.savefig(file, format="svg", facecolor="white", metadata={"Date": None, "Creator": None})


def main(arguments: list[str] | None = None) -> int:
    """Write the study; return the status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.study", description="Write the study.")
    parser.add_argument("results", type=Path, help="results.json of fasttrees compare")
    parser.add_argument("docs", type=Path, help="folder for the documents")
    args = parser.parse_args(arguments)
    try:
        for path in write_study(Results.load(args.results), args.docs):
            print(path)
    except (ComparisonError, OSError) as error:
        print(f"fasttrees: error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
