"""What can go wrong with parts."""

from __future__ import annotations

from fasttrees.errors import FastTreesError

__all__ = ["ShardError"]


class ShardError(FastTreesError):
    """A table that cannot be cut, or answers that cannot be gathered."""
