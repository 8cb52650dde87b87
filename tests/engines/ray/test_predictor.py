"""Batches of every format get the bits of ``Model.predict``; invalid ones are rejected. Without a running Ray."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import fasttrees
from fasttrees._distributed import choose_features
from fasttrees.ray import Predictor
from tests.support.builders import Matrix, assert_same_bits
from tests.support.engine_models import KINDS, load, rows
from tests.support.paths import MODELS

NAMES = load("multiclass").feature_name()


def batches(frame: pd.DataFrame) -> dict[str, Any]:
    return {
        "pyarrow": pa.Table.from_pandas(frame, preserve_index=False),
        "pandas": frame,
        "numpy": {str(name): frame[name].to_numpy() for name in frame},
    }


def scores_of(batch: Any) -> Matrix:
    column = batch["prediction"]
    if isinstance(column, pa.ChunkedArray):
        array = column.combine_chunks()
        return np.asarray(array.to_numpy_ndarray() if isinstance(array, pa.FixedShapeTensorArray) else array)
    return np.stack(column) if column.dtype == object else np.asarray(column)


@pytest.mark.parametrize("form", ["pyarrow", "pandas", "numpy"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["numerical", "multiclass"])
def test_formats(name: str, kind: str, form: str) -> None:
    model = load(name)
    values = rows(50, 5)
    batch = batches(pd.DataFrame(values, columns=NAMES).assign(other="text"))[form]
    for source in (model, MODELS / f"{name}.txt"):
        result = Predictor(source, kind=kind)(batch)
        assert type(result) is type(batch)
        assert_same_bits(scores_of(result), model.predict(values, **KINDS[kind]))
        assert len(result["other"]) == 50
    assert "prediction" not in batch
    none = (
        batch.slice(0, 0)
        if form == "pyarrow"
        else batch[:0]
        if form == "pandas"
        else {k: v[:0] for k, v in batch.items()}
    )
    assert len(Predictor(model, kind=kind)(none)["prediction"]) == 0


@pytest.mark.parametrize("form", ["pyarrow", "pandas", "numpy"])
def test_kept_columns(form: str) -> None:
    model, values = load("multiclass"), rows(50, 5)
    batch = batches(pd.DataFrame(values, columns=NAMES).assign(other="text", prediction=0.0))[form]
    for keep in (["other", "Column_3"], ["Column_3"], []):
        result = Predictor(model, keep=keep)(batch)
        assert list(getattr(result, "column_names", result)) == [*keep, "prediction"]
        assert_same_bits(scores_of(result), model.predict(values))
        for name in keep:
            assert list(map(str, result[name])) == list(map(str, batch[name]))
    tensors = Predictor(model, columns=["data"], keep=["id"])({"data": values, "id": np.arange(50)})
    assert list(tensors) == ["id", "prediction"]
    assert_same_bits(tensors["prediction"], model.predict(values))


def test_names_are_not_looked_for_one_by_one() -> None:
    class Name(str):
        n_compared = 0

        def __eq__(self, other: object) -> bool:
            Name.n_compared += 1
            return str.__eq__(self, other)

        __hash__ = str.__hash__

    model = load("numerical")
    names = [Name(name) for name in (*model.feature_name(), *(f"other{i}" for i in range(1000)))]
    assert choose_features(model, names, None) == list(range(model.num_feature()))
    assert Name.n_compared < 3 * len(names)


def test_tensors_as_rows() -> None:
    model, values = load("multiclass"), rows(40, 5)
    for columns in (None, ["data"]):
        assert_same_bits(Predictor(model, columns=columns)({"data": values})["prediction"], model.predict(values))


def test_nulls_are_missing() -> None:
    model, values = load("numerical"), rows(40, 5)
    missing = np.isnan(values)
    table = pa.table([pa.array(values[:, i], mask=missing[:, i]) for i in range(5)], NAMES)
    assert table.column(0).null_count
    assert_same_bits(scores_of(Predictor(model)(table)), model.predict(table))


def test_categories() -> None:
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"a": rng.normal(size=200), "c": pd.Categorical(rng.choice(list("xyz"), 200))})
    target = (frame["c"] == "y") + frame["a"]
    booster = lightgbm.train({"verbosity": -1, "num_threads": 1}, lightgbm.Dataset(frame, target), 5)
    expected = booster.predict(frame, num_threads=1)
    other_codes = frame.assign(c=frame["c"].cat.reorder_categories(list("zyx")))
    assert_same_bits(scores_of(Predictor(fasttrees.Model.from_booster(booster))(other_codes)), np.asarray(expected))
    refused("categories in 'c'", pa.Table.from_pandas(frame), columns=["a", "c", "a", "a", "a"])
    with pytest.raises(fasttrees.InputError, match="knows no categories"):
        Predictor(load("numerical"), columns=["a", "c", "a", "a", "a"])(frame)


def refused(match: str, batch: Any, error: type[Exception] = fasttrees.InputError, **arguments: Any) -> None:
    with pytest.raises(error, match=match):
        Predictor(load("numerical"), **arguments)(batch)


def test_what_is_refused() -> None:
    frame = pd.DataFrame(rows(10, 5), columns=NAMES)
    for batch in batches(frame).values():
        refused("expected a new name as output, got 'Column_0'", batch, output="Column_0")
        refused("expected the columns 'x'.* in keep", batch, keep=["x"])
        refused("expected a new name as output, got 'Column_0'", batch, keep=["Column_0"], output="Column_0")
        refused("expected the columns 'x'", batch, columns=[*NAMES[:4], "x"])
        refused("expected 5 columns", batch, columns=NAMES[:4])
    for batch in batches(frame.drop(columns="Column_3")).values():
        refused("expected the columns 'Column_3'", batch)
    words = batches(frame.assign(Column_1="word"))
    refused("string", words["pyarrow"])
    refused("must be int, float or bool", words["pandas"])
    refused("must be int, float or bool", words["numpy"])
    refused("more than one named 'Column_0'", pa.table([*frame.to_numpy().T, [1.0] * 10], [*NAMES, "Column_0"]))
    refused("pyarrow, pandas or numpy", frame.to_numpy(), fasttrees.InputTypeError)
    refused("kind", frame, kind="probability")
    refused("n_threads", frame, n_threads=0)


def test_ray_is_imported_only_when_used(tmp_path: Path) -> None:
    text = "import sys, fasttrees.ray; assert 'ray' not in sys.modules and 'pandas' not in sys.modules"
    subprocess.run([sys.executable, "-c", text], check=True)
