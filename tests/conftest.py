"""What all tests share: the profile of hypothesis, and a marker for each tier."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.profiles import load_profile

TESTS = Path(__file__).parent

load_profile()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with its tier, the name of its folder."""
    for item in items:
        if item.path.is_relative_to(TESTS):
            item.add_marker(item.path.relative_to(TESTS).parts[0])
