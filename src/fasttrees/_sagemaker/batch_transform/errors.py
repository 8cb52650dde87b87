"""What can go wrong in a transform."""

from __future__ import annotations

from fasttrees.errors import FastTreesError

__all__ = ["ServerError", "TransformError", "Unavailable"]


class TransformError(FastTreesError):
    """A job that cannot begin, or a file without an answer."""


class Unavailable(TransformError):  # noqa: N818  (of the server, and it may pass)
    """A request without an answer that another try may get."""


class ServerError(FastTreesError):
    """A server that cannot be started, or ended: no file can get an answer any more."""
