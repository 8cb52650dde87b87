"""Figures with their uncertainty: the median of all rounds, and the least and the most."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fasttrees.comparison.results import BASELINE, OURS, Results, Turn

__all__ = ["Range", "by_round", "cores_of", "ratio_of", "values_of"]


@dataclass(frozen=True)
class Range:
    """The median of the rounds, the least and the most."""

    middle: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Range:
        """Summarise the values of all rounds."""
        return cls(float(statistics.median(values)), min(values), max(values))

    def map(self, function: Callable[[float], float]) -> Range:
        """Apply a function that only rises or only falls."""
        low, high = sorted((function(self.low), function(self.high)))
        return Range(function(self.middle), low, high)


def cores_of(results: Results) -> list[int]:
    """Return the numbers of cores that were measured: one, and all."""
    return sorted({turn.cores for turn in results.turns})


def by_round(results: Results, name: str, cores: int, value: Callable[[Turn], float]) -> list[float]:
    """Return a figure of one of the servers, round by round."""
    turns = [turn for turn in results.turns if turn.contender == name and turn.cores == cores]
    return [value(turn) for turn in sorted(turns, key=lambda turn: turn.round)]


def values_of(results: Results, name: str, cores: int, value: Callable[[Turn], float]) -> Range:
    """Return a figure of one of the servers, over all rounds."""
    return Range.of(by_round(results, name, cores, value))


def ratio_of(results: Results, cores: int, value: Callable[[Turn], float], over: str = OURS) -> Range:
    """Return a figure of one server over the other's.

    Of the ratios of each round, in which both had their turns one after the other: what slows the machine down for
    longer than a round is in both and not in their ratio.
    """
    under = BASELINE if over == OURS else OURS
    pairs = zip(*(by_round(results, name, cores, value) for name in (over, under)), strict=True)
    return Range.of([above / below for above, below in pairs])
