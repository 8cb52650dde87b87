"""Tests of the image that FASTTREES_IMAGE names, in a Docker engine; `make test-container` builds it and runs them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.container.running import FLIGHTS_MODEL, IMAGE, Container

collect_ignore_glob = [] if IMAGE else ["*"]


@pytest.fixture(scope="module")
def served() -> Iterator[Container]:
    """The flights model, served with nothing but what SageMaker grants an isolated container, and less."""
    with Container(*FLIGHTS_MODEL) as container:
        container.wait()
        yield container
