"""The flights, a table small enough for quick comparisons, and the command run in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fasttrees
from fasttrees.cli import main
from fasttrees.verification import Verification, verify
from tests.support.builders import Matrix
from tests.support.paths import FLIGHTS

MODEL = str(FLIGHTS / "model.txt")
ROWS = str(FLIGHTS / "rows.csv")

Verify = Callable[..., Verification]


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


class Command:
    """Runs ``fasttrees verify`` and keeps its output."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.out = self.err = ""

    def __call__(self, *arguments: str) -> int:
        try:
            status = main(["verify", *arguments])
        except SystemExit as error:
            status = int(str(error.code))
        self.out, self.err = self._capsys.readouterr()
        return status

    @property
    def json(self) -> dict[str, Any]:
        def refuse(name: str) -> None:
            raise AssertionError(f"{name} is not JSON")

        result: dict[str, Any] = json.loads(self.out, parse_constant=refuse)
        return result


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)
