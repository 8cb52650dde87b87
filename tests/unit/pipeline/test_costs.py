"""Prices are those of the table or not known; instances are those that SageMaker takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fasttrees._aws.prices import PriceError, PriceTable, accepted_instances, check_instance
from fasttrees.pipeline import Config, ConfigError
from fasttrees.pipeline.costs import check_instances, estimate, format_costs, load_prices

ROW = """
[[price]]
region = "sa-east-1"
instance = "ml.m5.xlarge"
component = "any"
vcpu = 4
memory_gib = 16
usd_per_hour = 2
source = "a test"
date = "2026-01"
"""


def make_config(**sections: dict[str, Any]) -> Config:
    table: dict[str, dict[str, Any]] = {
        "pipeline": {"backend": "aws"},
        "aws": {"bucket": "b", "role": "r", "region": "sa-east-1"},
        "train": {"image": "i"},
        "deploy": {"image": "i"},
    }
    for name, values in sections.items():
        table[name] = {**table.get(name, {}), **values}
    return Config.model_validate(table)


def write(folder: Path, text: str) -> Path:
    path = folder / "prices.toml"
    path.write_text(text)
    return path


def test_prices_that_come_with_the_package() -> None:
    table = PriceTable.load(None)
    for region, instance, usd in (
        ("sa-east-1", "ml.m5.xlarge", 0.33),
        ("sa-east-1", "ml.c5.large", 0.17),
        ("us-east-1", "ml.m5.xlarge", 0.23),
    ):
        price = table.find(region, instance, "hosting")
        assert price is not None
        assert price.usd_per_hour == usd
        assert "to be checked" in price.origin


def test_an_unknown_price_is_no_guess() -> None:
    table = PriceTable.load(None)
    assert table.find("us-east-1", "ml.c5.large", "hosting") is None
    assert table.find("", "ml.m5.xlarge", "training") is None
    assert table.find("sa-east-1", "ml.m5.2xlarge", "training") is None


def test_the_components_own_price_comes_first(tmp_path: Path) -> None:
    own = ROW.replace('"any"', '"transform"').replace("usd_per_hour = 2", "usd_per_hour = 3")
    for text in (ROW + own, own + ROW):
        table = PriceTable.load(write(tmp_path, text))
        prices = [table.find("sa-east-1", "ml.m5.xlarge", component) for component in ("training", "transform")]
        assert [price and price.usd_per_hour for price in prices] == [2, 3]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ROW + ROW, "expected one price of ml.m5.xlarge in sa-east-1 for any, got 2"),
        (ROW + ROW.replace("= 2", "= -1"), "price.2.usd_per_hour: .*greater than 0, got -1"),
        (ROW.replace("= 2", "= nan"), "price.1.usd_per_hour: .*finite"),
        (ROW.replace("= 2", '= "2"'), "price.1.usd_per_hour: .*number, got '2'"),
        (ROW.replace("any", "batch"), "price.1.component: .*'batch'"),
        (ROW + "price_per_month = 1", "price.1.price_per_month"),
        (ROW.replace('source = "a test"', ""), "price.1.source: Field required"),
        ("[[price]", "prices.toml: "),
        ("", "prices.toml: price: Field required"),
    ],
)
def test_a_table_that_does_not_fit(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(PriceError, match=message) as caught:
        PriceTable.load(write(tmp_path, text))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("date", "shown"), [('"2026-01"', "2026-01"), ("2026-01-31", "2026-01-31"), ('""', "no date")])
def test_prices_say_where_they_are_from(tmp_path: Path, date: str, shown: str) -> None:
    price = PriceTable.load(write(tmp_path, ROW.replace('"2026-01"', date))).find(
        "sa-east-1", "ml.m5.xlarge", "hosting"
    )
    assert price is not None
    assert price.origin == f"a test ({shown})"


def test_the_configuration_names_the_table(tmp_path: Path) -> None:
    path = tmp_path / "pipeline.toml"
    path.write_text('[pipeline]\nprices = "prices.toml"\n')
    with pytest.raises(ConfigError, match=r"pipeline\.prices: .*prices\.toml: no such file"):
        load_prices(Config.load(path))
    write(tmp_path, ROW)
    price = load_prices(Config.load(path)).find("sa-east-1", "ml.m5.xlarge", "training")
    assert price is not None
    assert price.usd_per_hour == 2


def test_instances_are_those_of_the_api() -> None:
    assert "ml.c5.large" in accepted_instances("hosting")
    assert "ml.c5.large" not in accepted_instances("transform")
    assert all("ml.m5.xlarge" in accepted_instances(c) for c in ("training", "hosting", "transform"))
    check_instance("ml.c5.large", "hosting")
    with pytest.raises(PriceError, match=r"Batch Transform takes, such as .*ml\.c5\.xlarge.*, got 'ml\.c5\.large'"):
        check_instance("ml.c5.large", "transform")
    with pytest.raises(PriceError, match=r"a training job takes, such as ml\.m5\.xlarge"):
        check_instance("ml.m5.xlage", "training")


def test_instances_are_checked_before_anything_begins() -> None:
    check_instances(make_config())  # the defaults
    with pytest.raises(ConfigError, match=r"transform\.instance_type: .*got 'ml\.c5\.large'"):
        check_instances(make_config(transform={"instance_type": "ml.c5.large"}))
    check_instances(Config.model_validate({"transform": {"instance_type": "ml.c5.large"}}))  # local


def test_estimate(tmp_path: Path) -> None:
    config = make_config(
        train={"instance_count": 1, "max_runtime_minutes": 90},
        deploy={"instance_type": "ml.c5.large", "instance_count": 2},
        transform={"instance_count": 3, "timeout_minutes": 1},
    )
    train, deploy, transform = estimate(config, PriceTable.load(None))
    assert (train.step, train.usd_per_hour, train.unit) == ("train", 0.33, "at most 90 minutes")
    assert train.usd == pytest.approx(0.33 * 1.5)
    assert deploy.usd_per_hour == pytest.approx(0.34)
    assert deploy.usd == pytest.approx(0.34 * 730)
    assert transform.usd == pytest.approx(3 * 0.33 / 60)
    assert transform.cost_of(1800) == pytest.approx(3 * 0.33 / 2)
    text = format_costs([train, deploy, transform])
    assert "2 x ml.c5.large" in text
    assert "248.20" in text
    assert "until cleanup" in text
    assert "to be checked" in text
    assert len({line.index("at most") for line in text.splitlines() if "at most" in line}) == 1


def test_estimate_without_prices() -> None:
    lines = estimate(make_config(aws={"region": ""}), PriceTable.load(None), region="eu-west-1")
    assert [(line.usd_per_hour, line.usd, line.cost_of(1)) for line in lines] == [(None, None, None)] * 3
    assert format_costs(lines).count("price unknown") == 6


def test_this_machine_costs_nothing() -> None:
    lines = estimate(Config(), PriceTable.load(None))
    assert lines == []
    assert format_costs(lines) == ""
