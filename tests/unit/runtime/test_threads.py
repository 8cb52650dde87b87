"""How many threads a call gets, and what becomes of errors in them."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from fasttrees._runtime import threads
from fasttrees.errors import InputError


def test_none_means_the_cpus_of_this_process() -> None:
    assert 1 <= threads.resolve_n_threads(None) <= len(os.sched_getaffinity(0))
    assert threads.resolve_n_threads(7) == 7


def test_affinity_counts() -> None:
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert threads.available_cpus() == 1
    finally:
        os.sched_setaffinity(0, allowed)


@pytest.mark.parametrize(
    ("quotas", "cpus"), [([0.5], 1), ([1.5], 2), ([3.0, 1.0], 1), ([10_000.0], None), ([float("inf")], None)]
)
def test_quotas_cut_the_number(monkeypatch: pytest.MonkeyPatch, quotas: list[float], cpus: int | None) -> None:
    monkeypatch.setattr(threads, "_quota", lambda: min(quotas))
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(64)))
    assert threads.available_cpus() == (cpus or 64)


def test_quotas_of_nested_control_groups(tmp_path: Path) -> None:
    membership = tmp_path / "cgroup"
    membership.write_text("12:cpu:/old\n0::/outer/inner\n")
    root = tmp_path / "root"
    (root / "outer" / "inner").mkdir(parents=True)
    (root / "outer" / "inner" / "cpu.max").write_text("150000 100000\n")
    (root / "outer" / "cpu.max").write_text("max 100000\n")
    (root / "cpu.max").write_text("800000 100000\n")
    assert threads._quotas_v2(str(membership), str(root)) == [1.5, 8.0]
    assert threads._quotas_v2(str(tmp_path / "none"), str(root)) == [8.0]


def test_any_name_of_a_control_group(tmp_path: Path) -> None:
    membership = tmp_path / "cgroup"
    membership.write_bytes(b"0::/caf\xc3\xa9\xff\n")
    assert threads._quotas_v2(str(membership), str(tmp_path)) == []


def test_quotas_of_the_first_version(tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("50000\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert threads._quotas_v1(str(tmp_path)) == [0.5]
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("-1\n")
    assert threads._quotas_v1(str(tmp_path)) == []


@pytest.mark.parametrize("n_threads", [1, 2, 3, 100])
@pytest.mark.parametrize("n_rows", [0, 1, 2047, 2048, 10_000])
def test_ranges_cover_all_rows_once(n_rows: int, n_threads: int) -> None:
    met = [0] * n_rows

    def work(start: int, stop: int) -> None:
        for i in range(start, stop):
            met[i] += 1

    threads.run_in_threads(work, n_rows, n_threads)
    assert met == [1] * n_rows


@pytest.mark.parametrize("bad", [0, 1, 2])
def test_an_error_in_any_range_is_raised(bad: int) -> None:
    def work(start: int, stop: int) -> None:
        if start <= bad * 2999 < stop:
            raise InputError(f"range {bad}")

    with pytest.raises(InputError, match=f"range {bad}"):
        threads.run_in_threads(work, 6000, 3)


def test_after_an_error_no_range_begins() -> None:
    begun = []

    def work(start: int, stop: int) -> None:
        begun.append(start)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        threads.run_in_threads(work, 100_000, 2)
    assert len(begun) <= 2


def test_without_more_threads_the_caller_does_it_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """As under a limit of processes; no range may still be worked on, or begin, after the call."""

    def refuse(*arguments: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("_thread.start_new_thread", refuse)
    met: list[int] = []
    threads.run_in_threads(lambda start, stop: met.extend(range(start, stop)), 6000, 3)
    assert met == list(range(6000))


def test_a_thread_that_starts_late_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    late: list[Callable[[], None]] = []
    monkeypatch.setattr("_thread.start_new_thread", lambda function, arguments: late.append(function))
    met: list[int] = []
    threads.run_in_threads(lambda start, stop: met.extend(range(start, stop)), 6000, 3)
    for function in late:
        function()
    assert len(late) == 2
    assert met == list(range(6000))
