"""What can go wrong while serving: before it starts, and with one request."""

from __future__ import annotations

from fasttrees.errors import FastTreesError

__all__ = ["ModelSourceError", "RequestError", "ServingError", "SettingsError"]


class ServingError(FastTreesError):
    """Base of the errors of this package."""


class SettingsError(ServingError, ValueError):
    """An environment variable that cannot be used; the message begins with its name."""


class ModelSourceError(ServingError):
    """A model that cannot be had; the message says from where, why, and what may help, in one line."""


class RequestError(ServingError):
    """A request that gets an error for an answer.

    Attributes
    ----------
    status : int
        HTTP status code.
    problem : str
        What is wrong: short, without the client's data beyond one cell, because it becomes the body of the answer.
    row : int or None
        Row of the body, counted from 1; a header line counts.
    column : int or None
        Cell of that row, counted from 1.
    expected, actual : str or None
        What should have been there, and what was.
    """

    def __init__(
        self,
        status: int,
        problem: str,
        *,
        row: int | None = None,
        column: int | None = None,
        expected: str | None = None,
        actual: str | None = None,
    ) -> None:
        super().__init__(status, problem)
        self.status = status
        self.problem = problem
        self.row = row
        self.column = column
        self.expected = expected
        self.actual = actual

    def __str__(self) -> str:
        places = [f"{name} {value}" for name, value in (("row", self.row), ("column", self.column)) if value]
        details = [f"{name} {value}" for name, value in (("expected", self.expected), ("got", self.actual)) if value]
        return ": ".join(part for part in (", ".join(places), self.problem, ", ".join(details)) if part)

    def log_fields(self) -> dict[str, object]:
        """Collect what a client or a log line is told, without what is not known."""
        names = ("problem", "row", "column", "expected", "actual")
        return {name: value for name in names if (value := getattr(self, name)) is not None}
