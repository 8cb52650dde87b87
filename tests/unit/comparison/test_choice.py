"""Choices of instances: what must hold of any price table and any speed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fasttrees._aws.prices import PriceTable
from fasttrees.comparison.instances import changes, choose, costs_of, saving_between
from fasttrees.comparison.results import BASELINE, OURS, PriceRow
from fasttrees.comparison.run import price_rows
from tests.support.comparisons import price, results

TIMES = st.floats(0.1, 100)
INSTANCES = st.tuples(
    st.integers(1, 64),
    st.floats(0.5, 512),
    st.floats(0.01, 20),
    st.sampled_from([("transform",), ("hosting",), ("hosting", "transform")]),
)
TABLES = st.lists(INSTANCES, min_size=1, max_size=5).map(
    lambda rows: [price(f"ml.x{i}.large", vcpu, gib, usd, *uses) for i, (vcpu, gib, usd, uses) in enumerate(rows)]
)


@given(TABLES, TIMES)
def test_the_choice_is_the_cheapest_that_is_taken_and_fits(table: list[PriceRow], times: float) -> None:
    found = results((times,), prices=table)
    for name in (OURS, BASELINE):
        chosen = choose(found, name)
        costs = [costs_of(found, name, row) for row in table]
        possible = [cost for cost in costs if cost.fits and cost.accepted]
        assert (chosen is None) == (not possible)
        if chosen is not None:
            assert chosen.fits
            assert chosen.accepted
            assert all(chosen.usd_per_job.middle <= cost.usd_per_job.middle for cost in possible)


@given(TABLES, TIMES, st.floats(1, 10))
def test_more_speed_never_costs_more(table: list[PriceRow], times: float, factor: float) -> None:
    slow, quick = (choose(results((one,), prices=table), OURS) for one in (times, times * factor))
    assert (slow is None) == (quick is None)
    if slow is not None and quick is not None:
        assert quick.usd_per_job.middle <= slow.usd_per_job.middle * (1 + 1e-9)
        assert quick.usd_per_month.high <= slow.usd_per_month.high * (1 + 1e-9)


@given(TABLES, TIMES, st.floats(0, 600))
def test_savings_are_within_bounds(table: list[PriceRow], times: float, fixed: float) -> None:
    found = results((times, times * 1.1), prices=table)
    for before, after in changes(found):
        saved = saving_between(before, after, found.settings.rows_per_day, fixed)
        assert saved.low <= saved.middle <= saved.high <= 1


@given(TIMES, TIMES)
def test_ranges_hold_their_middle(one: float, other: float) -> None:
    found = results((one, other, (one + other) / 2))
    for cost in (costs_of(found, OURS, row) for row in found.prices):
        for figure in (cost.rate, cost.usd_per_million, cost.usd_per_job, cost.usd_per_month, cost.needed):
            assert figure.low <= figure.middle <= figure.high


def test_the_table_that_comes_with_the_package() -> None:
    """ml.c5.large is a type for endpoints, which Batch Transform does not take."""
    rows = {row.instance: row for row in price_rows(PriceTable.load(), "sa-east-1")}
    assert rows["ml.m5.xlarge"].accepted == {"hosting": True, "transform": True}
    assert rows["ml.m5.xlarge"].instead == {}
    assert rows["ml.c5.large"].accepted == {"hosting": True, "transform": False}
    assert {"ml.c5.xlarge", "ml.m5.large"} <= set(rows["ml.c5.large"].instead["transform"])
