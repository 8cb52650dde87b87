"""What a pipeline's instances cost, said before they begin."""

from __future__ import annotations

from dataclasses import dataclass

from fasttrees._aws.prices import Component, Price, PriceError, PriceTable, check_instance
from fasttrees.pipeline.config import Config
from fasttrees.pipeline.errors import ConfigError

__all__ = ["CostLine", "check_instances", "estimate", "format_costs", "load_prices"]

HOURS_PER_MONTH = 730  # a year's hours over 12, as AWS's own calculator has it


@dataclass(frozen=True)
class CostLine:
    """What a step's instances cost.

    Attributes
    ----------
    step : str
        ``train``, ``deploy``, ``transform``.
    instance : str
    count : int
    price : Price or None
        Of one instance; None: not known.
    hours : float
        That are paid for at most; of an endpoint: those of a month, because it costs until it is deleted.
    unit : str
        What `hours` are, such as ``for at most 60 minutes``.
    """

    step: str
    instance: str
    count: int
    price: Price | None
    hours: float
    unit: str

    @property
    def usd_per_hour(self) -> float | None:
        """Of all instances of the step; None: not known."""
        return None if self.price is None else self.price.usd_per_hour * self.count

    @property
    def usd(self) -> float | None:
        """For all `hours`; None: not known."""
        return None if self.usd_per_hour is None else self.usd_per_hour * self.hours

    def cost_of(self, seconds: float) -> float | None:
        """Return what the instances have cost in USD, by the seconds that each is paid for; None: not known."""
        return None if self.usd_per_hour is None else self.usd_per_hour * seconds / 3600


def load_prices(config: Config) -> PriceTable:
    """Read the price table that the configuration names.

    Raises
    ------
    ConfigError
        If it cannot be used.
    """
    path = config.home / config.pipeline.prices if config.pipeline.prices else None
    try:
        return PriceTable.load(path)
    except PriceError as error:
        raise ConfigError(f"pipeline.prices: {error}") from error


def check_instances(config: Config) -> None:
    """Check that SageMaker takes the configuration's instances for what they are to do, before anything begins.

    Raises
    ------
    ConfigError
        With the key, and with types that it takes.
    """
    if config.pipeline.backend == "local":
        return
    components: dict[str, tuple[str, Component]] = {
        "train": (config.train.instance_type, "training"),
        "deploy": (config.deploy.instance_type, "hosting"),
        "transform": (config.transform.instance_type, "transform"),
    }
    for section, (instance, component) in components.items():
        try:
            check_instance(instance, component)
        except PriceError as error:
            raise ConfigError(f"{section}.instance_type: {error}") from error


def estimate(config: Config, table: PriceTable, region: str = "") -> list[CostLine]:
    """Return what each step with instances costs at most; nothing for the local backend.

    Parameters
    ----------
    config : Config
    table : PriceTable
    region : str
        Where the configuration leaves it to the profile: what that says.
    """
    if config.pipeline.backend == "local":
        return []
    region = config.aws.region or region
    train, deploy, transform = config.train, config.deploy, config.transform

    def line(step: str, instance: str, count: int, component: Component, hours: float, unit: str) -> CostLine:
        return CostLine(step, instance, count, table.find(region, instance, component), hours, unit)

    minutes = train.max_runtime_minutes, transform.timeout_minutes
    return [
        line("train", train.instance_type, train.instance_count, "training", minutes[0] / 60, _at_most(minutes[0])),
        line(
            "deploy",
            deploy.instance_type,
            deploy.instance_count,
            "hosting",
            HOURS_PER_MONTH,
            f"a month of {HOURS_PER_MONTH} hours, until cleanup",
        ),
        line(
            "transform",
            transform.instance_type,
            transform.instance_count,
            "transform",
            minutes[1] / 60,
            _at_most(minutes[1]),
        ),
    ]


def format_costs(lines: list[CostLine]) -> str:
    """Write the costs as a table for a terminal, and where the prices are from; empty if there are none."""
    if not lines:
        return ""
    rows: list[tuple[str, ...]] = [("step", "instances", "USD an hour", "USD", "for")]
    for line in lines:
        costs = [_usd(line.usd_per_hour, 4), _usd(line.usd, 2)]
        rows.append((line.step, f"{line.count} x {line.instance}", *costs, line.unit))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    table = [
        f"{row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]:>{widths[3]}}  {row[4]}"
        for row in rows
    ]
    origins = {line.price.instance: line.price.origin for line in lines if line.price}
    notes = [f"price of {instance}: {origin}" for instance, origin in origins.items()]
    return "\n".join([*table, *notes, "Storage, requests and transfer of data are not in it."])


def _at_most(minutes: int) -> str:
    return f"at most {minutes} minute{'' if minutes == 1 else 's'}"


def _usd(value: float | None, digits: int) -> str:
    return "price unknown" if value is None else f"{value:,.{digits}f}"
