"""Each kind of array and list gives the bits, the shape and the kind of error that LightGBM gives for it."""

from typing import Any

import lightgbm
import numpy as np
import pytest

import fasttrees
from tests.support.inputs import NAMES, REAL
from tests.support.outcomes import outcome
from tests.support.paths import MODELS

WHOLE = np.array([[16777217, 0, -3, 5, 2**31], [1, 2, 3, 66, 5], [-(2**40), 7, 0, 31, 9]])
with np.errstate(over="ignore"):
    NARROW = REAL.astype(np.float32)

INPUTS: dict[str, Any] = {
    "float64": REAL,
    "float32": NARROW,
    "float16": np.array([[0.1, -0.5, np.nan, 3.99, 1.0]], np.float16),
    "longdouble": REAL.astype(np.longdouble),
    "big-endian float64": REAL.astype(">f8"),
    "big-endian float32": NARROW.astype(">f4"),
    "int64": WHOLE,
    "int32": np.array([[16777217, 0, -3, 5, 7]], np.int32),
    "int8": np.array([[1, 0, -3, 5, 7]], np.int8),
    "uint64": WHOLE.astype(np.uint64),
    "bool": np.array([[True, False, True, True, False]]),
    "object": np.array([[None, 1, 2.5, 3, 0.1]], dtype=object),
    "strings": np.array([["0.1", "1e3", "nan", "4", "5"]]),
    "complex": np.array([[1 + 2j, 0.5, 3, 4, 5]]),
    "datetime": np.array([[1, 2, 3, 4, 5]], dtype="datetime64[s]"),
    "timedelta": np.array([[1, 2, 3, 4, 5]], dtype="timedelta64[s]"),
    "masked": np.ma.masked_array(REAL, REAL > 0.2),
    "matrix": REAL.view(np.matrix),
    "no rows": np.empty((0, 5)),
    "no rows, int": np.empty((0, 5), int),
    "list of floats": REAL.tolist(),
    "list of ints": WHOLE.tolist(),
    "list of both": [[1, 2.5, 3, 4, 16777217]],
    "list of tuples": [(1.0, 2.0, 3.0, 4.0, 5.0)],
    "list of arrays": [np.arange(5.0), np.ones(5)],
    "list with None": [[None, 1.0, 2.0, 3.0, 4.0]],
    "list of strings": [["1", "2", "3", "4", "5"]],
    "list of words": [["a", "b", "c", "d", "e"]],
    "ragged list": [[1.0, 2.0], [3.0]],
    "flat list": [1.0, 2.0],
    "empty list": [],
    "list of empty lists": [[], []],
    "one dimension": np.zeros(5),
    "three dimensions": np.zeros((1, 1, 5)),
    "no dimension": np.array(5.0),
    "too narrow": np.zeros((2, 4)),
    "too wide": np.zeros((2, 6)),
    "structured": np.zeros(3, dtype=[("a", "f8"), ("b", "f8")]),
    "bytes objects": np.array([[b"1", b"2", b"3", b"4", b"5"]]),
}


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("name", NAMES)
def test_same_outcome(name: str, kind: str) -> None:
    path = MODELS / f"{name}.txt"
    booster, model = lightgbm.Booster(model_file=path), fasttrees.load(path)
    outcomes = [outcome(predict, INPUTS[kind]) for predict in (model.predict, booster.predict)]
    if kind in ("datetime", "timedelta", "structured", "object", "list with None", "list of words"):
        # numpy's own refusal of a cast is a TypeError or a ValueError, as the type has it; ours is one error.
        outcomes = [one if isinstance(one, tuple) else "error" for one in outcomes]
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("name", NAMES)
def test_same_shapes_of_leaves_and_ranges(name: str) -> None:
    path = MODELS / f"{name}.txt"
    booster, model = lightgbm.Booster(model_file=path), fasttrees.load(path)
    for start in (-1, 0, 1, 3, 4, 9):
        for count in (None, -1, 0, 1, 2, 9):
            for flags in ({}, {"raw_score": True}, {"pred_leaf": True}, {"raw_score": True, "pred_leaf": True}):
                arguments = {"start_iteration": start, "num_iteration": count, **flags}
                for rows in (REAL, REAL[:1], np.repeat(REAL, 9, axis=0)):
                    assert outcome(model.predict, rows, **arguments) == outcome(booster.predict, rows, **arguments)


def test_leaves_of_no_rows_are_an_error_in_both() -> None:
    path = MODELS / "numerical.txt"
    with pytest.raises(ZeroDivisionError):
        lightgbm.Booster(model_file=path).predict(np.empty((0, 5)), pred_leaf=True)
    with pytest.raises(fasttrees.InputError):
        fasttrees.load(path).predict(np.empty((0, 5)), pred_leaf=True)
