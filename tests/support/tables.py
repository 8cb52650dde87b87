"""Raw tables for the tests of prepare, and what it makes of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fasttrees.pipeline import Silent
from fasttrees.pipeline.config import PrepareSettings
from fasttrees.pipeline.preparation import Sample, Schema, prepare_table, read_samples
from fasttrees.pipeline.results import Prepared

SIDES = ("train", "validation", "test")


def write_table(path: Path, columns: Mapping[str, Sequence[str]]) -> Path:
    """Write a CSV file; a cell with a comma, a quote or a line end is quoted."""

    def quoted(cell: str) -> str:
        return '"{}"'.format(cell.replace('"', '""')) if set(cell) & set(',"\n\r') else cell

    rows = [list(columns), *zip(*columns.values(), strict=True)]
    path.write_text("".join(",".join(map(quoted, row)) + "\n" for row in rows), encoding="utf-8", newline="")
    return path


class Outcome:
    """The files of a run."""

    def __init__(self, folder: Path, prepared: Prepared) -> None:
        self.folder = folder
        self.prepared = prepared
        self.schema = Schema.load(folder / prepared.schema_file)
        self.samples: list[Sample] = read_samples(folder / prepared.samples_file)

    def lines(self, names: Sequence[str]) -> list[str]:
        return "".join((self.folder / name).read_text("ascii") for name in names).splitlines()

    def side(self, name: str) -> list[str]:
        return self.lines(getattr(self.prepared, name))

    @property
    def features(self) -> list[str]:
        return self.lines(self.prepared.features)


def prepare(raw: Path | Sequence[Path], folder: Path, **settings: Any) -> Outcome:
    files = [raw] if isinstance(raw, Path) else list(raw)
    return Outcome(folder, prepare_table(files, PrepareSettings(**settings), folder, Silent()))


def first_cells(lines: Sequence[str], column: int = 1) -> list[int]:
    """A column of whole numbers."""
    return [int(float(line.split(",")[column])) for line in lines]


def same_bits(one: float, other: float) -> bool:
    return np.float64(one).tobytes() == np.float64(other).tobytes()
