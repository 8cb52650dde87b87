"""Tests of images in a Docker engine; `make test-container` builds them and runs these.

FASTTREES_IMAGE names the one that serves, FASTTREES_TRAIN_IMAGE the one that trains.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.containers import FLIGHTS_MODEL, IMAGE, TRAIN_IMAGE, Container

TRAINING = Path(__file__).with_name("test_training.py")


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out the tests of an image that is not named."""
    if collection_path.suffix != ".py":
        return None
    return None if (TRAIN_IMAGE if collection_path == TRAINING else IMAGE) else True


@pytest.fixture(scope="module")
def served() -> Iterator[Container]:
    """The flights model, served with nothing but what SageMaker grants an isolated container, and less."""
    with Container(*FLIGHTS_MODEL) as container:
        container.wait()
        yield container
