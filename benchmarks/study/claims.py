"""The claims of the original study, and whether the measurement bears them out: by rule, not by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fasttrees.comparison.costs import saving
from fasttrees.comparison.figures import executive_table, line_of
from fasttrees.comparison.instances import choose, costs_of, price_of, saving_between
from fasttrees.comparison.ranges import Range
from fasttrees.comparison.results import BASELINE, OURS, Results

__all__ = ["AFTER", "BEFORE", "Claim", "Verdict", "claims_of"]

BEFORE, AFTER = "ml.m5.xlarge", "ml.c5.large"  # the instances of the study
ABOUT = 0.1  # "about" allows a tenth
POINT = 0.01  # a percentage that is given without decimals

Verdict = Literal["better", "held", "missed", "open", "unknown"]


@dataclass(frozen=True)
class Claim:
    """What the study said, and what there is now.

    Attributes
    ----------
    key : str
        ``throughput`` (times), ``idle`` and ``image`` (MB), ``per_hour`` (a part of 1); and of the saving in all,
        ``scoring`` alone and of the whole daily ``job``, on the study's instances; with ``_batch`` where each server
        has the cheapest instance that Batch Transform takes.
    low, high : float
        What was said.
    found : Range or None
        None: not measured, or no price.
    verdict : str
        ``better`` than said, ``held``, ``missed``, ``open`` where what was said lies within the range, ``unknown``.
    """

    key: str
    low: float
    high: float
    found: Range | None
    verdict: Verdict


def claims_of(results: Results) -> list[Claim]:
    """Return all claims of the study with what was measured."""
    lines = executive_table(results)
    fixed = results.settings.fixed_minutes
    throughput, idle, image = (line_of(lines, key) for key in ("throughput", "idle", "image"))
    return [
        _at_least("throughput", 5, throughput.times if throughput else None),
        _about("idle", 20, idle.ours if idle else None),
        _about("image", 40, image.ours if image else None),
        _near("per_hour", 0.48, _per_hour(results)),
        _between("scoring", 0.55, 0.70, _total(results, 0)),
        _between("scoring_batch", 0.55, 0.70, _total_batch(results, 0)),
        _between("job", 0.55, 0.70, _total(results, fixed)),
        _between("job_batch", 0.55, 0.70, _total_batch(results, fixed)),
    ]


def _per_hour(results: Results) -> Range | None:
    before, after = (price_of(results, instance, "hosting") for instance in (BEFORE, AFTER))
    if before is None or after is None:
        return None
    return Range.of([saving(before.usd_per_hour, after.usd_per_hour)])


def _total(results: Results, fixed_minutes: float) -> Range | None:
    before, after = (price_of(results, instance, "transform") for instance in (BEFORE, AFTER))
    if before is None or after is None:
        return None
    costs = costs_of(results, BASELINE, before), costs_of(results, OURS, after)
    return saving_between(*costs, results.settings.rows_per_day, fixed_minutes)


def _total_batch(results: Results, fixed_minutes: float) -> Range | None:
    before, after = choose(results, BASELINE), choose(results, OURS)
    if before is None or after is None:
        return None
    return saving_between(before, after, results.settings.rows_per_day, fixed_minutes)


def _at_least(key: str, said: float, found: Range | None) -> Claim:
    verdict: Verdict = "unknown"
    if found is not None:
        verdict = "better" if found.low > said else "missed" if found.high < said else "open"
    return Claim(key, said, said, found, verdict)


def _about(key: str, said: float, found: Range | None) -> Claim:
    """Of what should be little."""
    verdict: Verdict = "unknown"
    if found is not None:
        least, most = said * (1 - ABOUT), said * (1 + ABOUT)
        verdict = "better" if found.high < least else "held" if found.high <= most else "missed"
        if verdict == "missed" and found.low <= most:
            verdict = "open"
    return Claim(key, said, said, found, verdict)


def _near(key: str, said: float, found: Range | None) -> Claim:
    verdict: Verdict = "unknown"
    if found is not None:
        verdict = "missed" if found.middle < said - POINT else "better" if found.middle > said + POINT else "held"
    return Claim(key, said, said, found, verdict)


def _between(key: str, low: float, high: float, found: Range | None) -> Claim:
    verdict: Verdict = "unknown"
    if found is not None:
        verdict = "better" if found.low > high else "missed" if found.high < low else "held"
        if verdict == "held" and not low <= found.low:
            verdict = "open"
    return Claim(key, low, high, found, verdict)
