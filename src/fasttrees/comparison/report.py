"""The HTML page of a comparison."""

from __future__ import annotations

from os import PathLike

from fasttrees._reports.page import Page
from fasttrees.comparison import plots
from fasttrees.comparison.figures import executive_table
from fasttrees.comparison.results import BASELINE, OURS, Results
from fasttrees.comparison.tables import Table, cost_table, fixed_table, value_table
from fasttrees.comparison.text import advice, notes
from fasttrees.comparison.words import SERVERS, TITLES, as_range

__all__ = ["write_page"]

HEADLINES = ("throughput", "p99", "idle", "peak", "start", "image")


def write_page(results: Results, path: str | PathLike[str]) -> None:
    """Write the page, whole or not at all."""
    data, machine = results.data, results.machine
    page = Page("fasttrees and the usual Python container", f"{data.model} on {data.rows}, {results.date}")
    lines = {line.key: line for line in executive_table(results)}  # of all cores
    page.add_values(
        {f"{TITLES['en'][key]}: times better": as_range(lines[key].times) for key in HEADLINES if key in lines}
    )
    page.add_section("Figures")
    _add_table(page, value_table(results), numeric=(2, 3, 4))
    page.add_plot(plots.plot_throughput(results, "en"), "Throughput")
    page.add_plot(plots.plot_latency(results, "en"), "Requests of one row")
    page.add_plot(plots.plot_memory(results, "en"), "Memory")
    page.add_plot(plots.plot_start(results, "en"), "Start")
    page.add_section("Instances and costs")
    for sentence in advice(results):
        page.add_text(sentence)
    _add_table(page, cost_table(results), numeric=(4, 5, 6))
    page.add_plot(plots.plot_costs(results, "en"), "Cost of scoring a million rows, by instance")
    fixed = plots.plot_fixed(results, "en")
    if fixed is not None:
        table = fixed_table(results)
        _add_table(page, table, numeric=tuple(range(len(table[0]))))
        page.add_plot(fixed, "Saved of a daily job, by the minutes that either is paid for besides scoring")
    page.add_section("What was measured")
    for sentence in notes(results):
        page.add_text(sentence)
    page.add_values({"model, trees": data.trees, "features": data.features, "rows in a pass": data.bulk_rows})
    page.add_table(["server", "run as", "versions"], [_contender(results, name) for name in (OURS, BASELINE)])
    page.add_text(
        f"{machine.processor}, {machine.cpus} CPUs, {machine.memory / 1e9:.1f} GB, {machine.system}, Python "
        f"{machine.python}; niceness {machine.niceness}."
    )
    page.write(path)


def _add_table(page: Page, rows: Table, numeric: tuple[int, ...]) -> None:
    page.add_table(rows[0], rows[1:], numeric=numeric)


def _contender(results: Results, name: str) -> list[str]:
    about = results.contenders[name]
    how = f"image {about.image}, {about.image_id[:19]}" if about.image else "processes of this machine"
    return [SERVERS["en"][name], how, ", ".join(about.versions)]
