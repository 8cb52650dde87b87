"""What 10^12 rows a day take, from rates that were measured: ``python -m benchmarks.distributed.paper`` prints tables.

docs/how-to/distributed.md holds them, with what is behind each figure; a test compares. Nothing is measured here.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.tables import table
from fasttrees._aws.prices import PriceTable

DOCS = Path(__file__).parents[2] / "docs" / "internals"
ROWS = 10**12
DAY = 24 * 3600  # seconds
REGIONS = ("sa-east-1", "us-east-1")

# docs/internals/serving-performance.md, "Throughput": four bodies of 100,000 rows, the client on the same two CPUs,
# as Batch
# Transform's agent is.
BODY_ROWS = 4 * 100_000
CPUS = 2
FEATURES = 28
MODEL = "binary-100x31"  # that was served
LARGE_MODEL = "binary-500x255"
OUTPUT_BYTES = 77.6e6 / 4e6  # a row: docs/how-to/batch-transform.md, "The summary"
SHARD_BYTES = 330e6  # a second of CPU: docs/how-to/shard.md, "Speed"

MAX_INSTANCES = 100  # of a job: API, TransformResources
PAYLOAD = 6 << 20  # bytes of a request, up to 16 vCPUs: Settings.execution_parameters of fasttrees.serving
TARGET = 64e6  # bytes of a part: fasttrees shard
GETS, PUTS = 5500, 3500  # a second and prefix: S3's guide, "Best practices design patterns: optimizing performance"
LIST_KEYS = 1000  # of a request: API, ListObjectsV2
START_MINUTES = 5  # of an instance: assumed
SPLIT = 128 << 20  # bytes of a task of Spark: spark.sql.files.maxPartitionBytes
TASK_STATUS = 2e3  # bytes that a task's end sends to the driver: assumed
DRIVER_RESULTS = 1 << 30  # spark.driver.maxResultSize


@dataclass(frozen=True)
class Instance:
    """A type of instance; what EC2 says of the type without ``ml.``."""

    name: str
    vcpu: int
    gbit: float  # a second, that it always has


# EC2's guide, "Compute optimized" and "General purpose instances: network specifications".
INSTANCES = (
    Instance("ml.m5.xlarge", 4, 1.25),
    Instance("ml.c5.xlarge", 4, 1.25),
    Instance("ml.c5.4xlarge", 16, 5),
    Instance("ml.c5.18xlarge", 72, 25),
)


@dataclass(frozen=True)
class Width:
    """A kind of rows, with a model."""

    name: str
    bytes: float  # a row
    seconds: float  # of a vCPU, a row
    origin: str


def widths() -> list[Width]:
    """Read what was measured, and derive what was not."""
    served = json.loads((DOCS / "serving-performance" / "results.json").read_text())["throughput"]["found"]
    models = json.loads((DOCS / "performance" / "results.json").read_text())["models"]
    short, full = (_measured(served[f"{digits}, two cores, 4 connections"]) for digits in ("short", "full"))
    more = _scoring(models[LARGE_MODEL]) - _scoring(models[MODEL])
    return [
        Width(f"{FEATURES} short", *short, "measured"),
        Width(f"{FEATURES} full", *full, "measured"),
        Width(f"{FEATURES} short, large model", short[0], short[1] + more, f"scoring as {LARGE_MODEL}"),
        Width(f"{10 * FEATURES} short", 10 * short[0], 10 * short[1], f"ten times {FEATURES} short"),
    ]


def _measured(found: dict[str, Any]) -> tuple[float, float]:
    seconds = statistics.median(found["fasttrees"]["seconds"])
    return found["bytes"] / BODY_ROWS, seconds * CPUS / BODY_ROWS


def _scoring(model: dict[str, Any]) -> float:
    """Return seconds for a row, one thread, in batches of 100,000."""
    return float(model["engines"]["fasttrees"]["times"]["100000"]) / 100_000


@dataclass(frozen=True)
class Plan:
    """A day's rows on instances of a type."""

    width: Width
    instance: Instance

    @property
    def by_cpu(self) -> float:
        """Rows a second that the CPUs score; the server asks for as many requests at a time."""
        return self.instance.vcpu / self.width.seconds

    @property
    def by_network(self) -> float:
        """Rows a second that come in."""
        return self.instance.gbit * 1e9 / 8 / self.width.bytes

    @property
    def limit(self) -> str:
        """What there is too little of."""
        return "network" if self.by_network < self.by_cpu else "CPU"

    @property
    def rate(self) -> float:
        """Rows a second of an instance."""
        return min(self.by_cpu, self.by_network)

    @property
    def instances(self) -> int:
        """How many are needed at the same time for a day, less the start."""
        return math.ceil(ROWS / self.rate / (DAY - START_MINUTES * 60))

    @property
    def hours(self) -> float:
        """Instance hours, with the starts."""
        return ROWS / self.rate / 3600 + self.instances * START_MINUTES / 60

    @property
    def shortest(self) -> float:
        """Hours that a job with the most instances takes."""
        return ROWS / self.rate / MAX_INSTANCES / 3600 + START_MINUTES / 60

    def cost(self, region: str) -> float | None:
        """Return USD for the instances; None: their price is not known."""
        price = PriceTable.load().find(region, self.instance.name, "transform")
        return None if price is None else self.hours * price.usd_per_hour


def plans() -> list[Plan]:
    """Return all widths on all instances."""
    return [Plan(width, instance) for width in widths() for instance in INSTANCES]


def rates_table() -> str:
    """Write what a row takes."""
    rows = (
        [
            width.name,
            f"{width.bytes:,.0f}",
            f"{width.seconds * 1e6:.3f}",
            f"{1 / width.seconds / 1e6:.2f}",
            f"{width.bytes / width.seconds / 1e6:,.0f}",
            f"{ROWS * width.seconds / 3600:,.0f}",
            width.origin,
        ]
        for width in widths()
    )
    header = ["rows", "bytes", "us of a vCPU", "million rows/s a vCPU", "MB/s a vCPU", "vCPU hours a day", "origin"]
    return table(header, rows)


def plans_table() -> str:
    """Write instances, hours and costs."""

    def line(plan: Plan) -> list[str]:
        costs = [plan.cost(region) for region in REGIONS]
        return [
            plan.width.name,
            plan.instance.name,
            plan.limit,
            f"{plan.rate / 1e6:.2f}",
            f"{plan.instances:,}",
            f"{plan.hours:,.0f}",
            f"{ROWS / plan.by_cpu / 3600:,.0f}",
            f"{plan.shortest:.1f}",
            *("not known" if cost is None else f"{cost:,.0f}" for cost in costs),
        ]

    header = [
        "rows",
        "instance",
        "limited by",
        "million rows/s",
        "instances for a day",
        "instance hours",
        "of CPU alone",
    ]
    header += [f"hours with {MAX_INSTANCES}", *(f"USD, {region}" for region in REGIONS)]
    return table(header, map(line, plans()))


def limits_table() -> str:
    """Write what else a day takes, for the narrowest and the widest rows."""
    narrow, *_, wide = widths()
    rows = ([name, value, other] for (name, value), (_, other) in zip(_limits(narrow), _limits(wide), strict=True))
    return table(["a day", narrow.name, wide.name], rows)


def _limits(width: Width) -> Iterator[tuple[str, str]]:
    size = ROWS * width.bytes
    objects = size / TARGET
    yield "input, TB", f"{size / 1e12:,.0f}"
    yield "output, TB", f"{ROWS * OUTPUT_BYTES / 1e12:,.1f}"
    yield "mean input, Gbit/s", f"{size * 8 / DAY / 1e9:,.0f}"
    yield f"objects of {TARGET / 1e6:.0f} MB", f"{objects:,.0f}"
    yield f"objects a second (S3: {GETS:,} GET, {PUTS:,} PUT a prefix)", f"{objects / DAY:,.0f}"
    yield f"lists of {LIST_KEYS:,} keys, for one look at all", f"{math.ceil(objects / LIST_KEYS):,}"
    yield "requests of 6 MB to containers", f"{size / PAYLOAD:,.0f}"
    yield "CPU hours of `fasttrees shard`", f"{size / SHARD_BYTES / 3600:,.0f}"
    yield "hours to gather over 25 Gbit/s", f"{ROWS * OUTPUT_BYTES * 8 / 25e9 / 3600:,.1f}"
    yield f"tasks of Spark, {SPLIT >> 20} MiB each", f"{size / SPLIT:,.0f}"
    yield "their status at the driver, GB", f"{size / SPLIT * TASK_STATUS / 1e9:,.1f}"


def main() -> None:
    """Print the tables."""
    for text in (rates_table(), plans_table(), limits_table()):
        print(text, end="\n\n")


if __name__ == "__main__":
    main()
