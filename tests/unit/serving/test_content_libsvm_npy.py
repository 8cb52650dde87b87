"""LibSVM and NPY bodies."""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

from fasttrees.serving import npy_rows
from fasttrees.serving.batches import MAX_NUMBERS, Batch, Item, Options
from fasttrees.serving.content import Decoders
from fasttrees.serving.errors import RequestError
from tests.support.exchange import LIBSVM, NPY, answer, make_model, predicted

MODEL = make_model()
RNG = np.random.default_rng(3)


@pytest.mark.parametrize(
    ("line", "row"),
    [
        ("1 0:1 1:2 2:3 3:4", [1, 2, 3, 4]),
        ("0:1 1:2 2:3 3:4", [1, 2, 3, 4]),
        ("-1.5 3:4  1:2\t0:1e0 2:+3 ", [1, 2, 3, 4]),
        ("1 2:-0.5", [0, 0, -0.5, 0]),
        ("7", [0, 0, 0, 0]),
        ("0:nan 1:inf 2:-Infinity", [float("nan"), float("inf"), float("-inf"), 0]),
        ("0:0.1 1:123456789012345678901234567890", [0.1, 1.2345678901234568e29, 0, 0]),
    ],
)
@pytest.mark.parametrize("base", [0, 1])
def test_libsvm(line: str, row: list[float], base: int) -> None:
    if base:
        line = " ".join(f"{int(i) + 1}:{x}" if c else i for i, c, x in (pair.partition(":") for pair in line.split()))
    expected = predicted(MODEL, [row, row])
    body = f"{line}\r\n{line}".encode()
    assert answer(MODEL, body, "text/x-libsvm", options=Options(libsvm_index_base=base)) == expected
    assert answer(MODEL, body, f"{LIBSVM}; index_base={base}", options=Options(libsvm_index_base=1 - base)) == expected


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1 4:1", "row 2, column 2: bad index: expected an index from 0 to 3, got '4:1'"),
        ("1 0:1 0:1", "column 3: an index twice"),
        ("x 0:1", "column 1: bad label: expected a number, got 'x'"),
        ("1 0:1 1", "column 3: bad pair: expected index:value, both numbers, got '1'"),
        ("1 qid:7 0:1", "got 'qid:7'"),
        ("1 0:", "got '0:'"),
        ("1 -1:1", "bad pair"),
        ("1 1_0:1", "bad pair"),
        ("1 0:1_0", "bad pair"),
        ("1 0:0x1", "bad pair"),
        ("1 0:1 # comment", "bad pair"),
        ("1 99999999999999999999:1", "bad index"),
        ("1 0:1:2", "bad pair"),
        ("1,2,3,4", "bad label"),
        ("", "blank line"),
    ],
)
def test_libsvm_that_is_refused(line: str, message: str) -> None:
    with pytest.raises(RequestError, match=message) as caught:
        answer(MODEL, f"1 0:1\n{line}\n1 0:1\n".encode(), LIBSVM)
    assert (caught.value.status, caught.value.row) == (400, 2)


def test_libsvm_index_before_the_base() -> None:
    with pytest.raises(RequestError, match="expected an index from 1 to 4, got '0:1'"):
        answer(MODEL, b"1 0:1", LIBSVM + ";index_base=1")


def batches(items: Iterable[Item]) -> list[Batch]:
    return [item for item in items if isinstance(item, Batch)]


def test_libsvm_of_a_wide_model_comes_in_small_batches() -> None:
    """A line of two bytes may be a row of a thousand numbers."""
    model = make_model(1000)
    body = b"1 5:2\n7\n" * 1000
    decoder = Decoders(model, Options()).for_type(LIBSVM)
    items = batches(decoder.decode(body, True))
    assert sum(item.n_rows for item in items) == 2000
    assert max(item.n_rows for item in items) * 1000 <= 2 * MAX_NUMBERS
    rows = np.zeros((2000, 1000))
    rows[::2, 5] = 2
    assert answer(model, body, LIBSVM) == predicted(model, rows)


def npy(rows: Any, version: tuple[int, int] | None = None) -> bytes:
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of versions that old readers do not know
        np.lib.format.write_array(file, rows, version)
    return file.getvalue()


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(
    "dtype", ["<f8", ">f8", "<f4", ">f4", "?", "i1", "u1", "<i2", ">u2", "<i4", ">u4", "<i8", ">i8", "<u8"]
)
def test_npy(dtype: str, order: Any, version: tuple[int, int]) -> None:
    rows = np.asarray(np.abs(RNG.normal(scale=3, size=(50, 4))).astype(dtype), order=order)
    expected = predicted(MODEL, rows.astype(float))
    body = npy(rows, version)
    for step in (1, 13, 10000):
        assert answer(MODEL, body, NPY, cuts=range(step, len(body), step)) == expected
    assert answer(MODEL, npy(rows[0], version), NPY) == expected.splitlines(keepends=True)[0]


def test_npy_float32_is_read_in_place() -> None:
    rows = RNG.normal(size=(50, 4)).astype(np.float32)
    assert answer(MODEL, npy(rows), NPY) == b"".join(
        b"%s\n" % repr(x).removesuffix(".0").encode() for x in MODEL.predict(rows).tolist()
    )


@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_integers_that_are_no_doubles(order: Any) -> None:
    rows = np.ones((3, 4), np.int64)
    for value in (2**53, -(2**62), 2**53 + 2):
        rows[1, 2] = value
        assert answer(MODEL, npy(np.asarray(rows, order=order)), NPY) == predicted(MODEL, rows.astype(float))
    for value in (2**53 + 1, -(2**53) - 1, 2**63 - 1):
        rows[1, 2] = value
        with pytest.raises(
            RequestError, match="row 2, column 3: bad cell: expected an integer that is a double"
        ) as error:
            answer(MODEL, npy(np.asarray(rows, order=order)), NPY)
        assert error.value.actual == str(value)


def test_npy_in_fortran_order_is_turned_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of all types, none of them kept twice as doubles; errors count the rows before."""
    monkeypatch.setattr(npy_rows, "MAX_NUMBERS", 12)
    for dtype in (">f8", "<f4", "i1", ">i8"):
        rows = np.asfortranarray(RNG.integers(-9, 9, (50, 4)).astype(dtype))
        decoder = Decoders(MODEL, Options()).for_type(NPY)
        items = batches(decoder.decode(npy(rows), True))
        assert [item.n_rows for item in items] == [3] * 16 + [2]
        assert answer(MODEL, npy(rows), NPY) == predicted(MODEL, rows.astype(float))
    rows[40, 1] = 2**53 + 1
    with pytest.raises(RequestError, match=r"^row 41, column 2: bad cell"):
        answer(MODEL, npy(rows), NPY)


def header(text: str, version: bytes = b"\1\0") -> bytes:
    return b"\x93NUMPY" + version + struct.pack("<H" if version == b"\1\0" else "<I", len(text)) + text.encode()


GOOD = "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 4), }"
DATA = np.arange(4.0).tobytes()


def test_npy_headers_of_other_writers() -> None:
    expected = predicted(MODEL, [[0, 1, 2, 3]])
    for text in (
        GOOD, GOOD + " " * 60 + "\n", '{"shape":(4,),"descr":"<f8","fortran_order":True}', GOOD.replace(", }", "}"),
        GOOD.replace("<f8", "=f8"), GOOD.replace("(1, 4)", "(1,4,)"),
    ):  # fmt: skip
        assert answer(MODEL, header(text) + DATA, NPY) == expected
        assert answer(MODEL, header(text, b"\2\0") + DATA, NPY) == expected


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"1,2,3,4\n", "no NPY"),
        (b"PK\3\4", "no NPY"),
        (b"\x93NUMPY\1\0", "cut off"),
        (header(GOOD)[:-1], "cut off"),
        (header(GOOD, b"\4\0"), "version.*got 4.0"),
        (header(GOOD, b"\1\1"), "version"),
        (b"\x93NUMPY\2\0\xff\xff\xff\xff....", "too long"),
        (header(GOOD), "expected 32 bytes, got 0"),
        (header(GOOD) + DATA[:-1], "expected 32 bytes, got 31"),
        (header(GOOD) + DATA + b"\0", "expected 32 bytes, got more"),
        (header(GOOD.replace("False", "True")) + DATA + b"\0", "got more"),
        (header(GOOD.replace("False", "True")) + DATA[:8], "got 8"),
        (header(GOOD.replace("4)", "5)")), "wrong shape: .*got .1, 5."),
        (header(GOOD.replace("(1, 4)", "()")), "wrong shape"),
        (header(GOOD.replace("(1, 4)", "(1, 4, 1)")), "wrong shape"),
        (header(GOOD.replace("(1, 4)", "(1 4)")), "wrong shape"),
        (header(GOOD.replace("(1, 4)", "(-1, 4)")), "bad NPY header"),
        (header(GOOD.replace("1, 4", "9" * 30 + ", 4")), "wrong shape"),
        (header(GOOD.replace("1, 4", "999999999999999999, 4")) + DATA, "size"),
        (header(GOOD.replace("<f8", "|O")), "type that cannot be read.*got '|O'"),
        (header(GOOD.replace("<f8", "<f2")), "type"),
        (header(GOOD.replace("<f8", "<c16")), "type"),
        (header(GOOD.replace("<f8", "f8")), "type"),
        (header(GOOD.replace("'<f8'", "[('a', '<f8')]")), "bad NPY header"),
        (header(GOOD.replace("'descr'", "'type'")), "bad NPY header"),
        (header(GOOD.replace("}", "'more': 'x'}")), "bad NPY header"),
        (header(GOOD.replace("'shape'", "'descr'")), "bad NPY header"),
        (header(GOOD + "; import os"), "bad NPY header"),
        (header("{" + " " * 4000), "bad NPY header"),
        (header(GOOD.replace("<f8", "|b1")) + b"\0\1\2\1", "column 3: bad cell: expected a truth value"),
    ],
)
@pytest.mark.parametrize("step", [3, 1000])
def test_npy_that_is_refused(body: bytes, message: str, step: int) -> None:
    with pytest.raises(RequestError, match=message) as caught:
        answer(MODEL, body, NPY, cuts=range(step, len(body), step))
    assert caught.value.status == 400
    assert caught.value.expected is not None or "cut off" in message


def test_pickles_are_never_loaded() -> None:
    body = npy(np.array([[1, 2, 3, None]], object))
    with pytest.raises(RequestError, match="type that cannot be read"):
        answer(MODEL, body, NPY)
