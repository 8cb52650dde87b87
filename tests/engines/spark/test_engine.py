"""Spark itself works here: if this fails, the other tests of it mean nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def test_arrow_batches_go_through_a_python_worker(spark: Any) -> None:
    def doubled(batches: Iterator[Any]) -> Iterator[Any]:
        import pyarrow as pa
        import pyarrow.compute as pc

        for batch in batches:
            yield pa.record_batch([pc.multiply(batch.column(0), 2)], names=["id"])

    rows = spark.range(1000, numPartitions=3).mapInArrow(doubled, "id long").collect()
    assert sorted(row.id for row in rows) == list(range(0, 2000, 2))
