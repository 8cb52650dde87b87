"""Read rows and predictions in blocks: text, .npy or Parquet of any size."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fasttrees
from fasttrees._textio.chunks import Lines, open_text
from fasttrees._textio.columns import find_columns, parse_rows
from fasttrees._textio.csv import RowParser
from fasttrees._textio.dialect import choose_delimiter
from fasttrees._textio.header import columns_by_name, columns_by_position
from fasttrees.errors import CsvError, InputError

__all__ = ["Array", "RowFormat", "is_plain_csv", "naming", "read_numbers", "read_rows"]

Array = NDArray[np.float64]

TEXT_BLOCK = 1 << 20  # bytes per read
BLOCK_VALUES = 1 << 18  # numbers of a block


@dataclass(frozen=True)
class RowFormat:
    """How to read the file of rows; the same options as those of ``fasttrees predict``.

    Attributes
    ----------
    delimiter : str or None
        Of text; None: a tab if the first line has one, else a comma.
    has_header : bool
        Whether the first line of text holds names.
    label_column : str or None
        Column of text to leave out, by number or name.
    """

    delimiter: str | None = None
    has_header: bool = False
    label_column: str | None = None


def read_rows(
    path: str, model: fasttrees.Model, form: RowFormat, note: Callable[[str], None]
) -> Iterator[tuple[Array, int]]:
    """Read rows.

    Parameters
    ----------
    path : str
        ``.npy`` and ``.parquet`` are recognized by the suffix; anything else is text, plain or gzip.
    model : Model
    form : RowFormat
    note : callable
        Called with what the user should know about the columns.

    Yields
    ------
    ndarray of shape (n, n_features)
    int
        Bytes of the file read so far.
    """
    if path.endswith(".npy"):
        if form.label_column is not None:
            raise InputError(
                f"{path}: expected an array of nothing but features, without a label column, got label column "
                f"{form.label_column}: numpy.delete takes a column out"
            )
        yield from _read_npy(
            path, model.num_feature(), "features", _block_rows(model.num_feature(), model.num_outputs())
        )
    elif path.endswith((".parquet", ".pq")):
        yield from _read_parquet(path, model, form, note)
    else:
        yield from _read_text(path, model, form, note)


def read_numbers(path: str, n_columns: int, has_header: bool, name: str | None = None) -> Iterator[Array]:
    """Read predictions, one row of `n_columns` numbers a line, or a ``.npy`` array, in blocks.

    Parameters
    ----------
    path : str
    n_columns : int
    has_header : bool
        Whether the first line of text holds names.
    name : str, optional
        Name of the file in errors; default: its path.
    """
    if path.endswith(".npy"):
        for block, _ in _read_npy(path, n_columns, "predictions a row", _block_rows(n_columns)):
            yield block
        return
    with naming(name or path), open_text(path) as source:
        lines = Lines(source.read, TEXT_BLOCK)
        line = lines.peek()
        if has_header and line:
            lines.skip()
        parser = RowParser(range(n_columns), choose_delimiter(line))
        for chunk in lines.chunks(parser, _block_rows(n_columns)):
            try:
                table = parser.parse(chunk.data, chunk.first_row)
            except CsvError as error:
                if error.row > 1 or name is not None:
                    raise
                hint = f"{error.problem} (a line of names needs --reference-header)"
                raise CsvError(hint, error.row, error.column, error.text) from error
            yield np.asarray(table)


def is_plain_csv(path: str, form: RowFormat) -> bool:
    """Return whether a server accepts the file as it is: text with commas that has only the features."""
    if path.endswith((".npy", ".parquet", ".pq")) or form.has_header or form.label_column is not None:
        return False
    with open_text(path) as source:
        if source.is_packed:
            return False
        line = Lines(source.read, TEXT_BLOCK).peek()
    return (form.delimiter or choose_delimiter(line)) == ","


@contextmanager
def naming(path: str) -> Iterator[None]:
    """Prefix errors about content with the file's path."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _read_text(
    path: str, model: fasttrees.Model, form: RowFormat, note: Callable[[str], None]
) -> Iterator[tuple[Array, int]]:
    with naming(path), open_text(path) as source:
        lines = Lines(source.read, TEXT_BLOCK)
        features = model.feature_name()
        parser, _ = find_columns(lines, features, form.delimiter, form.has_header, form.label_column, note)
        for chunk in lines.chunks(parser, _block_rows(len(features), model.num_outputs())):
            yield np.asarray(parse_rows(parser, chunk)), source.n_bytes


def _read_npy(path: str, n_columns: int, what: str, block_rows: int) -> Iterator[tuple[Array, int]]:
    try:
        mapped: Any = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise InputError(f"{path}: expected an array of numpy: {error}") from error
    if isinstance(mapped, np.lib.npyio.NpzFile):
        mapped.close()
        raise InputError(f"{path}: expected an array of numpy, got an archive of arrays: numpy.save writes one array")
    shape = mapped.shape if mapped.ndim == 2 or n_columns > 1 else (*mapped.shape, 1)
    if mapped.dtype.type not in (np.float64, np.float32) or len(shape) != 2 or shape[1] != n_columns:
        raise InputError(
            f"{path}: expected float64 or float32 of {n_columns} {what}, got {mapped.dtype} of shape {mapped.shape}"
        )
    if not mapped.flags.c_contiguous:
        raise InputError(f"{path}: expected an array in C order, got Fortran order: numpy.ascontiguousarray makes one")
    rest = os.path.getsize(path) - mapped.offset - mapped.nbytes
    if rest:
        raise InputError(
            f"{path}: expected one array, got {rest:,} bytes after its {shape[0]:,} rows: numpy.concatenate joins "
            "arrays before they are saved"
        )
    # Read instead of mapped, because mapped pages count as memory of this process.
    with open(path, "rb") as file:
        file.seek(mapped.offset)
        for start in range(0, shape[0], block_rows):
            n = min(block_rows, shape[0] - start)
            block = np.fromfile(file, mapped.dtype, n * n_columns)
            yield block.reshape(n, n_columns).astype(np.float64), file.tell()


def _read_parquet(
    path: str, model: fasttrees.Model, form: RowFormat, note: Callable[[str], None]
) -> Iterator[tuple[Array, int]]:
    try:
        from pyarrow import ArrowInvalid, parquet
    except ModuleNotFoundError as error:
        raise InputError(f"{path}: Parquet needs pyarrow: {error}") from error
    if form.label_column is not None and form.label_column.isdecimal():
        raise InputError(f"{path}: expected the label column by name, as Parquet has names, got {form.label_column}")
    try:
        file = parquet.ParquetFile(path)
    except ArrowInvalid as error:
        raise InputError(f"{path}: {error}") from error
    with naming(path), file:
        names = [name for name in file.schema_arrow.names if name != form.label_column]
        columns = columns_by_name(names, model.feature_name(), None)
        if columns is None:
            note("no column has the name of a feature: features are taken by their position")
            columns = columns_by_position(model.num_feature(), None)
            if len(columns) != len(names):
                raise InputError(f"expected {len(columns)} columns, got {len(names)}")
        wanted = {names[cell]: feature for cell, feature in enumerate(columns) if feature >= 0}
        size, n_rows, total = os.path.getsize(path), 0, file.metadata.num_rows
        for batch in file.iter_batches(_block_rows(len(wanted), model.num_outputs()), columns=list(wanted)):
            block = np.empty((batch.num_rows, len(wanted)))
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                values = column.to_numpy(zero_copy_only=False)
                if values.dtype.kind not in "fiub":
                    raise InputError(f"column {name!r}: expected numbers, got {column.type}")
                block[:, wanted[name]] = values
            n_rows += len(block)
            yield block, size * n_rows // max(total, 1)


def _block_rows(*n_columns: int) -> int:
    """Return the number of rows of a block whose widest table has so many columns."""
    return max(1, BLOCK_VALUES // max(1, *n_columns))
