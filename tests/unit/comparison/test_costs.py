"""The arithmetic of costs: what must hold of any prices, speeds and rows."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fasttrees.comparison.costs import cost_of_job, cost_of_rows, fits, memory_of, rate_on, saving

ROWS = st.floats(0, 1e12)
USD = st.floats(1e-3, 1e3)
RATE = st.floats(1, 1e9)
SECONDS = st.floats(0, 1e5)
FACTOR = st.floats(1, 1e3)


@given(ROWS, USD, RATE, SECONDS, FACTOR)
def test_speed_never_costs_more(rows: float, usd: float, rate: float, fixed: float, factor: float) -> None:
    assert cost_of_rows(rows, usd, rate * factor) <= cost_of_rows(rows, usd, rate)
    assert cost_of_job(rows, usd, rate * factor, fixed) <= cost_of_job(rows, usd, rate, fixed)


@given(ROWS, USD, RATE)
def test_twice_the_speed_costs_half(rows: float, usd: float, rate: float) -> None:
    assert cost_of_rows(rows, usd, 2 * rate) == pytest.approx(cost_of_rows(rows, usd, rate) / 2)


@given(ROWS, USD, RATE, SECONDS, FACTOR)
def test_a_dearer_instance_is_never_cheaper(rows: float, usd: float, rate: float, fixed: float, factor: float) -> None:
    assert cost_of_job(rows, usd * factor, rate, fixed) >= cost_of_job(rows, usd, rate, fixed)


@given(ROWS, ROWS, USD, RATE)
def test_cost_is_linear_in_rows(rows: float, more: float, usd: float, rate: float) -> None:
    both = cost_of_rows(rows, usd, rate) + cost_of_rows(more, usd, rate)
    assert cost_of_rows(rows + more, usd, rate) == pytest.approx(both)


def test_an_hour_costs_its_price() -> None:
    assert cost_of_rows(3600 * 500, 0.33, 500) == pytest.approx(0.33)
    assert cost_of_job(3600 * 500, 0.33, 500, 3600) == pytest.approx(0.66)


@given(st.floats(1e-9, 1e9), st.floats(0, 1e9))
def test_saving_is_within_bounds(before: float, after: float) -> None:
    part = saving(before, after)
    assert part <= 1
    assert (part >= 0) == (after <= before) or math.isclose(before, after)


@given(ROWS, USD, RATE, FACTOR, SECONDS, SECONDS)
def test_saving_shrinks_with_what_both_pay(
    rows: float, usd: float, rate: float, factor: float, fixed: float, more: float
) -> None:
    """On one kind of instance, what is paid besides scoring makes the saving less, never more."""

    def part(seconds: float) -> float:
        return saving(cost_of_job(rows + 1, usd, rate, seconds), cost_of_job(rows + 1, usd, rate * factor, seconds))

    assert part(fixed + more) + 1e-12 >= 0
    assert part(fixed + more) <= part(fixed) + 1e-12


@given(st.integers(1, 96), RATE, FACTOR, st.integers(2, 96))
def test_rate_grows_with_the_instance(vcpu: int, one: float, factor: float, cores: int) -> None:
    every = one * min(factor, cores)
    assert rate_on(1, one, every, cores) == one
    assert rate_on(cores, one, every, cores) == pytest.approx(every)
    if vcpu > 1:
        assert rate_on(vcpu + 1, one, every, cores) > rate_on(vcpu, one, every, cores)


@given(st.integers(1, 96), st.floats(0, 1e11), st.floats(0, 1e11), st.floats(1, 768))
def test_memory_that_fits(vcpu: int, idle: float, peak: float, gib: float) -> None:
    needed = memory_of(vcpu, idle, peak)
    assert needed >= idle
    assert memory_of(vcpu + 1, idle, peak) >= needed
    if fits(needed, gib):
        assert fits(needed, gib * 2)
        assert needed < gib * (1 << 30)


@pytest.mark.parametrize("wrong", [(-1, 1, 1), (1, 0, 1), (1, 1, 0), (1, 1, -1), (math.nan, 1, 1), (1, math.nan, 1)])
def test_wrong_numbers(wrong: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="expected rows of at least 0"):
        cost_of_rows(*wrong)
    with pytest.raises(ValueError, match="expected"):
        cost_of_job(1, 1, 1, -1)
    with pytest.raises(ValueError, match="expected a cost above 0"):
        saving(0, 1)
