"""Dask's partitions do not affect the predictions; invalid data is rejected before anything is computed."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from typing import Any

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fasttrees
import fasttrees.dask
from tests.support.builders import Matrix, assert_same_bits
from tests.support.engine_models import KINDS, load, rows

N_ROWS = 60
MODELS = {name: load(name) for name in ("numerical", "multiclass", "forest", "categorical")}

#: Sizes of partitions, among them empty ones.
PARTITIONS = st.lists(st.integers(0, N_ROWS), min_size=0, max_size=6).map(
    lambda cuts: [stop - start for start, stop in pairwise([0, *sorted(cuts), N_ROWS])]
)


def scores_of(result: Any) -> Matrix:
    return np.asarray(result["prediction"].compute(scheduler="sync"))


def frame_in_parts(frame: pd.DataFrame, sizes: list[int]) -> Any:
    bounds = np.cumsum([0, *sizes])
    return dd.from_map(lambda part: frame.iloc[slice(*part)], list(pairwise(bounds)), meta=frame.iloc[:0])


@given(st.sampled_from(sorted(MODELS)), st.sampled_from(sorted(KINDS)), PARTITIONS, st.integers(0, 9))
@settings(max_examples=60)
def test_frames(name: str, kind: str, sizes: list[int], seed: int) -> None:
    model = MODELS[name]
    frame = pd.DataFrame(rows(N_ROWS, model.num_feature(), seed), columns=model.feature_name())
    frame.insert(0, "other", np.arange(N_ROWS))
    expected = model.predict(frame[model.feature_name()], **KINDS[kind])
    names = ["p"] if expected.ndim == 1 else [f"p_{number}" for number in range(expected.shape[1])]
    for keep in (None, [], ["Column_1", "other"]):
        scored = fasttrees.dask.predict(frame_in_parts(frame, sizes), model, output="p", kind=kind, keep=keep)
        assert scored.npartitions == len(sizes)
        computed = scored.compute(scheduler="sync")
        kept = frame if keep is None else frame[keep]
        assert list(scored.columns) == list(computed.columns) == [*kept.columns, *names]
        assert_same_bits(computed[names].to_numpy().reshape(expected.shape), expected)
        assert list(scored.dtypes) == list(computed.dtypes) == [*kept.dtypes, *[expected.dtype] * len(names)]
        pd.testing.assert_frame_equal(computed[kept.columns], kept)


@given(
    st.sampled_from(sorted(MODELS)),
    st.sampled_from(sorted(KINDS)),
    PARTITIONS,
    st.sampled_from([(5,), (2, 3), (1, 1, 3)]),
    st.sampled_from([np.float64, np.float32]),
    st.booleans(),
)
@settings(max_examples=60)
def test_arrays(name: str, kind: str, sizes: list[int], widths: Any, dtype: Any, unknown: bool) -> None:
    model = MODELS[name]
    with np.errstate(all="ignore"):
        values = rows(N_ROWS, 5).astype(dtype)
    array = da.from_array(values, chunks=(tuple(sizes), widths))
    if unknown:
        kept = values[:, 0] > 0
        array, values = array[da.from_array(kept, chunks=(tuple(sizes),))], values[kept]
    scores = fasttrees.dask.predict(array, model, kind=kind)
    expected = model.predict(values, **KINDS[kind])
    assert scores.numblocks[0] == len(sizes)
    assert scores.ndim == expected.ndim
    assert scores.shape[1:] == expected.shape[1:]
    if not unknown:
        assert scores.chunks[0] == tuple(sizes)
    assert scores.dtype == scores._meta.dtype == expected.dtype
    assert_same_bits(scores.compute(scheduler="sync"), expected)


def test_divisions_and_index_stay() -> None:
    model = MODELS["numerical"]
    frame = pd.DataFrame(rows(50, 5), columns=model.feature_name(), index=pd.Index(range(0, 100, 2), name="key"))
    parts = dd.from_pandas(frame, npartitions=4)
    scored = fasttrees.dask.predict(parts, model, output="score")
    assert scored.divisions == parts.divisions
    joined = parts.assign(score=fasttrees.dask.predict(parts, model, keep=[])["prediction"])
    pd.testing.assert_frame_equal(joined.compute(scheduler="sync"), scored.compute(scheduler="sync"))
    joined = scored.compute(scheduler="sync")
    assert joined.index.name == "key"
    assert_same_bits(joined["score"].to_numpy(), model.predict(frame))


def test_columns_by_name() -> None:
    model = MODELS["numerical"]
    values = rows(30, 5)
    names = model.feature_name()
    shuffled = dd.from_pandas(pd.DataFrame(values[:, ::-1], columns=names[::-1]), npartitions=2)
    expected = model.predict(values)
    assert_same_bits(scores_of(fasttrees.dask.predict(shuffled, model)), expected)
    letters = dd.from_pandas(pd.DataFrame(values[:, ::-1], columns=list("abcde")), npartitions=2)
    scores = fasttrees.dask.predict(letters, model, columns=list("edcba"))
    assert_same_bits(scores_of(scores), expected)


def test_only_the_columns_that_it_needs_are_read(tmp_path: Any) -> None:
    model = MODELS["numerical"]
    frame = pd.DataFrame(rows(30, 5), columns=model.feature_name()).assign(other="text")
    frame[:20].to_parquet(tmp_path / "rows-0.parquet")
    frame[20:].to_parquet(tmp_path / "rows-1.parquet")
    expected = model.predict(frame[model.feature_name()])
    for keep in ([], [model.feature_name()[0]]):
        scores = fasttrees.dask.predict(dd.read_parquet(tmp_path), model, keep=keep)
        readers = [node for node in scores.optimize(fuse=False).expr.walk() if "ReadParquet" in type(node).__name__]
        assert [reader.columns for reader in readers] == [model.feature_name()]
        assert_same_bits(scores_of(scores), expected)
    parts = dd.read_parquet(tmp_path)  # whose divisions are unknown
    joined = fasttrees.dask.predict(parts, model)
    assert list(joined.columns) == [*frame.columns, "prediction"]
    assert_same_bits(scores_of(joined), expected)


def test_the_model_is_in_the_graph_once() -> None:
    model = MODELS["multiclass"]
    parts = dd.from_pandas(pd.DataFrame(rows(100, 5), columns=model.feature_name()), npartitions=20)
    scores = fasttrees.dask.predict(parts, model)
    nodes = [key for key in scores.__dask_graph__() if "fasttrees-model" in str(key)]
    assert len(nodes) == 1
    again = fasttrees.dask.predict(parts, fasttrees.loads(model.model_to_string()))
    assert again.__dask_keys__() == scores.__dask_keys__()  # equal models and data give equal names
    assert fasttrees.dask.predict(parts, MODELS["forest"]).__dask_keys__() != scores.__dask_keys__()


def test_categories() -> None:
    lightgbm = pytest.importorskip("lightgbm")
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"a": rng.normal(size=200), "c": pd.Categorical(rng.choice(list("xyz"), 200))})
    booster = lightgbm.train(
        {"verbosity": -1, "min_data_in_leaf": 1, "num_threads": 1},
        lightgbm.Dataset(frame, (frame["c"] == "y") + frame["a"]),
        5,
    )
    model = fasttrees.Model.from_booster(booster)
    # Each partition knows only its own categories, in an order of its own.
    parts = [frame[:90].assign(c=frame["c"][:90].astype(str).astype("category").cat.reorder_categories(list("zyx")))]
    parts.append(frame[90:].assign(c=frame["c"][90:].astype(str).astype("category")))
    unknown = dd.from_map(lambda number: parts[number], [0, 1], meta=parts[0][:0])
    unknown["c"] = unknown["c"].cat.as_unknown()
    scores = fasttrees.dask.predict(unknown, model)
    assert_same_bits(scores_of(scores), booster.predict(frame, num_threads=1))
    with pytest.raises(fasttrees.InputError, match="categorize"):
        fasttrees.dask.predict(unknown, load("categorical"), columns=["a", "a", "c", "a", "a"])


def refused(match: str, data: Any, error: type[Exception] = fasttrees.InputError, **arguments: Any) -> None:
    with pytest.raises(error, match=match):
        fasttrees.dask.predict(data, MODELS["numerical"], **arguments)


def test_what_is_refused_before_anything_is_computed() -> None:
    names = MODELS["numerical"].feature_name()
    frame = pd.DataFrame(rows(20, 5), columns=names)

    def parts(changed: pd.DataFrame) -> Any:
        return dd.from_pandas(changed, npartitions=2)

    refused("expected the columns 'Column_3'", parts(frame.drop(columns="Column_3")))
    refused("expected the columns 'b'", parts(frame), columns=[*names[:4], "b"])
    refused("expected 5 columns.*got 2", parts(frame), columns=names[:2])
    refused("kind", parts(frame), kind="probability")
    refused("n_threads", parts(frame), n_threads=0)
    refused("must be int, float or bool", parts(frame.assign(Column_2="text")))
    refused("two dimensions", da.zeros(5), error=fasttrees.InputTypeError)
    refused("expected columns with a DataFrame only", da.zeros((5, 5)), columns=names)
    refused("expected keep with a DataFrame only", da.zeros((5, 5)), keep=[])
    refused("expected output with a DataFrame only", da.zeros((5, 5)), output="p")
    refused("a new name as output, got 'Column_1'", parts(frame), output="Column_1")
    refused("a new name as output, got 'Column_0'", parts(frame), output="Column", kind="leaf")
    refused("the columns 'x', got .* in keep", parts(frame), keep=["x"])
    refused("expected different names in keep", parts(frame), keep=names[:1] * 2)
    refused("number of features", da.zeros((5, 4)))
    refused("Model.predict", frame, error=fasttrees.InputTypeError)
    refused("got a Series", parts(frame)["Column_0"], error=fasttrees.InputTypeError)
    with pytest.raises(fasttrees.InputTypeError, match=r"a fitted estimator or the path of a model file, got dict"):
        fasttrees.dask.predict(parts(frame), {})


def test_dask_is_imported_only_when_used() -> None:
    text = "import sys, fasttrees.dask; assert 'dask' not in sys.modules and 'pandas' not in sys.modules"
    subprocess.run([sys.executable, "-c", text], check=True)
