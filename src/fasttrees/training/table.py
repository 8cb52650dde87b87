"""Read the CSV files of a channel into rows for LightGBM, without holding all of them in memory."""

from __future__ import annotations

import csv
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow
from pyarrow.csv import ConvertOptions, ReadOptions, open_csv

from fasttrees.training.errors import TrainingError

__all__ = ["Rows", "ShouldStop", "Table", "check_target", "read_table"]

Rows = npt.NDArray[np.float64]
ShouldStop = Callable[[], bool]

MOST = float(np.finfo(np.float32).max)  # LightGBM keeps targets as floats of 32 bits
BLOCK = 8 << 20  # bytes of CSV per block


class Table(NamedTuple):
    """Rows of a channel.

    Attributes
    ----------
    rows : ndarray of float64, shape (n_rows, n_features)
        Mapped from an unnamed file, which is deleted with the last reference: the kernel keeps in memory what fits.
        Missing values are NaN.
    target : ndarray of float64, shape (n_rows,)
        Finite numbers.
    """

    rows: Rows
    target: Rows


def read_table(folder: Path, n_features: int | None, categorical: Sequence[int], should_stop: ShouldStop) -> Table:
    """Read all ``*.csv`` below a folder in the order of their names: no header, the target first.

    pyarrow parses them: its doubles are rounded correctly, those of LightGBM's own reader are not.

    Parameters
    ----------
    folder : Path
        Of the channel.
    n_features : int or None
        None: as many as the first line has.
    categorical : sequence of int
        Features that must be whole numbers: LightGBM would truncate others.
    should_stop : callable
        Returns whether to stop, which is an error here.

    Raises
    ------
    TrainingError
        With the file, and the line and column if they are known.
    """
    paths = sorted(folder.rglob("*.csv"))
    if not paths:
        names = ", ".join(sorted(path.name for path in folder.iterdir())[:3])
        raise TrainingError(f"{folder}: expected files named *.csv, got {names or 'none'}")
    targets = []
    n_columns = 1 + n_features if n_features is not None else 0
    with tempfile.TemporaryFile() as file:
        for path in paths:
            n_columns = _check_width(path, n_columns)
            if n_columns and max(categorical, default=0) >= n_columns - 1:
                raise TrainingError(
                    f"{path}: categorical features: expected numbers below {n_columns - 1}, got {max(categorical)}"
                )
            n_before = 0
            for block in _blocks(path, n_columns):
                if should_stop():
                    raise TrainingError("stopped before the first iteration: there is no model")
                _check_block(path, n_before, block, categorical)
                n_before += len(block)
                targets.append(block[:, 0].copy())
                block[:, 1:].tofile(file)
        target = np.concatenate(targets) if targets else np.empty(0)
        if not len(target):
            raise TrainingError(f"{folder}: expected rows, got none")
        file.flush()
        # numpy has a descriptor of its own.
        return Table(np.memmap(file, np.float64, "r", shape=(len(target), n_columns - 1)), target)


def check_target(folder: Path, target: Rows, objective: str, n_classes: int) -> None:
    """Reject targets that are invalid for an objective, but that LightGBM would accept as something else.

    Parameters
    ----------
    objective : str
        As in ``model.txt``.
    n_classes : int
        Number of classes of a multiclass objective.
    """
    kind = objective.split()[0]
    if kind == "binary":
        allowed, expected = (target == 0) | (target == 1), "0 or 1"
    elif kind in ("multiclass", "multiclassova"):
        allowed = (target >= 0) & (target < n_classes) & (target == np.trunc(target))
        expected = f"the number of a class, 0 to {n_classes - 1}"
    else:
        return  # LightGBM checks the others
    if not allowed.all():
        row = int(np.argmin(allowed))
        raise TrainingError(
            f"{folder}: row {row + 1} of all: target: expected {expected} for the objective {kind}, "
            f"got {_name(target[row])}"
        )


def _check_width(path: Path, n_columns: int) -> int:
    """Check and return the number of columns of the first line; 0: any."""
    with open(path, encoding="utf-8", errors="replace", newline="") as file:
        n_cells = len(next(csv.reader(file), []))
    if n_cells and n_columns and n_cells != n_columns:
        raise TrainingError(
            f"{path}: expected {n_columns} columns, the target and {n_columns - 1} features, got {n_cells}"
        )
    if n_cells == 1:
        raise TrainingError(f"{path}: expected the target and features with commas between them, got one column")
    return n_cells or n_columns


def _blocks(path: Path, n_columns: int) -> Iterator[Rows]:
    """Read a file; the blocks have shape (n_rows, n_columns)."""
    if path.stat().st_size == 0:
        return
    try:
        for batch in _open(path, n_columns, threads=True):
            block = np.empty((batch.num_rows, n_columns))
            for index, column in enumerate(batch.columns):
                block[:, index] = column.to_numpy(zero_copy_only=False)
            yield block
    except pyarrow.ArrowInvalid as error:
        raise TrainingError(f"{path}: {_explain(path, n_columns, error)}") from error


def _open(path: Path, n_columns: int, threads: bool) -> Any:
    names = [str(index) for index in range(n_columns)]
    return open_csv(
        path,
        ReadOptions(column_names=names, block_size=BLOCK, use_threads=threads),
        convert_options=ConvertOptions(column_types=dict.fromkeys(names, pyarrow.float64()), null_values=[""]),
    )


def _explain(path: Path, n_columns: int, error: Exception) -> str:
    """Describe what pyarrow rejects; it counts lines only if it reads with one thread."""
    try:
        for _ in _open(path, n_columns, threads=False):
            pass
    except pyarrow.ArrowInvalid as counted:
        error = counted
    text = str(error)
    line = re.search(r"Row #(\d+)", text)
    place = f"line {line.group(1)}" if line else "some line"
    if cell := re.search(r"column #(\d+): .*invalid value '(.*)'", text, re.DOTALL):
        header = ": the files have no header" if line and line.group(1) == "1" else ""
        return f"{place}, column {int(cell.group(1)) + 1}: expected a number, got {cell.group(2)[:50]!r}{header}"
    if width := re.search(r"Expected (\d+) columns, got (\d+)", text):
        return f"{place}: expected {width.group(1)} columns, got {width.group(2)}"
    return text.splitlines()[0]


def _check_block(path: Path, n_before: int, block: Rows, categorical: Sequence[int]) -> None:
    wrong = np.flatnonzero(~(np.abs(block[:, 0]) <= MOST))
    if len(wrong):
        row, value = n_before + wrong[0] + 1, block[wrong[0], 0]
        raise TrainingError(f"{path}: row {row}: target: expected a number of at most {MOST:.3g}, got {_name(value)}")
    for feature in categorical:
        values = block[:, 1 + feature]
        wrong = np.flatnonzero(np.isfinite(values) & (values != np.trunc(values)))
        if len(wrong):
            raise TrainingError(
                f"{path}: row {n_before + wrong[0] + 1}, column {feature + 2}: feature {feature} is categorical: "
                f"expected a whole number, got {_name(values[wrong[0]])}"
            )


def _name(value: float) -> str:
    return "nothing" if np.isnan(value) else f"{value:g}"
