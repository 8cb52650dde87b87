"""Comparisons that were never measured."""

from __future__ import annotations

from fasttrees.comparison.results import (
    BASELINE,
    OURS,
    Agreement,
    Bulk,
    Contender,
    Data,
    Machine,
    Memory,
    OneRow,
    PriceRow,
    Results,
    Settings,
    Turn,
)

MB = 1_000_000


def price(instance: str, vcpu: int, memory: float, usd: float, *uses: str) -> PriceRow:
    """A row of a price table; `uses` are what SageMaker takes the instance for."""
    accepted = {use: use in uses for use in ("hosting", "transform")}
    instead = {use: ["ml.m5.large", "ml.m5.xlarge"] for use, taken in accepted.items() if not taken}
    return PriceRow(
        instance=instance,
        component="any",
        vcpu=vcpu,
        memory_gib=memory,
        usd_per_hour=usd,
        source="the original study",
        date="",
        note="to be checked",
        accepted=accepted,
        instead=instead,
    )


PRICES = [
    price("ml.m5.xlarge", 4, 16, 0.33, "hosting", "transform"),
    price("ml.c5.large", 2, 4, 0.17, "hosting"),
]


def turn(number: int, name: str, cores: int, rate: float, seconds: float = 1.0, idle: int = 20, peak: int = 30) -> Turn:
    """A turn with a speed in rows per second and a memory in MB."""
    memory = [Memory(pss=size * MB, rss=size * MB + 1) for size in (idle, peak)]
    return Turn(
        round=number,
        contender=name,
        cores=cores,
        load_before=0.1,
        start_seconds=seconds,
        idle=memory[0],
        one_row=OneRow(requests=100, p50=seconds / 1000, p99=seconds / 100),
        bulk=Bulk(rows=1000, bytes=10_000, seconds=1000 / rate, cpu_seconds=900 / rate),
        peak=memory[1],
    )


def results(
    times: tuple[float, ...] = (8.0, 10.0, 9.0),
    images: bool = True,
    prices: list[PriceRow] | None = None,
    **settings: object,
) -> Results:
    """A comparison in which ours is so many times quicker, by round; the Python container does 10,000 rows/s a core."""
    turns = []
    for number, factor in enumerate(times):
        for cores in (1, 2):
            rate = 10_000.0 * cores * (1 + number / 10)
            turns += [turn(number, OURS, cores, rate * factor), turn(number, BASELINE, cores, rate, 5.0, 120, 400)]
    sizes = {OURS: 29 * MB, BASELINE: 600 * MB}
    contenders = {
        name: Contender(how="image", image=name, image_id="sha256:1", image_bytes=size)
        if images
        else Contender(how="processes")
        for name, size in sizes.items()
    }
    asked = {"rounds": len(times), "seconds": 3.0, "workers": 2, "quick": False, "region": "sa-east-1"}
    asked |= {"rows_per_day": 1_000_000, "fixed_minutes": 3.0, **settings}
    return Results(
        date="2026-01-31",
        machine=Machine(
            processor="a processor",
            cpus=2,
            memory=8 << 30,
            system="Linux x86_64",
            python="3.11.0",
            load_before=0.1,
            niceness=0,
        ),
        settings=Settings.model_validate(asked),
        data=Data(
            model="model.txt",
            model_bytes=1000,
            trees=100,
            features=28,
            objective="binary",
            rows="rows.csv",
            n_rows=1000,
            row_bytes=10_000,
            bulk_rows=10_000,
            bulk_bytes=100_000,
            payload_mb=6,
            large_bytes=100 * MB,
        ),
        contenders=contenders,
        agreement=Agreement(rows=1000, equal_rows=1000, largest_difference=0),
        turns=turns,
        prices=PRICES if prices is None else prices,
    )
