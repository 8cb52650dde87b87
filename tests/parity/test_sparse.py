"""Sparse matrices of every format, and objects of no known kind, give what LightGBM gives for the same object."""

from array import array
from collections import deque
from typing import Any

import lightgbm
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

import fasttrees
from tests.support.builders import ZERO_THRESHOLD, as_type, model_text, one_split, strange_values
from tests.support.inputs import NAMES, REAL
from tests.support.outcomes import outcome
from tests.support.paths import MODELS

FORMATS = ["csr", "csc", "coo", "lil", "dok", "bsr", "dia"]
STRANGE = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    2.5,
    3.99,
    7.0,
    np.nan,
    np.inf,
    -np.inf,
    1e300,
    1e-30,
    -1e-30,
    0.25,
    31.0,
    1e-36,
    -1e-36,
    1e-45,
]


def both(name: str) -> tuple[Any, Any]:
    path = MODELS / f"{name}.txt"
    return fasttrees.load(path).predict, lightgbm.Booster(model_file=path).predict


def rows(rng: np.random.Generator, n_rows: int, density: float) -> np.ndarray:
    values = rng.choice(STRANGE, (n_rows, 5))
    near = rng.normal(size=(n_rows, 5))
    return np.where(rng.random((n_rows, 5)) < density, np.where(rng.random((n_rows, 5)) < 0.5, values, near), 0.0)


@pytest.mark.parametrize("kind", ["matrix", "array"])
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", NAMES)
def test_every_format(name: str, form: str, kind: str) -> None:
    ours, theirs = both(name)
    rng = np.random.default_rng(0)
    for n_rows in (1, 3, 11, 12, 50 if form == "dia" else 2500):  # a diagonal for nearly each row is slow
        for dtype in (np.float64, np.float32):
            with np.errstate(over="ignore"):
                data = getattr(sp, f"{form}_{kind}")(rows(rng, n_rows, 0.4).astype(dtype))
            for flags in ({}, {"raw_score": True}, {"pred_leaf": True}, {"start_iteration": 1, "num_iteration": 2}):
                assert outcome(ours, data, **flags) == outcome(theirs, data, **flags)


@given(
    seed=st.integers(0, 2**32),
    n_rows=st.sampled_from([1, 2, 63, 64, 65, 1023, 1024, 1025, 3000]),
    density=st.floats(0, 1),
    form=st.sampled_from(["csr", "csc"]),
    dtype=st.sampled_from([np.float32, np.float64]),
    index=st.sampled_from([np.int32, np.int64]),
    name=st.sampled_from(NAMES),
)
def test_random_matrices(seed: int, n_rows: int, density: float, form: str, dtype: Any, index: Any, name: str) -> None:
    """Explicit zeros, columns out of order within a row, twice in a row (CSR: the last counts; CSC: the first)."""
    rng = np.random.default_rng(seed)
    n_lines, width = (n_rows, 5) if form == "csr" else (5, n_rows)
    counts = rng.binomial(2 * width if form == "csr" else width, density / 2, n_lines)
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(index)
    lines = [rng.integers(0, width, count) for count in counts]
    if form == "csc":
        lines = [np.sort(line) for line in lines]
    indices = np.concatenate(lines).astype(index)
    with np.errstate(over="ignore"):
        values = rng.choice(STRANGE, len(indices)).astype(dtype)
    data = getattr(sp, f"{form}_matrix")((n_rows, 5), dtype=dtype)
    data.indptr, data.indices, data.data = starts, indices, values  # as they are: the constructor would choose types
    ours, theirs = both(name)
    assert outcome(ours, data) == outcome(theirs, data)
    assert outcome(ours, data, n_threads=2) == outcome(ours, data, n_threads=1)


def test_a_slice_and_read_only_arrays() -> None:
    data = sp.csr_matrix(REAL)[1:]
    for part in (data.indptr, data.indices, data.data):
        part.flags.writeable = False
    ours, theirs = both("numerical")
    assert outcome(ours, data) == outcome(theirs, data)


@pytest.mark.parametrize("form", ["csr", "csc"])
def test_shapes(form: str) -> None:
    make = getattr(sp, f"{form}_matrix")
    ours, theirs = both("multiclass")
    for n_rows in (0, 1, 5):
        for n_columns in (0, 1, 4, 5, 6, 9):
            if n_columns and n_rows:  # LightGBM looks at no columns of no rows, and so differs between formats
                data = make(np.arange(1.0, n_rows * n_columns + 1).reshape(n_rows, n_columns))
                assert outcome(ours, data) == outcome(theirs, data)
                free = {"predict_disable_shape_check": True}
                assert outcome(ours, data, **free) == outcome(theirs, data, **free)
    assert outcome(ours, make((0, 5))) == outcome(theirs, make((0, 5)))
    with pytest.raises(fasttrees.InputError):
        ours(make((0, 5)), pred_leaf=True)
    with pytest.raises(fasttrees.InputError, match=r"\(4\) .* \(5\)"):
        ours(make((0, 4)))


def test_csc_out_of_order_is_scored_as_if_in_order() -> None:
    """LightGBM loses the values that come after one of a later row."""
    ours, theirs = both("numerical")
    ordered = sp.csc_matrix(rows(np.random.default_rng(5), 50, 0.8))
    mixed = ordered.copy()
    for column in range(5):
        part = slice(mixed.indptr[column], mixed.indptr[column + 1])
        mixed.indices[part], mixed.data[part] = mixed.indices[part][::-1].copy(), mixed.data[part][::-1].copy()
    assert outcome(ours, mixed) == outcome(theirs, ordered) != outcome(theirs, mixed)
    assert not mixed.has_sorted_indices  # and is left as it was


def test_csc_out_of_order_with_a_place_twice_is_an_error() -> None:
    data = sp.csc_matrix((3, 5))
    data.indptr, data.indices, data.data = np.array([0, 3, 3, 3, 3, 3]), np.array([2, 0, 2]), np.ones(3)
    with pytest.raises(fasttrees.InputError, match="out of order"):
        fasttrees.load(MODELS / "numerical.txt").predict(data)


@pytest.mark.parametrize("form", ["csr", "csc"])
@pytest.mark.parametrize(
    ("indptr", "indices", "match"),
    [
        ([0, 1, 0, 2, 2, 2], [0, 1], "(row|column) 1 of"),
        ([0, 1, 2, 2, 2, 9], [0, 1], "(row|column) 4 of"),
        ([-1, 1, 2, 2, 2, 2], [0, 1], "(row|column) 0 of"),
        ([0, 1, 2, 2, 2, 2], [0, 5], "(row|column) 1 of"),
        ([0, 1, 2, 2, 2, 2], [-1, 1], "(row|column) 0 of"),
        ([0, 1, 2, 2, 2, 2], [0, 2**40], "(row|column) 1 of"),
        ([0, 1, 2], [0, 1], "expected 6 bounds"),
    ],
)
def test_broken_matrices(form: str, indptr: list[int], indices: list[int], match: str) -> None:
    data = getattr(sp, f"{form}_matrix")((5, 5))
    data.indptr, data.indices, data.data = np.array(indptr), np.array(indices), np.ones(2)
    with pytest.raises(fasttrees.InputError, match=match):
        fasttrees.load(MODELS / "numerical.txt").predict(data)


class Rows(lightgbm.Sequence):
    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def __getitem__(self, index: Any) -> Any:
        return self.values[index]

    def __len__(self) -> int:
        return len(self.values)


class Holder:
    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return REAL


PLAIN: Any = np.arange(10.0).reshape(2, 5)
OBJECTS: dict[str, Any] = {
    "Sequence": Rows(PLAIN),
    "Sequence of float32": Rows(PLAIN.astype(np.float32)),
    "Sequence of int64": Rows(PLAIN.astype(int)),
    "Sequence of strange values": Rows(np.array(STRANGE[-10:]).reshape(2, 5)),
    "too wide Sequence": Rows(np.ones((2, 6))),
    "no rows": Rows(PLAIN[:0]),
    "with __array__": Holder(),
    "buffer": memoryview(PLAIN),
    "flat buffer": array("d", [1, 2, 3, 4, 5]),
    "deque": deque(PLAIN.tolist()),
    "number": 5.0,
    "integer": 5,
    "float32 number": np.float32(5),
    "tuple of tuples": tuple(map(tuple, PLAIN.tolist())),
    "None": None,
    "set": {1.0},
    "dict": {1: 2.0},
    "generator": (row for row in PLAIN),
    "range": range(5),
    "bytes": b"12345",
    "object": object(),
    "Dataset": lightgbm.Dataset(PLAIN),
    "csr of int64": sp.csr_matrix(PLAIN.astype(int)),
    "csc of bool": sp.csc_matrix(PLAIN > 3),
    "coo of complex": sp.coo_matrix(PLAIN * 1j),
}


@pytest.mark.parametrize("name", ["numerical", "multiclass"])
@pytest.mark.parametrize("kind", OBJECTS)
def test_objects(kind: str, name: str) -> None:
    ours, theirs = both(name)
    ours_outcome, theirs_outcome = outcome(ours, OBJECTS[kind]), outcome(theirs, OBJECTS[kind])
    if kind == "no rows":  # numpy sees one row of no columns
        assert ours_outcome is theirs_outcome is ValueError
    assert ours_outcome == theirs_outcome


@pytest.mark.parametrize("data", [(2, 5), (np.ones(2), np.array([0, 1]), np.array([0, 1, 2]))])
def test_tuples_that_scipy_takes_for_a_matrix(data: Any) -> None:
    with pytest.raises(fasttrees.InputTypeError, match="tuple"):
        fasttrees.load(MODELS / "numerical.txt").predict(data)


def test_sparse_without_two_dimensions() -> None:
    with pytest.raises(fasttrees.InputTypeError):
        fasttrees.load(MODELS / "numerical.txt").predict(sp.coo_array(np.ones(5)))


@pytest.mark.parametrize("decision", [0, 2, 4, 6, 8, 10])
@pytest.mark.parametrize("limit", [ZERO_THRESHOLD, -ZERO_THRESHOLD, 0.0, 1e-36, -1e-36, 1e-45, -1e-45])
def test_tiny_values(limit: float, decision: int) -> None:
    """LightGBM makes them zero in CSC, in CSR not."""
    text = model_text([one_split(limit, decision), one_split(0.0, 1, categories=[0])], 1)
    booster, model = lightgbm.Booster(model_str=text), fasttrees.loads(text)
    for dtype in (np.float64, np.float32):
        values = as_type(strange_values(), dtype)
        for kind in (sp.csr_matrix, sp.csc_matrix, sp.coo_array, Rows):
            data = kind(np.repeat(values, 3)[:, None])
            for flags in ({}, {"pred_leaf": True}):
                assert outcome(model.predict, data, **flags) == outcome(booster.predict, data, **flags)
