"""pylignum with the trees compiled by the C compiler."""

from __future__ import annotations

from pathlib import Path

import lignum

from benchmarks.engines import pylignum

predict = pylignum.predict


def prepare(path: Path, prepared: Path) -> None:
    lignum.load(str(path)).compile(library=prepared / "model.so", work_dir=str(prepared))


def load(path: Path, prepared: Path) -> lignum.Model:
    return lignum.load(str(path), compiled=prepared / "model.so")
