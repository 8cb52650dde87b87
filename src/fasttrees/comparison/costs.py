"""The arithmetic of costs: pure functions of prices, speeds and rows."""

from __future__ import annotations

__all__ = [
    "DAYS_PER_MONTH",
    "HOURS_PER_MONTH",
    "MEMORY_SHARE",
    "cost_of_job",
    "cost_of_rows",
    "fits",
    "memory_of",
    "rate_on",
    "saving",
]

HOURS_PER_MONTH = 730  # a year's hours over 12, as AWS's own calculator has it
DAYS_PER_MONTH = HOURS_PER_MONTH / 24
MEMORY_SHARE = 0.75  # of an instance's memory for the server; our choice: the rest is for the system and the agent


def cost_of_rows(rows: float, usd_per_hour: float, rows_per_second: float) -> float:
    """Return the cost of scoring rows, in USD.

    This is the time in which rows are scored. The start of the instance, which is paid for too, is not included; it is
    the same for every server except for the time that it takes to pull the image.

    Parameters
    ----------
    rows : float
        0 or more.
    usd_per_hour : float
        Above 0.
    rows_per_second : float
        Above 0.
    """
    if not (rows >= 0 and usd_per_hour > 0 and rows_per_second > 0):
        raise ValueError(
            f"expected rows of at least 0, a price and a speed above 0, got {rows}, {usd_per_hour}, {rows_per_second}"
        )
    return rows / rows_per_second / 3600 * usd_per_hour


def cost_of_job(rows: float, usd_per_hour: float, rows_per_second: float, fixed_seconds: float) -> float:
    """Return the cost of a batch job, in USD: of scoring and of the rest of the time that is paid for.

    Parameters
    ----------
    rows, usd_per_hour, rows_per_second : float
        As for :func:`cost_of_rows`.
    fixed_seconds : float
        0 or more.
    """
    if not fixed_seconds >= 0:
        raise ValueError(f"expected seconds of at least 0, got {fixed_seconds}")
    return cost_of_rows(rows, usd_per_hour, rows_per_second) + fixed_seconds / 3600 * usd_per_hour


def saving(before: float, after: float) -> float:
    """Return the fraction of a cost that is saved: 1 if all of it, 0 if nothing, below 0 if it costs more."""
    if not (before > 0 and after >= 0):
        raise ValueError(f"expected a cost above 0 before and one of at least 0 after, got {before} and {after}")
    return 1 - after / before


def rate_on(vcpu: int, one_core: float, all_cores: float, cores: int) -> float:
    """Return the rows per second expected on an instance, from those measured here.

    As measured for one core and for all; in proportion to all cores otherwise, which nobody has measured.

    Parameters
    ----------
    vcpu : int
        Of the instance.
    one_core, all_cores : float
        Rows per second, measured.
    cores : int
        How many "all" are.
    """
    return one_core if vcpu == 1 else all_cores * vcpu / cores


def memory_of(vcpu: int, idle: float, peak: float) -> float:
    """Return the bytes that a server needs when each of an instance's vCPUs has a large body under way.

    Parameters
    ----------
    vcpu : int
    idle, peak : float
        Bytes; idle, and with one large body under way.
    """
    return idle + vcpu * max(peak - idle, 0)


def fits(needed: float, memory_gib: float) -> bool:
    """Whether a server that needs so many bytes may run on an instance."""
    return needed <= memory_gib * (1 << 30) * MEMORY_SHARE
