"""A server that the tests of a module share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving.running import RunningServer

MODELS = Path(__file__).parents[1] / "models"
NUMERICAL = str(MODELS / "numerical.txt")


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with RunningServer(NUMERICAL, SAGEMAKER_MODEL_SERVER_TIMEOUT="2") as running:
        yield running
