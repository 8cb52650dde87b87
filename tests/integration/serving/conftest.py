"""A server that the tests of a module share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.paths import NUMERICAL
from tests.support.servers import RunningServer


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with RunningServer(NUMERICAL, SAGEMAKER_MODEL_SERVER_TIMEOUT="2") as running:
        yield running
