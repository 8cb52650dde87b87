"""Write the bodies to score and what LightGBM predicts for them, as CSV.

``python -m benchmarks.serving.bodies MODEL ROWS FOLDER`` runs in the environment of the Python container.
"""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.environments import ROOT
from benchmarks.preparing import Model
from benchmarks.serving.client import Piece

SHORT, FULL = "short", "full"  # the data as it is, with 3 decimals; and with all 17 digits of a double
SEED = 1
MB = 1_000_000


@dataclass(frozen=True)
class Body:
    """Rows as CSV, with the lines that must come back."""

    name: str
    rows: Path
    predictions: Path

    @property
    def size(self) -> int:
        return self.rows.stat().st_size

    def whole(self) -> Piece:
        return Piece(self.rows, 0, self.size)

    def pieces(self, limit: int) -> list[Piece]:
        """Cut it at ends of lines into pieces of at most `limit` bytes, as Batch Transform does."""
        found = []
        with self.rows.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
            begin = 0
            while begin < len(text):
                end = begin + limit if begin + limit >= len(text) else text.rfind(b"\n", begin, begin + limit) + 1
                end = min(end, len(text))
                found.append(Piece(self.rows, begin, end - begin))
                begin = end
        return found

    def first_rows(self, n: int) -> list[bytes]:
        with self.rows.open("rb") as file:
            return [file.readline() for _ in range(n)]

    def repeated(self, limit: int) -> Body:
        """Write the rows again and again, up to `limit` bytes."""
        n = limit // self.size
        rows, predictions = (path.with_name(f"{n}-{path.name}") for path in (self.rows, self.predictions))
        for source, target in ((self.rows, rows), (self.predictions, predictions)):
            if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
                target.write_bytes(source.read_bytes() * n)
        return Body(f"{self.name}-{n}", rows, predictions)


def make_bodies(python: Path, model: Model, folder: Path) -> dict[str, Body]:
    """Write the bodies that are not there yet."""
    made = {
        name: Body(name, folder / f"{model.name}-{name}.csv", folder / f"{model.name}-{name}.predictions.csv")
        for name in (SHORT, FULL)
    }
    if not all(body.predictions.exists() for body in made.values()):
        folder.mkdir(parents=True, exist_ok=True)
        command = [python, "-m", "benchmarks.serving.bodies", model.path, model.rows, folder]
        subprocess.run([str(part) for part in command], check=True, cwd=ROOT)
    return made


def main() -> None:
    import lightgbm
    import numpy as np

    model, rows_path, folder = map(Path, sys.argv[1:])
    booster = lightgbm.Booster(model_file=str(model))
    rows = np.load(rows_path)
    noise = np.random.default_rng(SEED).standard_normal(rows.shape)
    for name, values in ((SHORT, rows), (FULL, rows * (1 + 1e-9 * noise))):
        write(folder / f"{model.stem}-{name}.csv", (",".join(map(repr, row)) for row in values.tolist()))
        predictions = np.asarray(booster.predict(values, num_threads=1)).tolist()
        write(folder / f"{model.stem}-{name}.predictions.csv", map(repr, predictions))


def write(path: Path, lines: Iterable[str]) -> None:
    partial = path.with_suffix(".partial")
    with partial.open("w", encoding="ascii") as file:
        file.writelines(f"{line}\n" for line in lines)
    os.replace(partial, path)


if __name__ == "__main__":
    main()
