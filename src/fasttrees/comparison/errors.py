"""What can go wrong in a comparison."""

from __future__ import annotations

from fasttrees.errors import FastTreesError

__all__ = ["ComparisonError"]


class ComparisonError(FastTreesError):
    """A comparison that cannot begin, or whose figures would mean nothing."""
