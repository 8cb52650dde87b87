"""Ratios and choices of comparisons that were never measured."""

from __future__ import annotations

import pytest

from fasttrees.comparison.figures import executive_table, line_of
from fasttrees.comparison.instances import changes, choose, costs_of, price_of, priced, saving_between
from fasttrees.comparison.results import BASELINE, OURS
from fasttrees.comparison.text import advice, as_text
from tests.support.comparisons import PRICES, price, results


def test_ratios_are_taken_within_rounds() -> None:
    """The machine was 10 % faster with each round, which is in no ratio."""
    line = line_of(executive_table(results((8, 10, 9))), "throughput")
    assert line is not None
    assert (line.times.low, line.times.middle, line.times.high) == pytest.approx((8, 9, 10))
    assert line.baseline.low == pytest.approx(20_000)
    assert line.baseline.high == pytest.approx(24_000)


def test_times_better_is_above_1_where_ours_is_better() -> None:
    for line in executive_table(results()):
        assert line.times.low > 1, line.key
    worse = line_of(executive_table(results((0.5,))), "throughput", all_cores=False)
    assert worse is not None
    assert worse.times.middle == pytest.approx(0.5)


def test_no_image_no_line() -> None:
    assert line_of(executive_table(results(images=False)), "image") is None


def test_an_instance_that_batch_transform_does_not_take_is_not_chosen() -> None:
    found = results()
    chosen, cheapest = choose(found, OURS), choose(found, OURS, accepted=False)
    assert chosen is not None
    assert cheapest is not None
    assert chosen.price.instance == "ml.m5.xlarge"
    assert cheapest.price.instance == "ml.c5.large"
    text = advice(found)[0]
    assert "ml.c5.large, a type for endpoints, would be cheapest, but Batch Transform does not take it" in text
    assert "ml.m5.large (price unknown), ml.m5.xlarge." in text
    assert [after.price.instance for _, after in changes(found)] == ["ml.m5.xlarge", "ml.c5.large"]


def test_memory_must_fit() -> None:
    small = [price("ml.t.tiny", 2, 0.5, 0.01, "transform"), PRICES[0]]
    found = results(prices=small)
    ours, python = choose(found, OURS), choose(found, BASELINE)
    assert ours is not None
    assert python is not None
    assert ours.price.instance == "ml.t.tiny"  # 20 + 2 x 10 MB
    assert python.price.instance == "ml.m5.xlarge"  # 120 + 2 x 280 MB of 537 do not fit


def test_none_is_accepted() -> None:
    found = results(prices=PRICES[1:])
    assert choose(found, OURS) is None
    assert changes(found) == []
    assert "No instance of the price table" in as_text(found)


def test_the_price_of_the_use_comes_first() -> None:
    dear = PRICES[0].model_copy(update={"component": "transform", "usd_per_hour": 1.0})
    for prices in ([PRICES[0], dear], [dear, PRICES[0]]):
        found = results(prices=prices)
        assert [row.usd_per_hour for row in priced(found, "transform")] == [1.0]
        assert [row.usd_per_hour for row in priced(found, "hosting")] == [0.33]


def test_costs_by_hand() -> None:
    found = results((10.0,))
    row = price_of(found, "ml.m5.xlarge", "transform")
    assert row is not None
    python, ours = (costs_of(found, name, row) for name in (BASELINE, OURS))
    assert python.rate.middle == pytest.approx(40_000)  # 20,000 on two cores here, twice as many there
    assert python.usd_per_million.middle == pytest.approx(25 / 3600 * 0.33)
    assert python.usd_per_job.middle == pytest.approx((25 + 180) / 3600 * 0.33)
    assert saving_between(python, ours, 1e6, 0).middle == pytest.approx(0.9)
    assert saving_between(python, ours, 1e6, 3).middle == pytest.approx(1 - (2.5 + 180) / (25 + 180))


def test_text_has_ranges_and_origins() -> None:
    text = as_text(results())
    assert "9.00 (8.00 to 10.0)" in text
    assert "USD 0.330 an hour: the original study (no date): to be checked." in text
    assert "quick run" not in text
    assert "quick run" in as_text(results(quick=True))
