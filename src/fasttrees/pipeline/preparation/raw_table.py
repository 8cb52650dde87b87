"""The raw table: CSV or Parquet files of the same columns, read block by block as often as is needed."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from fasttrees._runtime.progress import Progress
from fasttrees.pipeline.errors import ConfigError, PipelineError
from fasttrees.pipeline.preparation.cells import plain

__all__ = ["Block", "RawTable", "require_columns"]

BLOCK_BYTES = 1 << 20  # of CSV; what is in memory at a time is some dozens of these
BLOCK_ROWS = 1 << 14  # of Parquet
LONGEST_QUOTE = 120  # of a reader's message, which may hold the row


class Block(NamedTuple):
    """Some rows of the table.

    Attributes
    ----------
    columns : mapping of str to pyarrow.Array
        As :func:`fasttrees.pipeline.preparation.cells.plain` makes them.
    n_rows : int
    start : int
        Number of the first row in the table, from 0.
    file : pathlib.Path
    file_row : int
        Number of the first row in its file, from 1; the header is not counted.
    """

    columns: Mapping[str, Any]
    n_rows: int
    start: int
    file: Path
    file_row: int

    def place(self, row: int) -> str:
        """Return where a row of this block is, for errors."""
        return f"{self.file}, row {self.file_row + row} (the header not counted)"


class RawTable:
    """Files of the same columns, in their order one table.

    Every column of a CSV file is read as text, so that no type is settled by a file's first block, as pyarrow's reader
    would have it.

    Parameters
    ----------
    files : sequence of pathlib.Path
        ``.csv`` or ``.csv.gz`` (with a header, comma, quotes as in RFC 4180) or ``.parquet``.
    missing : sequence of str
        Cells that mean: missing.

    Raises
    ------
    ConfigError
        If a file is not there, is no such file, or does not have the columns of the first.
    """

    def __init__(self, files: Sequence[Path], missing: Sequence[str]) -> None:
        if not files:
            raise ConfigError("prepare.raw: expected files, got none")
        self.files = list(files)
        self.missing = list(missing)
        for file in self.files:
            if not file.is_file():
                raise ConfigError(f"prepare.raw: {file}: no such file")
            if not file.name.lower().endswith((".csv", ".csv.gz", ".parquet")):
                raise ConfigError(f"prepare.raw: {file}: expected a name that ends in .csv, .csv.gz or .parquet")
        self.columns = _column_names(self.files[0])
        for file in self.files[1:]:
            names = _column_names(file)
            for name in set(self.columns) ^ set(names):
                more, less = (file, self.files[0]) if name in names else (self.files[0], file)
                raise ConfigError(f"{less}: expected the same columns in all files, {name!r} of {more} is missing")

    def blocks(self, columns: Sequence[str], what: str, progress: Progress) -> Iterator[Block]:
        """Read some columns.

        Parameters
        ----------
        columns : sequence of str
            One or more.
        what : str
            What the progress is called.
        progress : Progress

        Raises
        ------
        PipelineError
            If a file cannot be read.
        """
        total = sum(file.stat().st_size for file in self.files)
        before = start = 0
        for file in self.files:
            file_row = 1
            read = self._parquet_batches if file.name.lower().endswith(".parquet") else self._csv_batches
            with _explained(file), file.open("rb") as stream, closing(read(stream, file, columns)) as batches:
                for batch, done in batches:
                    yield Block({name: batch.column(name) for name in columns}, batch.num_rows, start, file, file_row)
                    start += batch.num_rows
                    file_row += batch.num_rows
                    progress.advance(what, before + done, total, "B")
            before += file.stat().st_size
            progress.advance(what, before, total, "B")

    def _csv_batches(
        self, stream: BinaryIO, file: Path, columns: Sequence[str]
    ) -> Generator[tuple[Any, int], None, None]:
        try:
            with _open_csv(stream, file, self._convert(columns)) as reader:
                for batch in reader:
                    yield batch, stream.tell()
        except pa.ArrowInvalid:
            # Only a reader without threads knows the number of a row that it cannot read.
            with file.open("rb") as again, _open_csv(again, file, self._convert(columns), threads=False) as reader:
                for _ in reader:
                    pass
            raise

    def _convert(self, columns: Sequence[str]) -> Any:
        return pa.csv.ConvertOptions(
            column_types=dict.fromkeys(self.columns, pa.string()),
            include_columns=list(columns),
            null_values=self.missing,
            strings_can_be_null=True,
        )

    def _parquet_batches(
        self, stream: BinaryIO, file: Path, columns: Sequence[str]
    ) -> Generator[tuple[Any, int], None, None]:
        size, done = file.stat().st_size, 0
        table = pa.parquet.ParquetFile(stream)
        for batch in table.iter_batches(batch_size=BLOCK_ROWS, columns=list(columns)):
            done += batch.num_rows
            arrays = [plain(batch.column(name), self.missing, f"{file}: {name}") for name in columns]
            yield pa.RecordBatch.from_arrays(arrays, list(columns)), size * done // table.metadata.num_rows


def require_columns(names: Iterable[str], columns: Sequence[str], key: str) -> None:
    """Check that the table has columns that the configuration names.

    Raises
    ------
    ConfigError
        With the key of the configuration, and the nearest names.
    """
    for name in names:
        if name not in columns:
            near = difflib.get_close_matches(name, columns, n=3, cutoff=0.5) or columns[:10]
            raise ConfigError(
                f"prepare.{key}: the table has no column {name!r}; there are {', '.join(map(repr, near))}"
            )


def _open_csv(stream: BinaryIO, file: Path, convert: Any = None, threads: bool = True) -> Any:
    source = pa.PythonFile(stream, mode="r")
    if file.name.lower().endswith(".gz"):
        source = pa.CompressedInputStream(source, "gzip")
    return pa.csv.open_csv(
        source,
        read_options=pa.csv.ReadOptions(block_size=BLOCK_BYTES, use_threads=threads),
        parse_options=pa.csv.ParseOptions(newlines_in_values=True),
        convert_options=convert,
    )


def _column_names(file: Path) -> list[str]:
    with _explained(file), file.open("rb") as stream:
        if file.name.lower().endswith(".parquet"):
            names: list[str] = pa.parquet.ParquetFile(stream).schema_arrow.names
        else:
            with _open_csv(stream, file, threads=False) as reader:
                names = reader.schema.names
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ConfigError(f"{file}: expected each column once, got {', '.join(map(repr, twice))} again; rename it")
    if len(names) == 1:
        raise ConfigError(f"{file}: expected columns between commas, got one column {names[0][:LONGEST_QUOTE]!r}")
    return names


@contextmanager
def _explained(file: Path) -> Iterator[None]:
    """Turn what pyarrow raises about a file into a line that says how to go on."""
    try:
        yield
    except PipelineError:
        raise
    except (pa.ArrowException, OSError) as error:
        text = " ".join(str(error).split())
        if len(text) > LONGEST_QUOTE:
            text = f"{text[:LONGEST_QUOTE]}..."
        if "mpty CSV" in text:
            text = "expected a header and rows, got an empty file"
        elif "straddl" in text:
            text = f"a row is longer than {BLOCK_BYTES} bytes; is a quote left open?"
        elif "CSV parse error" in text:
            text = re.sub(r"Row #(\d+):", lambda match: f"row {int(match[1]) - 1} (the header not counted):", text)
            text = f"{text}; is a quote left open, or a comma not quoted?"
        elif "invalid UTF8" in text:
            text = f"{text}; expected UTF-8: convert the file, such as with iconv"
        raise ConfigError(f"{file}: {text}") from error
