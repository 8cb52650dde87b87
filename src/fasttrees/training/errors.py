"""Errors of training."""

from __future__ import annotations

from fasttrees.errors import FastTreesError

__all__ = ["TrainingError"]


class TrainingError(FastTreesError, ValueError):
    """An invalid job; the message says where, what was expected, and what was found."""
