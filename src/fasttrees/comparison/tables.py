"""The tables of a comparison, as cells of text in either language."""

from __future__ import annotations

from fasttrees.comparison.figures import executive_table
from fasttrees.comparison.instances import FIXED_MINUTES, changes, costs_of, priced, saving_between
from fasttrees.comparison.results import BASELINE, OURS, Results
from fasttrees.comparison.words import HEADERS, SERVERS, TITLES, YES, Language, as_percent, as_range, cores_text

__all__ = ["Table", "cost_table", "fixed_table", "value_table"]

Table = list[list[str]]  # the first row has the headers


def value_table(results: Results, language: Language = "en", keys: tuple[str, ...] = tuple(TITLES["en"])) -> Table:
    """Write the executive table, or the lines of it that are named."""
    rows = [
        [
            TITLES[language][line.key],
            cores_text(line.cores, language),
            *(as_range(found, language) for found in (line.ours, line.baseline, line.times)),
        ]
        for line in executive_table(results)
        if line.key in keys
    ]
    return [HEADERS[language]["values"], *rows]


def cost_table(results: Results, language: Language = "en") -> Table:
    """Write what a million rows and a month cost, on each instance of the price table."""
    rows = [HEADERS[language]["costs"]]
    for price in priced(results, "transform"):
        for name in (BASELINE, OURS):
            cost = costs_of(results, name, price)
            rows.append(
                [
                    price.instance,
                    YES[language][cost.accepted],
                    SERVERS[language][name],
                    YES[language][cost.fits],
                    as_range(cost.rate, language),
                    as_range(cost.usd_per_million, language),
                    as_range(cost.usd_per_month, language),
                ]
            )
    return rows


def fixed_table(results: Results, language: Language = "en") -> Table:
    """Write the fraction of a daily job's cost that is saved, by the minutes paid in addition to scoring.

    It has a column for each pair of instances: see :func:`fasttrees.comparison.instances.changes`.
    """
    rows = results.settings.rows_per_day
    pairs = changes(results)
    headers = [f"{before.price.instance} → {after.price.instance}" for before, after in pairs]
    cells = [
        [as_range(saving_between(before, after, rows, minutes), language, as_percent) for before, after in pairs]
        for minutes in FIXED_MINUTES
    ]
    return [
        [*HEADERS[language]["fixed"], *headers],
        *([str(minutes), *row] for minutes, row in zip(FIXED_MINUTES, cells, strict=True)),
    ]
