"""What training raises on purpose."""

from __future__ import annotations

from fasttrees.errors import FastTreesError

__all__ = ["TrainingError"]


class TrainingError(FastTreesError, ValueError):
    """A job that cannot be done as it was asked for; the message says where, what was expected, and what was got."""
