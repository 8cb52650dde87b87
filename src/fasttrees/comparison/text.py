"""A comparison as text for a terminal, and the sentences that the page has too."""

from __future__ import annotations

from fasttrees.comparison.costs import DAYS_PER_MONTH, HOURS_PER_MONTH, MEMORY_SHARE
from fasttrees.comparison.instances import changes, choose, costs_of, instead_of, priced, saving_between
from fasttrees.comparison.ranges import Range
from fasttrees.comparison.results import BASELINE, OURS, PriceRow, Results
from fasttrees.comparison.tables import Table, cost_table, fixed_table, value_table
from fasttrees.comparison.words import SERVERS, as_number, as_percent, as_range

__all__ = ["advice", "as_text", "not_accepted", "notes"]

BUSY = 0.5  # load average above which other programs are mentioned


def as_text(results: Results) -> str:
    """Return the comparison as tables and a few sentences."""
    tables = [value_table(results), cost_table(results), fixed_table(results)]
    sentences = "\n".join([*advice(results), *notes(results)])
    return "\n\n".join([*map(_columns, tables), sentences])


def advice(results: Results) -> list[str]:
    """Return sentences that recommend an instance and state what it saves."""
    lines = []
    cheapest = choose(results, OURS, accepted=False)
    if cheapest is not None and not cheapest.accepted:
        lines.append(f"By the price table {not_accepted(cheapest.price, results)}")
    rows, fixed = results.settings.rows_per_day, results.settings.fixed_minutes
    for before, after in changes(results)[:1]:
        one, other = (as_range(Range.of([rows / rate for rate in cost.rate_by_round])) for cost in (before, after))
        scoring, job = (
            as_range(saving_between(before, after, rows, minutes), write=as_percent) for minutes in (0, fixed)
        )
        lines.append(
            f"Batch Transform: {rows:,} rows a day take the Python container {one} s on {before.price.instance}, and "
            f"fasttrees {other} s on {after.price.instance}. That saves {scoring} of the cost of scoring, and {job} of "
            f"the whole job's if it is paid for {fixed:g} minutes besides, which is an assumption."
        )
    if not changes(results):
        lines.append("No instance of the price table is accepted for Batch Transform and has memory for both servers.")
    takes = [price for price in priced(results, "hosting") if price.accepted["hosting"]]
    if takes:
        endpoint = min(takes, key=lambda price: price.usd_per_hour)
        fit = [SERVERS["en"][name] for name in (BASELINE, OURS) if costs_of(results, name, endpoint, "hosting").fits]
        lines.append(
            f"Endpoint: the cheapest instance of the table is {endpoint.instance}, USD "
            f"{as_number(endpoint.usd_per_hour * HOURS_PER_MONTH)} a month, with memory for "
            f"{' and '.join(fit) or 'neither server'}."
        )
    return lines


def not_accepted(price: PriceRow, results: Results) -> str:
    """Return a sentence: Batch Transform does not accept this instance, but accepts these."""
    names = instead_of(results, price, "price unknown")
    kind = ", a type for endpoints," if price.accepted["hosting"] else ""
    return f"{price.instance}{kind} would be cheapest, but Batch Transform does not take it. It takes {names}."


def notes(results: Results) -> list[str]:
    """Return sentences on what the figures include and what they leave out."""
    agreement, settings, data = results.agreement, results.settings, results.data
    difference = agreement.largest_difference
    origins = dict.fromkeys(
        f"Price of {row.instance}, USD {as_number(row.usd_per_hour)} an hour: {row.source} ({row.date or 'no date'})"
        f"{': ' + row.note if row.note else ''}."
        for row in results.prices
    )
    lines = [
        f"{agreement.equal_rows:,} of {agreement.rows:,} predictions have the same bits"
        f"{f'; the largest difference is {difference:.1e}' if difference else ''}.",
        f"Shown is the median of {settings.rounds} round{'' if settings.rounds == 1 else 's'}, in brackets the least "
        "and the most; ratios are taken within each round.",
        f"Speed on an instance is this machine's, in proportion to vCPUs; memory, for a body of "
        f"{data.large_bytes / 1e6:.0f} MB on each vCPU, is to fit in {MEMORY_SHARE:.0%} of the instance's. A month "
        f"has {DAYS_PER_MONTH:.1f} jobs of {settings.rows_per_day:,} rows, each paid for {settings.fixed_minutes:g} "
        "minutes besides scoring, which is an assumption. Storage and transfer are in no cost.",
        *origins,
    ]
    if settings.quick:
        lines.append("This was a quick run, to see that it works: its figures say little.")
    if results.machine.load_before > BUSY:
        lines.append(
            f"The machine was busy: its load was {results.machine.load_before:.1f} with {results.machine.cpus} CPU"
            f"{'' if results.machine.cpus == 1 else 's'}."
        )
    return lines


def _columns(rows: Table) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    cells = ([cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows)
    return "\n".join("  ".join(row).rstrip() for row in cells)
