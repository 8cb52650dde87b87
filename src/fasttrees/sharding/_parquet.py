"""Tables of Parquet, by pyarrow."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from typing import Any, BinaryIO

import numpy as np

from fasttrees._runtime.ordered_map import map_in_order
from fasttrees._textio.format import format_rows
from fasttrees.errors import InputError
from fasttrees.sharding._errors import ShardError
from fasttrees.sharding._manifest import Options
from fasttrees.sharding._table import Block, choose_columns

__all__ = ["ParquetTable", "open_parquet"]

BLOCK_ROWS = 1 << 13


@contextmanager
def open_parquet(path: str, options: Options) -> Iterator[ParquetTable]:
    """Open a file.

    Raises
    ------
    ShardError
        If it cannot be read.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ModuleNotFoundError as error:
        raise InputError(f"{error}: Parquet needs pyarrow; install fasttrees-lightgbm[train]") from error
    if options.header or options.delimiter:
        raise InputError(f"{path}: Parquet has names and types of its own: it goes without --header and --delimiter")
    try:
        with open(path, "rb") as file:
            yield ParquetTable(file, path, options)
    except pyarrow.ArrowException as error:
        raise ShardError(f"{path}: {' '.join(str(error).split())}") from error


class ParquetTable:
    """Columns of numbers and booleans; null is a missing value."""

    counts_rows = True

    def __init__(self, file: BinaryIO, path: str, options: Options) -> None:
        import pyarrow.parquet

        self._file = pyarrow.parquet.ParquetFile(file)
        self._path = path
        schema = self._file.schema_arrow
        kept = choose_columns(options, schema.names, len(schema.names))
        self._names = [schema.names[n] for n in kept]
        for name in self._names:
            if schema.names.count(name) > 1:
                raise InputError(f"{path}: expected the column {name!r} once, got it again")
            if not _is_number(schema.field(name).type):
                raise InputError(
                    f"{path}: column {name!r}: expected numbers or booleans, got {schema.field(name).type}; "
                    "leave it out by --columns or --label-column"
                )
        self.total: int = self._file.metadata.num_rows
        self.size = file.seek(0, 2)
        self._n_rows = 0

    @property
    def n_bytes(self) -> int:
        """About how many bytes of the file are read."""
        return self.size * self._n_rows // max(1, self.total)

    def blocks(self, n_threads: int) -> Generator[Block, None, None]:
        """Read all rows."""
        batches = self._file.iter_batches(BLOCK_ROWS, columns=self._names, use_threads=False)
        try:
            with closing(map_in_order(self._encode, batches, n_threads)) as blocks:
                for block in blocks:
                    self._n_rows += block.n_rows
                    yield block
        except OSError as error:
            if error.errno is None:  # so pyarrow tells of bytes that cannot be unpacked
                raise ShardError(f"{self._path}: {error}") from error
            raise

    def _encode(self, batch: Any) -> Block:
        import pyarrow as pa

        columns = [batch.column(name).cast(pa.float64(), safe=False) for name in self._names]
        rows = np.column_stack([column.to_numpy(zero_copy_only=False) for column in columns])
        return Block(format_rows(np.ascontiguousarray(rows).data, len(rows)), len(rows), len(rows))


def _is_number(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind) or types.is_boolean(kind))
