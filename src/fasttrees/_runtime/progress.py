"""How long-running work reports what it does."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Progress", "Silent"]


class Progress(Protocol):
    """Receives reports; the command line shows them, other callers may do as they like."""

    def say(self, line: str) -> None:
        """Receive a line: of a log, or about something that begins or has ended."""

    def advance(self, what: str, done: int, total: int | None, unit: str) -> None:
        """Receive how far some work is.

        Parameters
        ----------
        what : str
            The work; a different text begins a new display.
        done : int
            Amount so far, from 0.
        total : int or None
            None: unknown.
        unit : str
            ``"B"`` for bytes, else a plural noun such as ``"rows"``.
        """


class Silent:
    """Discards all reports."""

    def say(self, line: str) -> None:
        """Do nothing."""

    def advance(self, what: str, done: int, total: int | None, unit: str) -> None:
        """Do nothing."""
