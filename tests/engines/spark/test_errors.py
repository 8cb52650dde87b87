"""Invalid data is rejected by its schema, before any job starts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import fasttrees
from fasttrees.errors import FastTreesError, InputError, InputTypeError
from fasttrees.spark import transform


@pytest.fixture(scope="module")
def model(models: Path) -> fasttrees.Model:
    return fasttrees.load(models / "numerical.txt")


@pytest.fixture
def df(spark: Any, model: fasttrees.Model) -> Any:
    """A data frame that fails whenever a row of it is asked for."""
    failing = "assert_true(false) IS NULL"
    names = ", ".join(f"cast(rand() AS double) AS {name}" for name in model.feature_name())
    return spark.sql(f"SELECT 'x' AS text, {names} FROM range(3) WHERE {failing}")


def refused(error: type[FastTreesError], text: str, *arguments: Any, **keywords: Any) -> None:
    with pytest.raises(error) as caught:
        transform(*arguments, **keywords)
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


def test_columns(spark: Any, df: Any, model: fasttrees.Model) -> None:
    names = model.feature_name()
    refused(InputError, "expected the columns 'Column_2', got 'text', 'Column_0'", df.drop("Column_2"), model)
    refused(InputError, "expected the columns 'no', got", df, model, columns=["no", *names[1:]])
    refused(InputError, "'Column_1' (string)", df.withColumn("Column_1", df.text), model)
    refused(InputError, "'text' (string): cast them; categories are given as their codes", df, model,
            columns=["text", *names[1:]])  # fmt: skip
    refused(InputError, "(array<double>)", df.selectExpr("array(Column_0) AS a", "*"), model, columns=["a", *names[1:]])
    refused(InputError, "(date)", df.selectExpr("date'2026-01-01' AS a", "*"), model, columns=["a", *names[1:]])
    refused(InputError, f"expected {len(names)} columns, one for each feature, got 1", df, model, columns=["Column_0"])
    refused(InputError, f"expected {len(names)} columns, one for each feature, got 0", df, model, columns=[])
    refused(InputError, "expected the columns 'Column_0'", df.select(), model)
    refused(InputTypeError, "expected a list of names as columns, got 'Column_0'", df, model, columns="Column_0")
    refused(InputTypeError, "expected a list of names as columns, got [0]", df, model, columns=[0])
    twice = df.select("*", df.text.alias("TEXT"))
    refused(InputError, "got more than one for 'text', 'TEXT': rename them", twice, model)
    refused(InputError, "more than one for 'Column_0', 'Column_0'", df.select("*", "Column_0"), model)


def test_columns_that_cannot_go_through_python(df: Any, model: fasttrees.Model) -> None:
    months = df.selectExpr("*", "INTERVAL '1-2' YEAR TO MONTH AS months", "array(INTERVAL '1' MONTH) AS list")
    refused(InputError, "got 'months' (interval year to month), 'list' (array<interval month>): cast or drop", months,
            model)  # fmt: skip


def test_output(df: Any, model: fasttrees.Model) -> None:
    refused(InputError, "expected a new name as output, got 'text'", df, model, output="text")
    refused(InputError, "expected a new name as output, got 'Text'", df, model, output="Text")
    refused(InputTypeError, "expected the name of a column as output, got None", df, model, output=None)
    assert transform(df, model, output="text", keep=["Column_0"]).columns == ["Column_0", "text"]


def test_keep(df: Any, model: fasttrees.Model) -> None:
    refused(InputError, "expected the columns 'no', got 'text'", df, model, keep=["text", "no"])
    refused(InputError, "expected different names in keep, got 'text', 'Text'", df, model, keep=["text", "Text"])
    refused(InputError, "expected a new name as output, got 'text'", df, model, keep=["Text"], output="text")
    refused(InputTypeError, "expected a list of names as keep, got 'text'", df, model, keep="text")
    months = df.selectExpr("*", "INTERVAL '1-2' YEAR TO MONTH AS months")
    refused(InputError, "got 'months' (interval year to month): cast or drop", months, model, keep=["months"])
    assert transform(months, model, keep=["text"]).columns == ["text", "prediction"]


def test_names_that_differ_in_case(spark: Any, df: Any, model: fasttrees.Model) -> None:
    lower = [name.lower() for name in model.feature_name()]
    assert transform(df, model, columns=lower).columns == [*df.columns, "prediction"]
    spark.conf.set("spark.sql.caseSensitive", "true")
    try:
        assert transform(df, model, output="Text").columns == [*df.columns, "Text"]
        refused(InputError, "expected the columns 'column_0'", df, model, columns=lower)
    finally:
        spark.conf.unset("spark.sql.caseSensitive")


def test_other_arguments(df: Any, model: fasttrees.Model, models: Path) -> None:
    refused(InputError, "expected kind to be one of normal, raw, leaf, contrib, got 'shap'", df, model, kind="shap")
    refused(InputTypeError, "expected a data frame of Spark, got builtins.list", [[1.0]], model)
    refused(InputTypeError, "a lightgbm.Booster, a fitted estimator or the path of a model file, got int", df, 3)
    refused(InputError, "expected n_threads to be None or a whole number of at least 1, got 0", df, model, n_threads=0)
    with pytest.raises(OSError, match="No such file"):
        transform(df, "/nowhere/model.txt")
    linear = fasttrees.load(models / "linear.txt")
    refused(InputError, "no contributions", df, linear, columns=list(model.feature_name())[: linear.num_feature()],
            kind="contrib")  # fmt: skip


def test_threads_are_not_oversubscribed(df: Any, model: fasttrees.Model) -> None:
    transform(df, model, n_threads=None)
    refused(InputError, "expected n_threads of at most 1, which a task may use by spark.task.cpus, got 2", df, model,
            n_threads=2)  # fmt: skip


TWO_CPUS = """
import sys
from pyspark.sql import SparkSession
import fasttrees, fasttrees.spark
spark = (SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    .config("spark.driver.bindAddress", "127.0.0.1").config("spark.task.cpus", "2").getOrCreate())
model = fasttrees.load(sys.argv[1])
df = spark.range(5000).selectExpr(*(f"cast(id AS double) AS {name}" for name in model.feature_name()))
for n_threads in (1, 2, None):
    print(fasttrees.spark.transform(df, model, n_threads=n_threads).count())
try:
    fasttrees.spark.transform(df, model, n_threads=3)
except fasttrees.InputError as error:
    print(error)
"""


def test_as_many_threads_as_a_task_may_use(models: Path) -> None:
    """Needs a Spark of its own, because the setting belongs to the application."""
    command = [sys.executable, "-c", TWO_CPUS, str(models / "numerical.txt")]
    lines = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    assert lines[:3] == ["5000"] * 3
    assert lines[3].startswith("expected n_threads of at most 2")
