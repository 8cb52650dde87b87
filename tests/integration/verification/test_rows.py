"""Rows and reference predictions from every kind of file; a clear error for any other."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

import fasttrees
from fasttrees.errors import FastTreesError
from fasttrees.verification import RowFormat, _rows, verify
from tests.support.builders import Matrix
from tests.support.paths import FLIGHTS
from tests.support.verifications import MODEL, ROWS

N = 500


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    return Path(ROWS).read_bytes().splitlines(keepends=True)[:N]


@pytest.fixture(scope="module")
def names() -> list[str]:
    return fasttrees.load(MODEL).feature_name()


@pytest.fixture
def reference(tmp_path: Path, predicted: Matrix) -> str:
    np.save(tmp_path / "reference.npy", predicted[:N])
    return str(tmp_path / "reference.npy")


def table(flights: Matrix, names: list[str]) -> pa.Table:
    return pa.table({name: flights[:N, i] for i, name in enumerate(names)})


@pytest.mark.parametrize("kind", ["csv", "tsv", "gz", "header", "label", "npy", "float32", "parquet", "nulls"])
def test_every_kind_gives_the_same_rows(
    kind: str, lines: list[bytes], names: list[str], flights: Matrix, reference: str, tmp_path: Path
) -> None:
    form, path = RowFormat(), tmp_path / "rows"
    if kind in ("csv", "gz", "tsv"):
        text = b"".join(lines)
        path.write_bytes(gzip.compress(text) if kind == "gz" else text.replace(b",", b"\t") if kind == "tsv" else text)
    elif kind == "header":
        backwards = [b",".join(line.rstrip(b"\n").split(b",")[::-1]) + b"\n" for line in lines]
        path.write_bytes(b"".join([",".join(names[::-1]).encode() + b"\n", *backwards]))
        form = RowFormat(has_header=True)
    elif kind == "label":
        path.write_bytes(b"".join(b"yes;" + line.replace(b",", b";") for line in lines))
        form = RowFormat(";", label_column="0")
    elif kind in ("npy", "float32"):
        path = tmp_path / "rows.npy"
        np.save(path, flights[:N].astype(np.float32 if kind == "float32" else np.float64))
    else:
        path = tmp_path / "rows.parquet"
        content = table(flights, names)
        if kind == "nulls":  # of int64, a label among the columns, in another order
            content = content.set_column(0, names[0], content.column(0).cast(pa.int64()))
            holes = pa.array([None if np.isnan(value) else value for value in flights[:N, 17].tolist()], pa.float64())
            content = content.set_column(17, names[17], holes)
            content = content.select(names[::-1]).append_column("late", pa.array(["no"] * N))
            form = RowFormat(label_column="late")
        parquet.write_table(content, path)
    result = verify(MODEL, str(path), reference=reference, form=form)
    assert (result.n_rows, result.n_references) == (N, N)
    assert result.passed
    assert result.n_same == N or kind == "float32"


@pytest.mark.parametrize("kind", ["lines", "header", "gz", "column", "float32"])
def test_every_kind_of_reference(kind: str, predicted: Matrix, tmp_path: Path) -> None:
    path = tmp_path / "reference.csv"
    text = (FLIGHTS / "predictions.csv").read_bytes()
    if kind in ("column", "float32"):
        path = tmp_path / "reference.npy"
        np.save(path, predicted[:, None].astype(np.float32 if kind == "float32" else np.float64))
    elif kind == "gz":
        path.write_bytes(gzip.compress(text))
    else:
        path.write_bytes(b"probability\n" * (kind == "header") + text)
    result = verify(MODEL, ROWS, reference=str(path), reference_header=kind == "header")
    assert result.passed


def test_blocks_of_reference_and_rows_need_not_fit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(_rows, "BLOCK_VALUES", 23 * 7)
    monkeypatch.setattr(_rows, "TEXT_BLOCK", 1000)
    result = verify(MODEL, ROWS, reference=str(FLIGHTS / "predictions.csv"))
    assert (result.n_rows, result.passed) == (10_000, True)


def save(path: Path, array: Any) -> str:
    np.save(path, array)
    return str(path)


def save_archive(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, rows=np.zeros((3, 23)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda path: save(path, np.zeros((3, 22))),
            "expected float64 or float32 of 23 features, got float64 of shape",
        ),
        (
            lambda path: save(path, np.zeros((3, 23), int)),
            "expected float64 or float32 of 23 features, got int64 of sha",
        ),
        (lambda path: save(path, np.zeros((23, 3)).T), "expected an array in C order, got Fortran order"),
        (lambda path: save(path, np.array([{}])), "expected an array of numpy"),
        (lambda path: path.write_bytes(b"no array"), "expected an array of numpy"),
        (
            lambda path: path.write_bytes(path.read_bytes()[:-8]),
            "expected an array of numpy: mmap length is greater than file size",
        ),
        (lambda path: path.write_bytes(b""), "expected an array of numpy: No data left in file"),
        (save_archive, "expected an array of numpy, got an archive of arrays"),
        (
            lambda path: path.write_bytes(2 * path.read_bytes()),
            "expected one array, got 680 bytes after its 3 rows",
        ),
    ],
)
def test_bad_arrays(make: Any, message: str, reference: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.npy"
    save(path, np.zeros((3, 23)))
    make(path)
    with pytest.raises(FastTreesError, match=message) as caught:
        verify(MODEL, str(path), reference=reference)
    assert str(caught.value).startswith(str(path))


def test_bad_tables(flights: Matrix, names: list[str], reference: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"

    def expect(message: str, **options: Any) -> None:
        with pytest.raises(FastTreesError, match=message) as caught:
            verify(MODEL, str(path), reference=reference, **options)
        assert str(caught.value).startswith(str(path))

    path.write_bytes(b"no table")
    expect("Parquet")
    good = table(flights, names)
    parquet.write_table(good.drop_columns([names[3]]), path)
    expect(f"the header lacks 1 of the model's 23 features: '{names[3]}'")
    parquet.write_table(good.set_column(2, names[2], pa.array(["a"] * N)), path)
    expect(f"column '{names[2]}': expected numbers, got string")
    parquet.write_table(good.rename_columns([f"c{i}" for i in range(23)]).drop_columns(["c0"]), path)
    expect("expected 23 columns, got 22")
    parquet.write_table(good, path)
    expect("expected the label column by name", form=RowFormat(label_column="3"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("probability\n0.5\n", r"row 1, column 1: .*\(a line of names needs --reference-header\)"),
        ("0.5\n0.5,0.5\n", "row 2: expected 1 cells, got 2"),
        ("0.5\nx\n", "row 2, column 1"),
    ],
)
def test_bad_references(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "reference.csv"
    path.write_text(text)
    with pytest.raises(FastTreesError, match=message) as caught:
        verify(MODEL, ROWS, reference=str(path))
    assert str(caught.value).startswith(str(path))


def test_bad_rows_name_the_file(reference: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("1,2\n")
    with pytest.raises(FastTreesError, match=f"^{path}: row 1: expected 23 cells, got 2"):
        verify(MODEL, str(path), reference=reference)


def test_an_array_has_no_label_column(flights: Matrix, reference: str, tmp_path: Path) -> None:
    path = save(tmp_path / "rows.npy", flights)
    with pytest.raises(FastTreesError, match=r"without a label column, got .* 0: numpy\.delete takes a column"):
        verify(MODEL, path, reference=reference, form=RowFormat(label_column="0"))
