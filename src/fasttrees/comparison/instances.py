"""Choose instances and compute costs from a comparison."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fasttrees.comparison.costs import DAYS_PER_MONTH, cost_of_job, cost_of_rows, fits, memory_of, rate_on, saving
from fasttrees.comparison.ranges import Range, by_round, cores_of
from fasttrees.comparison.results import BASELINE, OURS, PriceRow, Results

__all__ = [
    "FIXED_MINUTES",
    "InstanceCost",
    "Use",
    "changes",
    "choose",
    "costs_of",
    "instead_of",
    "price_of",
    "priced",
    "saving_between",
]

MILLION = 1_000_000
FIXED_MINUTES = (0, 1, 3, 5, 10)  # examples of the time that a job is paid for in addition to scoring
Use = Literal["hosting", "transform"]


@dataclass(frozen=True)
class InstanceCost:
    """The cost of a server on an instance.

    Attributes
    ----------
    contender : str
    price : PriceRow
    accepted : bool
        Whether SageMaker accepts the instance type for this use.
    fits : bool
        Whether the server's memory fits.
    needed : Range
        Bytes that it needs.
    rate : Range
        Rows per second.
    usd_per_million : Range
        USD for scoring a million rows, nothing else.
    usd_per_job, usd_per_month : Range
        USD for a daily job with all that it is paid for, and for a month of them.
    rate_by_round : tuple of float
        Rows per second, by round.
    """

    contender: str
    price: PriceRow
    accepted: bool
    fits: bool
    needed: Range
    rate: Range
    usd_per_million: Range
    usd_per_job: Range
    usd_per_month: Range
    rate_by_round: tuple[float, ...]


def priced(results: Results, use: Use) -> list[PriceRow]:
    """Return the price of each instance for a use: the row for that use, else the row for any use."""
    found: dict[str, PriceRow] = {}
    for price in results.prices:
        if price.component == use or (price.component == "any" and price.instance not in found):
            found[price.instance] = price
    return list(found.values())


def price_of(results: Results, instance: str, use: Use) -> PriceRow | None:
    """Return the price of one instance; None if the table has none."""
    return next((price for price in priced(results, use) if price.instance == instance), None)


def instead_of(results: Results, price: PriceRow, unknown: str) -> str:
    """List the types that Batch Transform accepts in place of one; those without a price are marked `unknown`."""
    known = {row.instance for row in priced(results, "transform")}
    names = price.instead.get("transform", [])
    return ", ".join(name if name in known else f"{name} ({unknown})" for name in names)


def costs_of(results: Results, name: str, price: PriceRow, use: Use = "transform") -> InstanceCost:
    """Return the cost of a server on an instance.

    Speed and memory are those measured here, in proportion to the instance's vCPUs: :mod:`fasttrees.comparison.costs`.
    """
    cores = cores_of(results)
    ones, alls = (by_round(results, name, n, lambda turn: turn.bulk.rows_per_second) for n in (cores[0], cores[-1]))
    rates = [rate_on(price.vcpu, one, every, cores[-1]) for one, every in zip(ones, alls, strict=True)]
    idle = by_round(results, name, cores[-1], lambda turn: turn.idle.pss)
    peak = by_round(results, name, cores[-1], lambda turn: turn.peak.pss)
    needed = Range.of([memory_of(price.vcpu, *pair) for pair in zip(idle, peak, strict=True)])
    usd, settings = price.usd_per_hour, results.settings
    fixed = settings.fixed_minutes * 60
    per_job = Range.of([cost_of_job(settings.rows_per_day, usd, rate, fixed) for rate in rates])
    return InstanceCost(
        contender=name,
        price=price,
        accepted=price.accepted[use],
        fits=fits(needed.high, price.memory_gib),
        needed=needed,
        rate=Range.of(rates),
        usd_per_million=Range.of([cost_of_rows(MILLION, usd, rate) for rate in rates]),
        usd_per_job=per_job,
        usd_per_month=per_job.map(lambda cost: cost * DAYS_PER_MONTH),
        rate_by_round=tuple(rates),
    )


def choose(results: Results, name: str, use: Use = "transform", accepted: bool = True) -> InstanceCost | None:
    """Return the instance with the lowest cost of a daily job, among those in the table with enough memory.

    Parameters
    ----------
    results : Results
    name : str
        Of the server.
    use : {"hosting", "transform"}
    accepted : bool
        Only those that SageMaker accepts for this use.
    """
    costs = [costs_of(results, name, price, use) for price in priced(results, use)]
    fitting = [cost for cost in costs if cost.fits and (cost.accepted or not accepted)]
    return min(fitting, key=lambda cost: (cost.usd_per_job.middle, cost.price.usd_per_hour), default=None)


def changes(results: Results) -> list[tuple[InstanceCost, InstanceCost]]:
    """Return the instances of a batch job before and after the switch.

    Each server gets the cheapest instance that Batch Transform accepts. If an instance that is not accepted would be
    cheaper for ours, a second pair shows it. Empty if no accepted instance has enough memory.
    """
    before = choose(results, BASELINE)
    if before is None:
        return []
    afters = [choose(results, OURS), choose(results, OURS, accepted=False)]
    return [(before, after) for i, after in enumerate(afters) if after is not None and after.accepted == (i == 0)]


def saving_between(before: InstanceCost, after: InstanceCost, rows: float, fixed_minutes: float) -> Range:
    """Return the fraction of a job's cost that is saved, from the pairs of each round.

    Parameters
    ----------
    before, after : InstanceCost
    rows : float
        Of the job.
    fixed_minutes : float
        Paid for in addition to scoring in either job: to start the instance, pull the image and release it.
    """

    def job(cost: InstanceCost, rate: float) -> float:
        return cost_of_job(rows, cost.price.usd_per_hour, rate, fixed_minutes * 60)

    pairs = zip(before.rate_by_round, after.rate_by_round, strict=True)
    return Range.of([saving(job(before, slow), job(after, quick)) for slow, quick in pairs])
