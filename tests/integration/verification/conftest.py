"""The flights, a table small enough for quick comparisons, and the command run in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fasttrees
from fasttrees.verification import Verification, verify
from tests.support.builders import Matrix
from tests.support.verifications import MODEL, ROWS, Command, Verify


@pytest.fixture(scope="session")
def flights() -> Matrix:
    return np.genfromtxt(ROWS, delimiter=",")


@pytest.fixture(scope="session")
def predicted(flights: Matrix) -> Matrix:
    return fasttrees.load(MODEL).predict(flights)


@pytest.fixture
def against(tmp_path: Path) -> Verify:
    """Verify the flights, or another model and rows, against these reference predictions; look for causes."""

    def run(reference: Matrix | None, model: str = MODEL, rows: Matrix | None = None, **options: Any) -> Verification:
        rows_file = ROWS
        if rows is not None:
            rows_file = str(tmp_path / "rows.npy")
            np.save(rows_file, np.ascontiguousarray(rows))
        if reference is not None:
            options["reference"] = str(tmp_path / "reference.npy")
            np.save(options["reference"], reference)
        return verify(model, rows_file, **{"explain": True, **options})

    return run


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)
