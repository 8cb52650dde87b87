"""Arrow tables, of pyarrow, of polars and of nobody: the same bits, or the same kind of error, as LightGBM."""

from __future__ import annotations

import contextlib
import ctypes
import subprocess
import sys
from itertools import product
from typing import Any

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fasttrees
from tests.support.builders import ZERO_THRESHOLD, Tree, model_text, neighbours
from tests.support.outcomes import outcome
from tests.support.paths import MODELS

pa = pytest.importorskip("pyarrow")
pl = pytest.importorskip("polars")

NAMES = ["numerical", "categorical", "linear", "multiclass", "forest"]
OUTPUTS: list[dict[str, Any]] = [{}, {"raw_score": True}, {"pred_leaf": True}, {"predict_disable_shape_check": True}]
BOOSTERS = {name: lightgbm.Booster(model_file=MODELS / f"{name}.txt") for name in NAMES}
OURS = {name: fasttrees.load(MODELS / f"{name}.txt") for name in NAMES}
TYPES = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64", "bool_"]
NEAR = [0, 1, 2, 3, 5, 7, 31, 32, 66, 100]
WHOLE = {
    name: [*NEAR, *([] if name.startswith("u") else [-1, -3, -128]), int(np.iinfo(name).max), int(np.iinfo(name).min)]
    for name in TYPES[:8]
}
REAL = [0.0, -0.0, 0.1, -0.5, 3.99, 1e30, -1e30, float("nan"), float("inf"), float("-inf"), 66.0, 2.0**31, 1e-30]


def values_of(kind: str) -> list[Any]:
    if kind == "bool_":
        return [True, False]
    return WHOLE[kind] if kind in WHOLE else [float(np.dtype(kind).type(value)) for value in REAL]


@st.composite
def tables(draw: st.DrawFn) -> Any:
    """Tables of up to seven columns, in chunks that differ from column to column, sliced."""
    n_rows = draw(st.sampled_from([0, 1, 2, 9, 13, 300, 1100]))
    columns = {}
    for number in range(draw(st.sampled_from([5, 5, 5, 4, 7]))):
        kind = draw(st.sampled_from(TYPES))
        some = draw(st.lists(st.sampled_from([*values_of(kind), *([None] * draw(st.integers(0, 2)))]), min_size=7))
        padded = pa.array((some * (n_rows + 1))[: n_rows + 5], getattr(pa, kind)())
        whole = padded.slice(draw(st.integers(0, 5)), n_rows)
        cuts = sorted(draw(st.lists(st.integers(0, n_rows), max_size=3)))
        parts = [whole.slice(start, stop - start) for start, stop in zip([0, *cuts], [*cuts, n_rows], strict=True)]
        columns[f"column {number}"] = pa.chunked_array(parts)
    table = pa.table(columns)
    return table.slice(draw(st.integers(0, 3))) if draw(st.booleans()) else table


@settings(deadline=None, max_examples=150)
@given(tables(), st.sampled_from(NAMES), st.sampled_from(OUTPUTS))
def test_tables(table: Any, name: str, output: dict[str, Any]) -> None:
    if output.get("pred_leaf") and not len(table):
        return  # LightGBM divides by zero
    expected = outcome(BOOSTERS[name].predict, table, **output)
    assert outcome(OURS[name].predict, table, **output) == expected
    assert outcome(OURS[name].predict, pl.from_arrow(table), **output) == expected
    assert outcome(OURS[name].predict, Stream(table), **output) == expected
    if len(table):
        assert outcome(OURS[name].predict, table.combine_chunks().to_batches()[0], **output) == expected


class Stream:
    """An object of nobody's library, with the stream and nothing else."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self._table.__arrow_c_stream__()


class Array:
    """One with a single array."""

    def __init__(self, batch: Any) -> None:
        self._batch = batch

    def __arrow_c_array__(self, requested_schema: Any = None) -> Any:
        return self._batch.__arrow_c_array__()


def table_of(column: Any) -> Any:
    ones = pa.array(np.ones(len(column)))
    return pa.table({"a": ones, "b": column, "c": ones, "d": ones, "e": ones})


REFUSED = {
    "null": pa.nulls(3),
    "half_float": pa.array(np.ones(3, np.float16)),
    "string": pa.array(["1", "2", "3"]),
    "dictionary": pa.array(["1", "2", "3"]).dictionary_encode(),
    "decimal": pa.array([1, 2, 3], pa.decimal128(5)),
    "date": pa.array([1, 2, 3], pa.date32()),
    "timestamp": pa.array([1, 2, 3], pa.timestamp("s")),
    "duration": pa.array([1, 2, 3], pa.duration("s")),
    "list": pa.array([[1.0], [2.0], [3.0]]),
    "struct": pa.array([{"x": 1.0}] * 3),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_other_types_are_refused(kind: str) -> None:
    table = table_of(REFUSED[kind])
    assert outcome(BOOSTERS["numerical"].predict, table) is ValueError
    with pytest.raises(fasttrees.InputError, match=r"Unsupported Arrow type: .* \(column 1, 'b'\)"):
        OURS["numerical"].predict(table)


def test_an_array_without_a_stream() -> None:
    table = table_of(pa.array([1.0, None, 3.0]))
    batch = table.to_batches()[0]
    expected = OURS["numerical"].predict(table)
    assert OURS["numerical"].predict(Array(batch)).tobytes() == expected.tobytes()
    assert OURS["numerical"].predict(Array(batch.slice(1))).tobytes() == expected[1:].tobytes()
    # An offset of the rows as a whole, as a struct has it.
    rows = pa.StructArray.from_arrays(batch.columns, batch.schema.names)
    assert OURS["numerical"].predict(Array(rows.slice(1))).tobytes() == expected[1:].tobytes()
    nulls = pa.StructArray.from_arrays(batch.columns, batch.schema.names, mask=pa.array([True, False, False]))
    with pytest.raises(fasttrees.InputError, match="null as a whole"):
        OURS["numerical"].predict(Array(nulls))


def test_one_column_is_no_table() -> None:
    with pytest.raises(fasttrees.InputTypeError, match="expected an Arrow table"):
        OURS["numerical"].predict(pa.array([1.0, 2.0]))


def test_a_stream_that_fails() -> None:
    def batches() -> Any:
        yield table_of(pa.array([1.0])).to_batches()[0]
        raise OSError("the disk is gone")

    reader = pa.RecordBatchReader.from_batches(table_of(pa.array([1.0])).schema, batches())
    with pytest.raises(fasttrees.InputError, match="the disk is gone"):
        OURS["numerical"].predict(reader)


def test_a_stream_that_was_read() -> None:
    capsule = table_of(pa.array([1.0])).__arrow_c_stream__()
    pa.RecordBatchReader._import_from_c_capsule(capsule)

    class Read:
        def __arrow_c_stream__(self) -> Any:
            return capsule

    with pytest.raises(fasttrees.InputError, match="read before"):
        OURS["numerical"].predict(Read())


def test_lazy_frames_are_refused_as_lightgbm_refuses_them() -> None:
    lazy = pl.DataFrame(np.ones((2, 5))).lazy()
    assert outcome(BOOSTERS["numerical"].predict, lazy) is outcome(OURS["numerical"].predict, lazy) is TypeError


def test_many_rows_in_many_threads() -> None:
    rng = np.random.default_rng(3)
    table = pa.table({name: pa.array(rng.normal(size=20_000), from_pandas=True) for name in "abcde"})
    table = pa.concat_tables([table.slice(0, 7_001), table.slice(7_001, 1), table.slice(7_002)])
    expected: Any = BOOSTERS["linear"].predict(table)
    for n_threads in (1, 2, 5):
        assert OURS["linear"].predict(table, n_threads=n_threads).tobytes() == expected.tobytes()


def test_pyarrow_is_not_imported() -> None:
    """A polars frame is read without pyarrow, and without polars' own way to numpy."""
    code = (
        "import sys, polars, fasttrees; model = fasttrees.load(sys.argv[1]);"
        "scores = model.predict(polars.DataFrame({name: [1.0, None] for name in 'abcde'}));"
        "print(scores.shape, 'pyarrow' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, MODELS / "numerical.txt"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "(2,) False\n"


TINY = [
    0.0, -0.0, 5e-324, -5e-324, 1e-36, -1e-36, *neighbours([-ZERO_THRESHOLD, ZERO_THRESHOLD]), 1.0, -1.0, float("nan"),
]  # fmt: skip


def test_tiny_values_are_kept() -> None:
    """LightGBM reads Arrow's values as they are, where it makes those of other tables zero: both at once compare.

    Splits on one feature that treat missing values in every way, with every threshold near zero.
    """
    trees = [
        Tree([1.0 * 2**number, 3.0 * 2**number, 9.0 * 2**number], [0, 0], [threshold, 1e-36], [decision, other], *CHAIN)
        for number, (threshold, decision, other) in enumerate(product(TINY[:-3], range(0, 12, 2), (2, 6)))
    ]
    values = np.repeat(TINY, 90)
    for text in (*(model_text([tree], 1) for tree in trees), model_text(trees[:20], 1), LINEAR):
        booster, model = lightgbm.Booster(model_str=text), fasttrees.loads(text)
        for n_rows in (len(values), 1, 5):
            for rows in (values[:n_rows], values[::-1][:n_rows].copy(), np.array(TINY)[:n_rows]):
                table = pa.table({"a": rows})
                for output in OUTPUTS[:3]:
                    assert outcome(model.predict, table, **output) == outcome(booster.predict, table, **output)
                    dense = rows[:, None]
                    assert outcome(model.predict, dense, **output) == outcome(booster.predict, dense, **output)


CHAIN: Any = ([1, -1], [-3, -2])
LINEAR = model_text(
    [
        Tree(
            [1.0, 2.0], [0], [0.5], [0], [-1], [-2],
            more={"is_linear": [1], "leaf_const": [0.0, 0.0], "num_features": [1, 1], "leaf_features": [0, 0],
                  "leaf_coeff": [3.0, 2.0]},
        )
    ],
    1,
)  # fmt: skip


def test_memory_is_given_back() -> None:
    """Of batches that were scored, and of those that were refused."""
    before = pa.total_allocated_bytes()
    for column in ([1.0, None, 2.0], ["a", None, "b"]):
        parts = [pa.table({name: pa.array(column) for name in "abcde"}) for _ in range(3)]
        with contextlib.suppress(fasttrees.InputError):
            OURS["numerical"].predict(pa.concat_tables(parts))
        with contextlib.suppress(fasttrees.InputError):
            OURS["numerical"].predict(Array(parts[0].to_batches()[0]))
        del parts
    assert pa.total_allocated_bytes() == before


# Places of the fields of Arrow's C structure, each of eight bytes.
LENGTH, OFFSET, N_BUFFERS, N_CHILDREN, BUFFERS, CHILDREN = 0, 2, 3, 4, 5, 6


@pytest.mark.parametrize(
    ("of_child", "field", "value"),
    [
        (False, LENGTH, -1),
        (False, LENGTH, 4),
        (False, OFFSET, 1),
        (False, OFFSET, -1),
        (False, N_CHILDREN, 4),
        (True, LENGTH, 2),
        (True, OFFSET, -1),
        (True, N_BUFFERS, 1),
        (True, BUFFERS, None),
    ],
)
def test_broken_arrays(of_child: bool, field: int, value: int | None) -> None:
    """What a faulty producer could give is refused before it is read."""
    capsules = table_of(pa.array([1.0, 2.0, 3.0])).to_batches()[0].__arrow_c_array__()
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    struct = ctypes.cast(pointer(capsules[1], b"arrow_array"), ctypes.POINTER(ctypes.c_int64))
    if of_child:
        children = ctypes.cast(struct[CHILDREN], ctypes.POINTER(ctypes.POINTER(ctypes.c_int64)))
        struct = children[1]
    if value is None:  # no values
        struct, field, value = ctypes.cast(struct[BUFFERS], ctypes.POINTER(ctypes.c_int64)), 1, 0
    kept, struct[field] = struct[field], value

    class Broken:
        def __arrow_c_array__(self) -> Any:
            return capsules

    with pytest.raises(fasttrees.InputError, match="expected an Arrow"):
        OURS["numerical"].predict(Broken())
    assert kept != value
