"""The executive table: each figure of both servers, and how many times better ours is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fasttrees.comparison.ranges import Range, by_round, cores_of, ratio_of, values_of
from fasttrees.comparison.results import BASELINE, OURS, Results, Turn

__all__ = ["Line", "executive_table", "line_of", "scaling_of"]

MILLION = 1_000_000


@dataclass(frozen=True)
class _Kind:
    """A figure of a turn, in the unit in which it is shown."""

    key: str
    value: Callable[[Turn], float]
    more_is_better: bool = False
    on_one_core: bool = True  # whether it is shown for one core too


def _rate(turn: Turn) -> float:
    return turn.bulk.rows_per_second


def _charged(turn: Turn) -> float:
    assert turn.idle.cgroup is not None
    return turn.idle.cgroup / 1e6


KINDS = [
    _Kind("throughput", _rate, more_is_better=True),
    _Kind("cpu", lambda turn: turn.bulk.cpu_seconds / turn.bulk.rows * MILLION),
    _Kind("p50", lambda turn: turn.one_row.p50 * 1e3),
    _Kind("p99", lambda turn: turn.one_row.p99 * 1e3),
    _Kind("idle", lambda turn: turn.idle.pss / 1e6),
    _Kind("idle_rss", lambda turn: turn.idle.rss / 1e6, on_one_core=False),
    _Kind("idle_cgroup", _charged, on_one_core=False),
    _Kind("peak", lambda turn: turn.peak.pss / 1e6),
    _Kind("start", lambda turn: turn.start_seconds, on_one_core=False),
]


@dataclass(frozen=True)
class Line:
    """A line of the table.

    Attributes
    ----------
    key : str
        ``throughput`` (rows/s), ``cpu`` (seconds of CPU time for a million rows), ``p50`` and ``p99`` of one-row
        requests (ms), ``idle``, ``idle_rss``, ``idle_cgroup`` and ``peak`` (MB of 10^6 bytes), ``start`` (s) or
        ``image`` (MB).
    cores : int
        0: of no cores, as the size of an image.
    ours, baseline : Range
    times : Range
        How many times better ours is, by rounds; below 1 where it is worse.
    """

    key: str
    cores: int
    ours: Range
    baseline: Range
    times: Range


def executive_table(results: Results) -> list[Line]:
    """Return all lines that there are figures for."""
    cores = cores_of(results)
    with_groups = all(turn.idle.cgroup is not None for turn in results.turns)
    kinds = [kind for kind in KINDS if with_groups or kind.key != "idle_cgroup"]
    lines = [_line(results, kind, n) for kind in kinds for n in cores if kind.on_one_core or n == cores[-1]]
    ours, baseline = (results.contenders[name].image_bytes for name in (OURS, BASELINE))
    if ours is not None and baseline is not None:
        small, large = (Range.of([size / 1e6]) for size in (ours, baseline))
        lines.append(Line("image", 0, small, large, Range.of([baseline / ours])))
    return lines


def line_of(lines: list[Line], key: str, all_cores: bool = True) -> Line | None:
    """Return one of the lines, for all cores or for one; None if there is none."""
    found = sorted((line for line in lines if line.key == key), key=lambda line: line.cores)
    if not found:
        return None
    return found[-1] if all_cores else found[0]


def scaling_of(results: Results, name: str) -> Range:
    """Return how many times as many rows a server scores on all cores as on one, by rounds."""
    cores = cores_of(results)
    one, every = (by_round(results, name, n, _rate) for n in (cores[0], cores[-1]))
    return Range.of([all_cores / one_core for one_core, all_cores in zip(one, every, strict=True)])


def _line(results: Results, kind: _Kind, cores: int) -> Line:
    ours, baseline = (values_of(results, name, cores, kind.value) for name in (OURS, BASELINE))
    over = OURS if kind.more_is_better else BASELINE
    return Line(kind.key, cores, ours, baseline, ratio_of(results, cores, kind.value, over))
