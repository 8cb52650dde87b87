"""The arithmetic of docs/how-to/distributed.md."""

from __future__ import annotations

import pytest

from benchmarks.distributed import paper
from tests.support.paths import DOCS


def test_the_page_has_these_tables() -> None:
    page = (DOCS / "how-to" / "distributed.md").read_text()
    for text in (paper.rates_table(), paper.plans_table(), paper.limits_table()):
        assert text in page, "run python -m benchmarks.distributed.paper and put its tables into the page"


def test_rates_are_those_of_the_measurements() -> None:
    """The tables of docs/internals/serving-performance.md: 75 and 157 ms for 400,000 rows of 166 and 503 bytes."""
    short, full, large, wide = paper.widths()
    assert short.seconds == pytest.approx(2 * 0.075 / 400_000, rel=0.01)
    assert full.seconds == pytest.approx(2 * 0.157 / 400_000, rel=0.01)
    assert (short.bytes, full.bytes) == pytest.approx((166.46, 502.51), rel=1e-3)
    assert large.seconds - short.seconds == pytest.approx(
        (1.56 - 0.0962) * 1e-6, rel=0.01
    )  # docs/internals/performance.md
    assert wide.seconds / wide.bytes == pytest.approx(short.seconds / short.bytes)


def test_a_plan_by_hand() -> None:
    width = paper.Width("w", 1000, 1e-6, "")
    plan = paper.Plan(width, paper.Instance("ml.m5.xlarge", 4, 8))  # a GB, so a million rows, a second
    assert plan.limit == "network"
    assert (plan.by_network, plan.by_cpu) == pytest.approx((1e6, 4e6))
    assert plan.instances == 12  # 10^12 / 10^6 / 86,100 s = 11.6
    assert plan.hours == pytest.approx(1e6 / 3600 + 12 * 5 / 60)
    assert plan.shortest == pytest.approx(1e6 / 3600 / 100 + 5 / 60)
    assert plan.cost("sa-east-1") == pytest.approx(plan.hours * 0.33)
    assert plan.cost("eu-west-1") is None
    plan = paper.Plan(width, paper.Instance("ml.c5.18xlarge", 72, 800))
    assert plan.limit == "CPU"
    assert plan.rate == pytest.approx(72e6)
    assert plan.cost("sa-east-1") is None
