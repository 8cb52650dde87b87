"""The flights, and a run of ``fasttrees verify`` in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from fasttrees.cli import main
from fasttrees.verification import Verification
from tests.support.paths import FLIGHTS

MODEL = str(FLIGHTS / "model.txt")
ROWS = str(FLIGHTS / "rows.csv")

Verify = Callable[..., Verification]


class Command:
    """Runs ``fasttrees verify``; keeps what it wrote."""

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

        found: dict[str, Any] = json.loads(self.out, parse_constant=refuse)
        return found
