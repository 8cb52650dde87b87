"""Data frames of pandas: the same bits, or the same kind of error, as LightGBM given the same frame."""

from __future__ import annotations

import json
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fasttrees
from tests.support.outcomes import outcome
from tests.support.paths import MODELS

NAMES = ["numerical", "categorical", "linear", "multiclass", "forest"]
OUTPUTS: list[dict[str, Any]] = [{}, {"raw_score": True}, {"pred_leaf": True}, {"predict_disable_shape_check": True}]

#: The first column's categories are texts, the second's numbers, the third's truth values.
CATEGORIES: list[list[Any]] = [["a", "b", "c", "d"], [3, 1, 2], [False, True]]


def both(name: str, categories: Any = None) -> tuple[lightgbm.Booster, fasttrees.Model]:
    """A model of LightGBM and ours, given the categories of a training frame."""
    text = (MODELS / f"{name}.txt").read_text().rpartition("pandas_categorical:")[0]
    text += f"pandas_categorical:{json.dumps(categories)}\n"
    return lightgbm.Booster(model_str=text), fasttrees.loads(text)


PLAIN = {name: both(name) for name in NAMES}
CODED = {name: both(name, CATEGORIES) for name in NAMES}

DTYPES = [
    "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64", "bool",
    "Int8", "Int32", "Int64", "UInt64", "Float32", "Float64", "boolean", "Sparse[float64]", "Sparse[int64]", ">f8",
    ">i4",
]  # fmt: skip
WHOLE = [0, 1, 2, 3, 5, 7, 31, 32, 66, 100, 16777217, -1, -3, 2**53 + 1, 2**63 - 1]
REAL = [0.0, -0.0, 0.1, -0.5, 3.99, 1e30, np.nan, np.inf, -np.inf, 66.0, 2.0**31, 1e-36, -1e-36, 65504.0]


def column_of(draw: Any, dtype: str, n_rows: int) -> Any:
    """A column whose values have been drawn, repeated to the number of rows."""
    if dtype == "category":
        some = draw(st.lists(st.sampled_from(["a", "b", "c", "d", "unseen", None]), min_size=5, max_size=9))
        return pd.Series((some * n_rows)[:n_rows]).astype("category")
    if "float" in dtype.lower() or dtype == ">f8":
        with np.errstate(over="ignore"):
            drawn = np.array(draw(st.lists(st.sampled_from(REAL), min_size=5, max_size=9)))
    else:
        drawn = np.array(draw(st.lists(st.sampled_from(WHOLE), min_size=5, max_size=9)))
        drawn = drawn.astype(dtype.lower() if "int" in dtype.lower() and dtype[0] != "S" else "int64")
    values = np.resize(drawn, n_rows)
    with np.errstate(over="ignore"):
        if dtype in ("bool", "boolean"):
            return pd.Series(values > 1).astype(dtype)
        series = pd.Series(values).astype(dtype)
    if dtype[0].isupper() and dtype[0] != "S" and draw(st.booleans()):
        series[:: draw(st.integers(1, 4))] = pd.NA
    return series


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    n_rows = draw(st.sampled_from([1, 2, 9, 13, 300, 1100]))
    size = draw(st.sampled_from([5, 5, 5, 5, 4, 6]))
    wanted = draw(st.lists(st.sampled_from(DTYPES), min_size=size, max_size=size))
    columns = {f"column {number}": column_of(draw, dtype, 2 * n_rows) for number, dtype in enumerate(wanted)}
    frame = pd.DataFrame(columns)
    return frame.iloc[::2] if draw(st.booleans()) else frame.iloc[:n_rows]


@settings(deadline=None, max_examples=150)
@given(frames(), st.sampled_from(NAMES), st.sampled_from(OUTPUTS))
def test_frames(frame: pd.DataFrame, name: str, output: dict[str, Any]) -> None:
    booster, model = PLAIN[name]
    assert outcome(model.predict, frame, **output) == outcome(booster.predict, frame, **output)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "int16"])
def test_frames_of_one_block(name: str, order: Any, dtype: str) -> None:
    """In the frame's own memory: rows or columns may be what lies together."""
    rows = np.asarray(np.random.default_rng(1).normal(size=(3000, 5)) * 9, dtype, order)
    booster, model = PLAIN[name]
    for frame in (pd.DataFrame(rows), pd.DataFrame(rows)[::-1], pd.DataFrame(rows[:, ::-1]), pd.DataFrame(rows[::3])):
        assert outcome(model.predict, frame) == outcome(booster.predict, frame)


def coded(texts: list[Any], numbers: list[Any], truths: list[Any], **more: Any) -> pd.DataFrame:
    size = len(texts)
    return pd.DataFrame(
        {
            "x": np.linspace(-1, 2, size),
            "text": pd.Categorical(texts, **more),
            "number": pd.Categorical(numbers),
            "y": np.arange(size),
            "truth": pd.Categorical(truths),
        }
    )


FRAMES = {
    "same": coded(["a", "b", "c", "d"], [3, 1, 2, 3], [False, True, True, False]),
    "own order": coded(["d", "b"], [2, 1], [True, False], categories=["d", "c", "b", "a"]),
    "ordered": coded(["d", "b"], [2, 1], [True, False], categories=["d", "c", "b", "a"], ordered=True),
    "missing": coded(["a", None, "c"], [None, 1, 2], [True, None, None]),
    "unseen": coded(["a", "z", "c"], [9, 1, 2], [True, True, True]),
    "nothing seen": coded(["x", "y"], [7, 8], ["p", "q"]),
    "all missing": coded([None, None], [None, None], [None, None]),
    "equal numbers of another type": coded(["a", "b"], [1.0, 3.0], [1, 0]),
    "texts for numbers": coded(["a", "b"], ["1", "3"], ["True", "False"]),
    "none left out": coded(["a"], [1], [True]).drop(columns="truth").assign(truth=1.0),
    "one too many": coded(["a"], [1], [True]).astype({"x": "category"}),
    "int32 codes": coded([str(i) for i in range(40_000)], [1, 2] * 20_000, [True, False] * 20_000),
}


@pytest.mark.parametrize("kind", FRAMES)
@pytest.mark.parametrize("name", NAMES)
def test_categories(name: str, kind: str) -> None:
    for booster, model in (CODED[name], PLAIN[name]):
        for output in OUTPUTS:
            expected = outcome(booster.predict, FRAMES[kind], **output)
            assert outcome(model.predict, FRAMES[kind], **output) == expected


@settings(deadline=None, max_examples=60)
@given(st.data(), st.sampled_from(NAMES))
def test_drawn_categories(data: st.DataObject, name: str) -> None:
    n_rows = data.draw(st.sampled_from([1, 2, 300]))
    frame = pd.DataFrame(
        {number: column_of(data.draw, "category" if number in (1, 2, 4) else "int32", n_rows) for number in range(5)}
    )
    for booster, model in (CODED[name], PLAIN[name]):
        assert outcome(model.predict, frame) == outcome(booster.predict, frame)


def test_no_category_columns_where_the_model_has_them() -> None:
    booster, model = CODED["categorical"]
    frame = pd.DataFrame(np.ones((2, 5)))
    assert outcome(booster.predict, frame) is ValueError
    with pytest.raises(fasttrees.InputError, match=r"expected 3 category columns, got 0"):
        model.predict(frame)


REFUSED = {
    "object": pd.Series([1.0, None], dtype=object),
    "text": pd.Series(["1", "2"]),
    "complex": pd.Series([1j, 2.0]),
    "longdouble": pd.Series(np.ones(2, np.longdouble)),
    "date": pd.Series(pd.to_datetime(["2020-01-01", "2020-01-02"])),
    "date with zone": pd.Series(pd.to_datetime(["2020-01-01", "2020-01-02"], utc=True)),
    "duration": pd.Series(pd.to_timedelta([1, 2])),
    "period": pd.Series(pd.period_range("2020", periods=2, freq="D")),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_other_types_are_refused(kind: str) -> None:
    booster, model = PLAIN["numerical"]
    frame = pd.DataFrame(np.ones((2, 5))).assign(bad=REFUSED[kind])
    expected = outcome(booster.predict, frame)
    assert expected in (TypeError, ValueError)
    assert outcome(model.predict, frame) is expected
    if expected is ValueError:
        with pytest.raises(fasttrees.InputError, match="bad pandas dtypes: bad: "):
            model.predict(frame)


def test_types_of_arrow() -> None:
    """LightGBM refuses them; here they count as what they are."""
    pytest.importorskip("pyarrow")
    plain = pd.DataFrame(
        {
            "a": [0.1, np.nan, -3.0],
            "b": pd.array([2**53 + 1, None, -7], "Int64"),
            "c": np.array([1.5, 2.5, np.nan], np.float32),
            "d": pd.array([True, None, False], "boolean"),
            "e": np.array([3, 66, 5], np.uint8),
        }
    )
    frame = plain.convert_dtypes(dtype_backend="pyarrow").astype({"c": "float[pyarrow]", "a": "double[pyarrow]"})
    for booster, model in PLAIN.values():
        assert outcome(booster.predict, frame) is ValueError
        assert outcome(model.predict, frame) == outcome(booster.predict, plain)
        for dtype in ("string[pyarrow]", "date32[pyarrow]", "timestamp[s][pyarrow]"):
            with pytest.raises(fasttrees.InputError, match="bad pandas dtypes: e: "):
                model.predict(frame.assign(e=pd.Series([None] * 3, dtype=dtype)))


@pytest.mark.parametrize("kind", ["frame", "list", "C", "F", "float32", "int", "matrix"])
@pytest.mark.parametrize("n_columns", [1, 4, 5, 6, 9])
@pytest.mark.parametrize("n_rows", [1, 9, 3000])
def test_disabled_shape_check(kind: str, n_columns: int, n_rows: int) -> None:
    """Missing columns are zeros, further ones are left out."""
    rows = np.random.default_rng(2).normal(size=(n_rows, n_columns)) * 5
    data = {
        "frame": pd.DataFrame(rows),
        "list": rows.tolist(),
        "C": rows,
        "F": np.asfortranarray(rows),
        "float32": rows.astype(np.float32),
        "int": rows.astype(np.int64),
        "matrix": rows.view(np.matrix),
    }[kind]
    for booster, model in PLAIN.values():
        for output in ({}, {"pred_leaf": True}):
            expected = outcome(booster.predict, data, predict_disable_shape_check=True, **output)
            assert outcome(model.predict, data, predict_disable_shape_check=True, **output) == expected
        assert outcome(model.predict, data) == outcome(booster.predict, data)


@pytest.mark.parametrize(
    "names", [["Column_0", "Column_1"], ["Column_1", "Column_0"], ["Column_0"], ["é", 1], [0, 1], [("a", "b"), 1]]
)
def test_validate_features(names: list[Any]) -> None:
    text = (MODELS / "numerical.txt").read_text()
    own = text.partition("feature_names=")[2].partition("\n")[0].split()
    booster, model = PLAIN["numerical"]
    frame = pd.DataFrame(np.ones((3, 5)), columns=[*names, *own[len(names) :]][:5])
    cases = [frame, frame.iloc[:, :3], frame.iloc[:0]]
    for case in cases:
        try:
            scores: Any = booster.predict(case, validate_features=True)
            expected: Any = scores.tobytes()
        except (ValueError, lightgbm.basic.LightGBMError) as error:
            expected = str(error)
        try:
            got: Any = model.predict(case, validate_features=True).tobytes()
        except fasttrees.InputError as error:
            got = str(error)
        assert got == expected


def test_empty_frames() -> None:
    booster, model = PLAIN["numerical"]
    for frame in (pd.DataFrame(np.empty((0, 5))), pd.DataFrame(), pd.DataFrame(index=range(3))):
        assert outcome(model.predict, frame) is outcome(booster.predict, frame) is ValueError


def test_columns_of_one_name() -> None:
    frame = FRAMES["missing"].set_axis(["x"] * 5, axis=1)
    _, model = CODED["categorical"]
    assert model.predict(frame).tobytes() == model.predict(FRAMES["missing"]).tobytes()
