"""Scores inside Spark: the bits of one process, for every model, kind and partitioning; other columns unchanged."""

from __future__ import annotations

import decimal
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fasttrees
from fasttrees.spark import transform

ARGUMENTS: dict[str, dict[str, Any]] = {
    "normal": {},
    "raw": {"raw_score": True},
    "leaf": {"pred_leaf": True},
    "contrib": {"pred_contrib": True},
}
MODELS = ("categorical", "forest", "linear", "multiclass", "numerical", "one_leaf")


def table(model: fasttrees.Model, n_rows: int, seed: int = 7) -> np.ndarray:
    """Make rows of numbers small enough to be categories, a fifth of them missing."""
    generator = np.random.default_rng(seed)
    rows = np.round(generator.normal(0, 5, (n_rows, model.num_feature())), 1)
    rows[generator.random(rows.shape) < 0.2] = np.nan
    return rows


def frame(spark: Any, model: fasttrees.Model, rows: np.ndarray) -> Any:
    """Make a data frame of the rows, with a number for each, before the features; NaN becomes null in every other."""
    from pyspark.sql.types import DoubleType, LongType, StructType

    schema = StructType().add("row", LongType())
    for name in model.feature_name():
        schema = schema.add(name, DoubleType())
    cells = [
        (number, *(None if number % 2 and np.isnan(cell) else float(cell) for cell in row))
        for number, row in enumerate(rows)
    ]
    return spark.createDataFrame(cells, schema)


def scores(df: Any, output: str = "prediction") -> np.ndarray:
    """Collect the scores in the order of the rows' numbers."""
    found = sorted((row["row"], row[output]) for row in df.select("row", output).collect())
    assert [number for number, _ in found] == list(range(len(found)))
    return np.array([score for _, score in found])


def assert_bits(got: np.ndarray, expected: np.ndarray) -> None:
    assert got.shape == expected.shape
    assert got.astype(expected.dtype).tobytes() == expected.tobytes()


@pytest.mark.parametrize("kind", ARGUMENTS)
@pytest.mark.parametrize("name", MODELS)
def test_equals_one_process(spark: Any, models: Path, name: str, kind: str) -> None:
    model = fasttrees.load(models / f"{name}.txt")
    if name == "linear" and kind == "contrib":
        pytest.skip("LightGBM finds none")
    rows = table(model, 1801)
    df = transform(frame(spark, model, rows).repartition(3), model, kind=kind)
    field = df.schema["prediction"]
    expected = model.predict(rows, **ARGUMENTS[kind])
    number = "int" if kind == "leaf" else "double"
    assert field.dataType.simpleString() == (number if expected.ndim == 1 else f"array<{number}>")
    assert not field.nullable
    assert_bits(scores(df), expected)


@settings(max_examples=15)
@given(data=st.data())
def test_any_partitioning(spark: Any, models: Path, data: st.DataObject) -> None:
    """Partitions of any sizes, empty ones too, in batches of any size."""
    model = fasttrees.load(models / "multiclass.txt")
    sizes = data.draw(st.lists(st.integers(0, 40), min_size=1, max_size=6))
    batch = data.draw(st.integers(1, 50))
    kind = data.draw(st.sampled_from(sorted(ARGUMENTS)))
    rows = table(model, sum(sizes), data.draw(st.integers(0, 100)))
    ends = np.cumsum([0, *sizes]).tolist()
    schema = frame(spark, model, rows[:0]).schema
    parts = [
        [(start + i, *map(float, row)) for i, row in enumerate(rows[start:end])]
        for start, end in itertools.pairwise(ends)
    ]
    rdd = spark.sparkContext.parallelize(parts, len(parts)).flatMap(lambda part: part)
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", batch)
    try:
        df = spark.createDataFrame(rdd, schema)
        assert df.rdd.getNumPartitions() == len(parts)
        got = scores(transform(df, model, kind=kind))
    finally:
        spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", 700)
    assert_bits(got, model.predict(rows, **ARGUMENTS[kind]) if len(rows) else np.array([]))


def test_other_columns_stay_as_they_are(spark: Any, models: Path) -> None:
    """Of all types, nested ones and nulls too."""
    model = fasttrees.load(models / "numerical.txt")
    others = """
        name string, code binary, day date, at timestamp, at_ntz timestamp_ntz, price decimal(38, 18), flag boolean,
        tiny tinyint, small smallint, wide bigint, single float, nothing void, seconds interval day to second,
        list array<struct<a: int, b: array<string>>>, `dotted.name ``x``` int,
        tree struct<a: map<string, array<decimal(3, 2)>>, b: struct<c: date>>
    """
    first = (
        "'ü', X'00FF', DATE'1582-10-14', TIMESTAMP'2026-11-22 01:02:03.456789', TIMESTAMP_NTZ'2026-03-29 02:30:00', "
        "12345678901234567890.123456789012345678BD, true, -128Y, -32768S, 9223372036854775807L, float('NaN'), null, "
        "INTERVAL '1 02:03:04.5' DAY TO SECOND, "
        "array(named_struct('a', 1, 'b', array('x', null)), null), 7, "
        "named_struct('a', map('k', array(1.25BD, null)), 'b', named_struct('c', DATE'2026-01-01'))"
    )
    types = spark.createDataFrame([], others).schema
    literals = spark.sql(f"SELECT {first}").toDF(*types.names)
    assert [field.dataType.simpleString() for field in literals.schema] == [
        field.dataType.simpleString() for field in types
    ]
    nulls = spark.sql(f"SELECT {', '.join(['null'] * len(types))}").toDF(*types.names)
    rows = table(model, 40)
    features = frame(spark, model, rows)
    df = features.crossJoin(literals.union(nulls)).repartition(3).cache()
    before = df.schema
    scored = transform(df, model)
    assert [field.simpleString() for field in scored.schema][:-1] == [field.simpleString() for field in before]
    assert [field.nullable for field in scored.schema][:-1] == [field.nullable for field in before]
    assert as_text(scored.drop("prediction")) == as_text(df)
    by_row = {row["row"]: row["prediction"] for row in scored.select("row", "prediction").collect()}
    assert_bits(np.array([by_row[i] for i in range(40)]), model.predict(rows))
    assert scored.count() == 80


def test_kept_columns(spark: Any, models: Path) -> None:
    """In the order of `keep`, among them features, some that Spark casts, and features that are not kept."""
    model = fasttrees.load(models / "numerical.txt")
    rows = table(model, 60)
    names = model.feature_name()
    rows[:, 1] = np.arange(60)
    df = frame(spark, model, rows).withColumn("text", functions().lit("x")).repartition(2)
    df = df.withColumn(names[1], df[names[1]].cast("decimal(5, 0)"))
    for keep in ([names[3], "text", "row"], ["row", names[1]], ["row"], df.columns[::-1]):
        scored = transform(df, model, keep=keep)
        assert scored.columns == [*keep, "prediction"]
        assert_bits(scores(scored), model.predict(rows))
        assert as_text(scored.drop("prediction")) == as_text(df.select(*keep))
    assert transform(df, model, keep=[]).columns == ["prediction"]
    got = [row[0] for row in transform(df, model, keep=[]).collect()]
    assert_bits(np.sort(got), np.sort(model.predict(rows)))


def functions() -> Any:
    from pyspark.sql import functions

    return functions


def as_text(df: Any) -> list[str]:
    """Format all rows as Spark does, because some values have no equivalent in Python."""
    return sorted(row[0] for row in df.selectExpr("cast(struct(*) AS string)").collect())


@settings(max_examples=8)
@given(values=st.lists(st.decimals(allow_nan=False, allow_infinity=False, places=18,
                                   min_value=-(10**19), max_value=10**19), min_size=1, max_size=20))  # fmt: skip
def test_decimals_are_the_nearest_doubles(spark: Any, models: Path, values: list[decimal.Decimal]) -> None:
    """A linear model, whose scores change with every bit of a value."""
    model = fasttrees.load(models / "linear.txt")
    names = model.feature_name()
    cells = [(i, *([value] * len(names))) for i, value in enumerate(values)]
    df = spark.createDataFrame(cells, "row long, " + ", ".join(f"`{name}` decimal(38, 18)" for name in names))
    rows = np.array([[float(value)] * len(names) for value in values])
    scored = transform(df, model)
    assert scored.columns == [*df.columns, "prediction"]
    assert_bits(scores(scored), model.predict(rows))


@pytest.mark.parametrize("kind", ["tinyint", "smallint", "int", "bigint", "float", "boolean", "decimal(5, 0)", "void"])
def test_numbers_of_every_type(spark: Any, models: Path, kind: str) -> None:
    model = fasttrees.load(models / "numerical.txt")
    names = model.feature_name()
    value = "null" if kind == "void" else f"cast(if(id % 7 = 0, null, id % 2) AS {kind})"
    df = spark.sql(f"SELECT id AS row, {', '.join(f'{value} AS {name}' for name in names)} FROM range(60)")
    column = np.full(60, np.nan) if kind == "void" else np.arange(60) % 2.0
    column[::7] = np.nan
    assert_bits(scores(transform(df, model)), model.predict(np.repeat(column[:, None], len(names), axis=1)))


def test_codes_of_categories(spark: Any, models: Path) -> None:
    model = fasttrees.load(models / "categorical.txt")
    codes = np.random.default_rng(3).integers(-2, 40, (300, model.num_feature()))
    df = frame(spark, model, codes.astype(float))
    df = df.select("row", *(df[name].cast("int").alias(name) for name in model.feature_name()))
    assert_bits(scores(transform(df, model)), model.predict(codes.astype(float)))


def test_columns_in_another_order_with_dots_and_twice(spark: Any, models: Path) -> None:
    model = fasttrees.load(models / "numerical.txt")
    rows = table(model, 50)
    names = [f"f.{i} `x`" for i in range(model.num_feature())]
    df = frame(spark, model, rows).toDF("row", *names)
    df = df.select("row", *(f"`{name.replace('`', '``')}`" for name in reversed(names)))
    assert_bits(scores(transform(df, model, columns=names)), model.predict(rows))
    same = transform(df, model, columns=[names[0]] * len(names))
    assert_bits(scores(same), model.predict(np.repeat(rows[:, :1], len(names), axis=1)))


def test_wide_output_of_a_large_batch(spark: Any, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fasttrees.spark import _scoring

    model = fasttrees.load(models / "multiclass.txt")
    rows = table(model, 100)
    pa = pytest.importorskip("pyarrow")
    names = model.feature_name()
    batch = pa.RecordBatch.from_arrays([*rows.T.copy()], names=names)

    class Shared:
        def model(self) -> fasttrees.Model:
            return model

    width = model.num_class * (model.num_feature() + 1)
    scoring = _scoring.Scoring(Shared(), list(range(len(names))), ["p"], "contrib", width, 1)  # type: ignore[arg-type]
    monkeypatch.setattr(_scoring, "MAX_NUMBERS", width * 7)
    parts = list(scoring.run(iter([batch])))
    assert [part.num_rows for part in parts] == [7] * 14 + [2]
    got = np.concatenate([part.column(0).values.to_numpy() for part in parts]).reshape(100, -1)
    assert_bits(got, model.predict(rows, pred_contrib=True))


def test_an_empty_data_frame(spark: Any, models: Path) -> None:
    model = fasttrees.load(models / "numerical.txt")
    df = frame(spark, model, np.empty((0, model.num_feature())))
    for kind in ARGUMENTS:
        assert transform(df, model, kind=kind).collect() == []


def test_boosters_and_paths(spark: Any, models: Path) -> None:
    import lightgbm

    path = models / "numerical.txt"
    model = fasttrees.load(path)
    rows = table(model, 20)
    for given_model in (path, str(path), lightgbm.Booster(model_file=path)):
        assert_bits(scores(transform(frame(spark, model, rows), given_model)), model.predict(rows))
