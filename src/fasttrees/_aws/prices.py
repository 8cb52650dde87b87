"""Prices of instances, read from a table, and the instances that SageMaker accepts for each purpose."""

from __future__ import annotations

import datetime
import difflib
import sys
from collections.abc import Sequence
from importlib import resources
from os import PathLike
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from fasttrees.errors import FastTreesError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["Component", "Price", "PriceError", "PriceTable", "accepted_instances", "check_instance", "near_instances"]

Component = Literal["training", "hosting", "transform"]

# Shapes of SageMaker's API that list the accepted instances, and the purpose in messages.
SHAPES = {
    "training": ("TrainingInstanceType", "a training job"),
    "hosting": ("ProductionVariantInstanceType", "an endpoint"),
    "transform": ("TransformInstanceType", "Batch Transform"),
}


class PriceError(FastTreesError, ValueError):
    """A price table that cannot be used, or an instance that SageMaker does not accept."""


class Price(BaseModel):
    """A row of the table; the file's comment describes the keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    region: str = Field(min_length=1)
    instance: str = Field(pattern=r"^ml\.")
    component: Literal["training", "hosting", "transform", "any"]
    vcpu: int = Field(ge=1)
    memory_gib: float = Field(gt=0, allow_inf_nan=False)
    usd_per_hour: float = Field(gt=0, allow_inf_nan=False)
    source: str = Field(min_length=1)
    date: str
    note: str = ""

    @field_validator("date", mode="before")
    @classmethod
    def _take_date(cls, value: object) -> object:
        return value.isoformat() if isinstance(value, datetime.date) else value  # TOML has dates without quotes

    @property
    def origin(self) -> str:
        """The source of the price, in one line."""
        return f"{self.source} ({self.date or 'no date'}){': ' if self.note else ''}{self.note}"


class File(BaseModel):
    """The whole file: nothing but rows."""

    model_config = ConfigDict(extra="forbid")

    price: list[Price]


class PriceTable:
    """Prices by region, instance and component.

    Parameters
    ----------
    prices : sequence of Price

    Raises
    ------
    PriceError
        If two rows have the same region, instance and component.
    """

    def __init__(self, prices: Sequence[Price]) -> None:
        self._prices: dict[tuple[str, str, str], Price] = {}
        for price in prices:
            key = (price.region, price.instance, price.component)
            if key in self._prices:
                raise PriceError(
                    f"expected one price of {price.instance} in {price.region} for {price.component}, got 2"
                )
            self._prices[key] = price

    @classmethod
    def load(cls, path: str | PathLike[str] | None = None) -> PriceTable:
        """Read a table; None: the one that comes with fasttrees.

        Raises
        ------
        PriceError
            With the file, the row (counted from 1), the key, what was expected and what was found.
        """
        file = resources.files("fasttrees._aws").joinpath("prices.toml") if path is None else Path(path)
        try:
            table = File.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
            return cls(table.price)
        except FileNotFoundError as error:
            raise PriceError(f"{file}: no such file; without `prices` the table of fasttrees is used") from error
        except ValidationError as error:
            problem = error.errors()[0]
            place = ".".join(str(part + 1 if isinstance(part, int) else part) for part in problem["loc"])
            raise PriceError(f"{file}: {place}: {problem['msg']}, got {problem['input']!r}") from error
        except (OSError, PriceError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise PriceError(f"{file}: {error}") from error

    def find(self, region: str, instance: str, component: Component) -> Price | None:
        """Return the price for this component, else the one for any component; None if there is none."""
        return self._prices.get((region, instance, component)) or self._prices.get((region, instance, "any"))

    def in_region(self, region: str) -> list[Price]:
        """Return the rows of a region, in the order of the table.

        Raises
        ------
        PriceError
            If there are none, with the regions of the table.
        """
        found = [price for price in self._prices.values() if price.region == region]
        if not found:
            known = ", ".join(dict.fromkeys(price.region for price in self._prices.values())) or "none"
            raise PriceError(f"expected a region that the price table has ({known}), got {region!r}")
        return found


def accepted_instances(component: Component) -> frozenset[str]:
    """Return the instance types that SageMaker accepts, from the API's model in the installed botocore.

    A region may have fewer, and an account's quotas may be 0.
    """
    import botocore.session  # an extra, and slow to import

    model = botocore.session.get_session().get_service_model("sagemaker")
    return frozenset(model.shape_for(SHAPES[component][0]).enum)


def check_instance(instance: str, component: Component) -> None:
    """Check that SageMaker accepts an instance type.

    Raises
    ------
    PriceError
        With accepted types of similar names.
    """
    if instance not in accepted_instances(component):
        raise PriceError(
            f"expected a type that {SHAPES[component][1]} takes, such as "
            f"{', '.join(near_instances(instance, component))}, got {instance!r}; if it is newer than boto3, "
            "update boto3"
        )


def near_instances(instance: str, component: Component, n: int = 3) -> list[str]:
    """Return accepted types of similar names: the most similar one, then `n` of the same size."""
    accepted = sorted(accepted_instances(component))
    same_size = [name for name in accepted if name.endswith(instance[instance.rfind(".") :])]
    near = [
        *difflib.get_close_matches(instance, accepted, 1, 0),
        *difflib.get_close_matches(instance, same_size, n, 0),
    ]
    return list(dict.fromkeys(near))
