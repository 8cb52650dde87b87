"""Files as rows, by the rules of LightGBM's own file prediction: CSV, TSV and LibSVM; see docs/reference/inputs.md."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fasttrees._engine.rows import RowBuffer
from fasttrees._inputs.blocks import BlockRows
from fasttrees._inputs.data_file import DelimitedParser, LibsvmParser, TextLines
from fasttrees._inputs.sparse import block_size
from fasttrees.errors import InputError

__all__ = ["rows_of_file"]

SAMPLE_LINES = 32  # lines that the format is found from
BLANKS = b" \f\n\r\t\v"
# How LightGBM counts the columns of LibSVM: within so many lines, and until so many after the largest index.
INDEX_LINES, INDEX_PATIENCE = 8192, 128
MAX_INDEX_DIGITS = 9
LIBSVM, TSV, CSV = ":", "\t", ","
PARSED_BYTES = np.dtype(np.float64).itemsize


def rows_of_file(
    path: str | os.PathLike[str],
    names: Sequence[str],
    label_index: int,
    *,
    has_header: bool = False,
    precise: bool = False,
    checks_shape: bool = True,
) -> BlockRows:
    """Read rows from a text file.

    Parameters
    ----------
    path : str or path-like
    names : sequence of str
        The model's features.
    label_index : int
        Column of the label in files that have one.
    has_header : bool, default False
        Whether the first line holds the names of the columns; the file then has no label but by an unknown name.
    precise : bool, default False
        Whether the numbers of CSV and TSV are rounded correctly, instead of as LightGBM's ``Atof`` does it.
    checks_shape : bool, default True
        If not, columns that the file lacks are zero, and those beyond the model's are left out.

    Raises
    ------
    OSError
        If the file cannot be read.
    CsvError
        If a line has a wrong number of cells, or one of them is no number that LightGBM reads; it says where.
    InputError
        If the file is of no format that LightGBM knows, has the wrong columns, or no rows.
    """
    with open(path, "rb") as file:
        data = file.read()
    try:
        return rows_of_text(data, names, label_index, has_header, precise, checks_shape)
    except InputError as error:
        raise InputError(f"{os.fspath(path)}: {error}") from error


def rows_of_text(
    data: bytes, names: Sequence[str], label_index: int, has_header: bool, precise: bool, checks_shape: bool
) -> BlockRows:
    """Read rows from the bytes of a file."""
    if b"\0" in data:
        raise InputError(f"expected text, got a NUL byte at byte {data.index(0)}")
    start = first_row(data, has_header)
    sample = [line for line in first_lines(data, has_header, SAMPLE_LINES) if line]
    if not sample:
        raise InputError("expected at least one line of data, got none")
    kind = find_format(sample)
    n_features = len(names)
    block_rows = block_size(n_features * PARSED_BYTES)
    lines = TextLines(data, start, block_rows)
    if kind == LIBSVM:
        if has_header:
            raise InputError("expected a LibSVM file without a header line")
        has_label = check_libsvm(data, sample[0], n_features, label_index, checks_shape)

        def open_blocks() -> Callable[[int, int], RowBuffer]:
            block: Any = np.zeros((n_features, block_rows))
            return reader(LibsvmParser(lines, block, has_label, not checks_shape), block.T)

    else:
        n_columns = sample[0].count(kind.encode()) + 1
        if has_header:
            targets = columns_by_name(data, n_columns, names, checks_shape)
        else:
            targets = columns_by_place(sample[0], kind, n_columns, n_features, label_index, checks_shape)

        def open_blocks() -> Callable[[int, int], RowBuffer]:
            block: Any = np.zeros((block_rows, n_features))
            return reader(DelimitedParser(lines, block, targets, kind, precise), block)

    return BlockRows(lines.n_rows, n_features, block_rows, open_blocks)


def reader(parser: DelimitedParser | LibsvmParser, block: Any) -> Callable[[int, int], RowBuffer]:
    """Make the function that one thread reads its blocks with."""

    def read(first: int, last: int) -> RowBuffer:
        has_near_zero = parser.fill(first, last)
        return RowBuffer(block[: last - first], has_near_zero)

    return read


def first_row(data: bytes, has_header: bool) -> int:
    """Find where the rows begin: behind the header, and one line feed more if there is one."""
    start = 0
    if has_header:
        start = len(header_line(data))
        start += 2 if data.startswith(b"\r\n", start) else 1
    start += data.startswith(b"\n", start)
    if data[start : start + 1] in (b"\r", b"\n"):
        raise InputError("expected no blank lines before the data, which LightGBM takes for rows of zeros")
    return min(start, len(data))


def header_line(data: bytes) -> bytes:
    """Cut the first line off."""
    return data.partition(b"\n")[0].partition(b"\r")[0]


def first_lines(data: bytes, has_header: bool, count: int) -> list[bytes]:
    """Cut off lines as LightGBM does where it looks at the columns: at line feeds only, without blanks around them."""
    lines, start = [], 0
    for _ in range(count + has_header):
        stop = data.find(b"\n", start)
        lines.append(data[start : stop if stop >= 0 else None].strip(BLANKS))
        start = stop + 1
        if stop < 0:
            break
    return lines[has_header:]


def find_format(sample: list[bytes]) -> str:
    """Find the character that makes the format, from the first lines."""
    if any(b":" in line for line in sample[:2]):
        return LIBSVM
    for kind in (TSV, CSV):
        counts = [line.count(kind.encode()) for line in sample]
        if counts[0] and (len(counts) == 1 or counts[0] == counts[1]):
            if len(set(counts)) == 1:
                return kind
            break
    raise InputError(
        "expected CSV, TSV or LibSVM: at least two columns, and as many in each line as in the first; got "
        f"{sample[0][:40].decode('utf-8', 'backslashreplace')!r}"
    )


def check_libsvm(data: bytes, first: bytes, n_features: int, label_index: int, checks_shape: bool) -> bool:
    """Check the number of columns; return whether lines begin with a label."""
    blank = min((place for byte in BLANKS if (place := first.find(byte)) >= 0), default=-1)
    has_label = label_index >= 0 and (blank < 0 or blank < first.find(b":") or b":" not in first)
    if has_label and label_index > 0:
        raise InputError(f"expected a model with the label in column 0 for a LibSVM file, got column {label_index}")
    largest, found_at = 0, 0
    for number, line in enumerate(first_lines(data, False, INDEX_LINES)):
        index = last_index(line)
        if index > largest:
            largest, found_at = index, number
        if number - found_at >= INDEX_PATIENCE:
            break
    if largest == 0:
        raise InputError("expected an index above 0 among the last of the first lines' indices, got none")
    if checks_shape:
        check_shape(largest + 1, n_features)
    return has_label


def last_index(line: bytes) -> int:
    """Read the index of a line's last word, as LightGBM does, which takes indices to ascend."""
    if b":" not in line:
        return 0
    digits = line.split()[-1].partition(b":")[0][:MAX_INDEX_DIGITS]
    return int(digits) if digits.isdigit() else 0


def check_shape(n_columns: int, n_features: int) -> None:
    """Compare the number of columns with the model's."""
    if n_columns != n_features:
        raise InputError(
            f"The number of features in data ({n_columns}) is not the same as it was in training data ({n_features})."
        )


def columns_by_place(
    first: bytes, kind: str, n_columns: int, n_features: int, label_index: int, checks_shape: bool
) -> list[int]:
    """Find the feature of each cell, in a file without header.

    There is a label, unless the first line has as many cells as the model has features. As in LightGBM, empty cells do
    not count there.
    """
    n_cells = sum(1 for cell in first.split(kind.encode()) if cell)
    label = -1 if n_cells == n_features else label_index
    if checks_shape:
        check_shape(n_columns - (label >= 0), n_features)
    return [
        n_features if column == label else column - (0 <= label < column) for column in range(n_columns)
    ]  # beyond the features: left out


def columns_by_name(data: bytes, n_columns: int, names: Sequence[str], checks_shape: bool) -> list[int]:
    """Find the feature of each cell, in a file with header.

    LightGBM goes by place wherever no name that it finds is out of place; here that needs all names, or none.
    """
    header = header_line(data).decode("utf-8", "surrogateescape")
    words = header.replace(TSV, CSV).split(CSV)
    if "" in words:
        raise InputError(f"expected a name for each column, got an empty one: column {words.index('') + 1}")
    if len(words) != n_columns:
        raise InputError(f"expected as many names as columns: {n_columns}, got {len(words)}")
    features = {name: number for number, name in enumerate(names)}
    places: dict[str, int] = {}
    for place, word in enumerate(words):
        if word in places:
            raise InputError(f"Feature ({word}) appears more than one time.")
        places[word] = place
        if word not in features and word.strip("\ufeff \"'") in features:
            raise InputError(f"expected names without quotes and blanks, got {word!r}")
    known = [name for name in names if name in places]
    by_place = not known and len(words) == len(names)
    if not checks_shape:
        by_place = all(places[name] == features[name] for name in known)
    elif not by_place and len(known) < len(names):
        missing = next(name for name in names if name not in places)
        raise InputError(
            f"expected the names of all {len(names)} features of the model, or none: {missing!r} is missing"
        )
    return list(range(n_columns)) if by_place else [features.get(word, len(names)) for word in words]
