"""How a step tells people what it does."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Progress", "Silent"]


class Progress(Protocol):
    """Takes what long work has to say; the command shows it, other callers may do as they like."""

    def say(self, line: str) -> None:
        """Take a line: of a log, or about what begins or has ended."""

    def advance(self, what: str, done: int, total: int | None, unit: str) -> None:
        """Take how far something is.

        Parameters
        ----------
        what : str
            What is being done; another text begins another display.
        done : int
            So far, from 0.
        total : int or None
            None: not known.
        unit : str
            ``"B"`` for bytes, else a plural noun such as ``"rows"``.
        """


class Silent:
    """Says nothing."""

    def say(self, line: str) -> None:
        """Do nothing."""

    def advance(self, what: str, done: int, total: int | None, unit: str) -> None:
        """Do nothing."""
