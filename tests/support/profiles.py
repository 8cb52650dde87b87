"""Profiles of hypothesis: ``quick`` for `make check`, ``deep`` (the default) for `make test`."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "deep")
QUICK_EXAMPLES = 10


def load_profile() -> None:
    """Register both profiles and load the one that the environment names."""
    # A busy machine must not fail a test, and a failure found by chance must come with what reproduces it.
    settings.register_profile("deep", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
    settings.register_profile(
        "quick", settings.get_profile("deep"), max_examples=QUICK_EXAMPLES, derandomize=True, database=None
    )
    settings.load_profile(PROFILE)


def examples(deep: int) -> int:
    """Return how many examples a test with a number of its own tries."""
    return min(deep, QUICK_EXAMPLES) if PROFILE == "quick" else deep
