"""The second reading: what must be known of all rows before the first can be written."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fasttrees._runtime.progress import Progress
from fasttrees.pipeline.config import PrepareSettings
from fasttrees.pipeline.errors import ConfigError
from fasttrees.pipeline.preparation.cells import Kind, ordered_keys, to_numbers, to_text
from fasttrees.pipeline.preparation.raw_table import Block, RawTable

__all__ = ["MOST_CATEGORIES", "Profile", "find_profile", "select_key"]

MOST_CATEGORIES = 100_000
CHUNK = 1 << 20  # keys read at a time
DIGIT = 16  # bits that a reading of the keys settles


@dataclass
class Profile:
    """What the second reading finds.

    Attributes
    ----------
    categories : dict of str to list of str
        Of each column of categories, in the order of their codes.
    class_counts : Counter
        Rows by the raw target: a text, or a number. Only where the target has classes, or the split is by them.
    validation_from, test_from : int
        Least keys of the time split.
    """

    categories: dict[str, list[str]] = field(default_factory=dict)
    class_counts: Counter[str | float] = field(default_factory=Counter)
    validation_from: int = 0
    test_from: int = 0


def find_profile(
    table: RawTable,
    settings: PrepareSettings,
    kinds: dict[str, Kind],
    categories: dict[str, Kind],
    folder: Path,
    progress: Progress,
) -> Profile:
    """Read the columns of categories, and what the split and the target need; nothing if they need nothing.

    Parameters
    ----------
    table : RawTable
    settings : PrepareSettings
    kinds : dict of str to Kind
        Of all columns.
    categories : dict of str to Kind
        The columns of categories, with what their categories are compared as.
    folder : pathlib.Path
        The keys of a time split are kept there for as long as they are needed: 8 bytes a row.
    progress : Progress

    Raises
    ------
    ConfigError
        If a column has too many categories.
    """
    profile = Profile()
    count = settings.split == "stratified" or kinds[settings.target] == "text" or bool(settings.classes)
    needed = [*categories, *([settings.target] if count else [])]
    by_time = settings.split == "time"
    if by_time:
        needed.append(settings.split_column)
    if not needed:
        return profile
    seen: dict[str, set[Any]] = {name: set() for name in categories}
    with tempfile.TemporaryFile(dir=folder) as keys:
        for block in table.blocks(needed, "reading categories", progress):
            for name, values in seen.items():
                values.update(_distinct(block.columns[name], categories[name]))
                _check_number(len(values), name, settings, block)
            if count:
                _count(profile, settings, kinds[settings.target], block)
            if by_time:
                _keep_keys(keys, settings, kinds[settings.split_column], block)
        if by_time:
            _cut(profile, settings, keys)
    for name, values in seen.items():
        profile.categories[name] = pa.array(sorted(values)).cast(pa.string()).to_pylist() if values else []
    return profile


def _distinct(array: Any, kind: Kind) -> list[Any]:
    if kind == "text":
        return list(pc.unique(to_text(array).drop_null()).to_pylist())
    numbers = np.unique(to_numbers(array, kind) + 0.0)  # 0.0: -0.0 is the same category
    return list(numbers[~np.isnan(numbers)].tolist())


def _check_number(number: int, name: str, settings: PrepareSettings, block: Block) -> None:
    if number > MOST_CATEGORIES:
        what = "classes" if name == settings.target else "categories"
        raise ConfigError(
            f"{name!r}: expected at most {MOST_CATEGORIES} {what}, got more up to {block.place(block.n_rows - 1)}; "
            "if it is an identifier, name it in prepare.drop; if it is numbers but for some cells, name these in "
            "prepare.missing"
        )


def _count(profile: Profile, settings: PrepareSettings, kind: Kind, block: Block) -> None:
    cells = block.columns[settings.target]
    cells = to_text(cells) if kind == "text" or settings.classes else pa.array(to_numbers(cells, kind))
    if settings.classes:
        wrong = pc.index(pc.is_in(cells, value_set=pa.array(settings.classes)), False).as_py()
        if wrong >= 0:
            raise ConfigError(
                f"{settings.target!r}: expected one of prepare.classes {settings.classes}, got {str(cells[wrong])!r} "
                f"in {block.place(wrong)}"
            )
    for pair in pc.value_counts(cells).to_pylist():
        profile.class_counts[pair["values"]] += pair["counts"]
    _check_number(len(profile.class_counts), settings.target, settings, block)


def _keep_keys(file: BinaryIO, settings: PrepareSettings, kind: Kind, block: Block) -> None:
    cells = block.columns[settings.split_column]
    if kind == "number" and np.isnan(to_numbers(cells, kind)).any():
        row = int(np.flatnonzero(np.isnan(to_numbers(cells, kind)))[0])
        raise ConfigError(f"{settings.split_column!r}: expected a time, got nan in {block.place(row)}")
    file.write(ordered_keys(cells, kind).tobytes())


def _cut(profile: Profile, settings: PrepareSettings, keys: BinaryIO) -> None:
    n = keys.tell() // 8
    n_test = max(1, round(n * settings.test_fraction))
    n_validation = round(n * settings.validation_fraction)
    profile.test_from = select_key(keys, n - n_test)
    profile.validation_from = select_key(keys, max(0, n - n_test - n_validation)) if n_validation else profile.test_from


def select_key(file: BinaryIO, rank: int) -> int:
    """Find the key that would stand at a place, from 0, if the keys of a file were sorted.

    The file is read once for every 16 bits of the key, from the highest on, to count how many keys have which; so it
    may be larger than memory.

    Parameters
    ----------
    file : binary file
        Keys of type uint64.
    rank : int
    """
    found = 0
    for shift in range(64 - DIGIT, -1, -DIGIT):
        counts = np.zeros(1 << DIGIT, np.int64)
        file.seek(0)
        while data := file.read(CHUNK * 8):
            keys = np.frombuffer(data, np.uint64)
            if shift + DIGIT < 64:
                keys = keys[keys >> np.uint64(shift + DIGIT) == np.uint64(found)]
            digits = (keys >> np.uint64(shift)) & np.uint64((1 << DIGIT) - 1)
            counts += np.bincount(digits.astype(np.int64), minlength=1 << DIGIT)
        ends = np.cumsum(counts)
        digit = int(np.searchsorted(ends, rank, side="right"))
        rank -= int(ends[digit] - counts[digit])
        found = found << DIGIT | digit
    return found
