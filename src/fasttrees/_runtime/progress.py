"""The one protocol by which long-running work reports what it does."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol
else:
    Protocol = object  # typing takes longer to import than this package

__all__ = ["SILENT", "Progress", "Silent"]


class Progress(Protocol):
    """Receives reports; the command line shows them, other callers may do as they like."""

    def say(self, line: str) -> None:
        """Receive a line: of a log, a note, or about something that begins or has ended."""

    def advance(self, what: str, done: int, total: int | None, unit: str, n_rows: int | None = None) -> None:
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
            ``"B"`` for bytes, else a plural noun such as ``"objects"``.
        n_rows : int or None
            Rows so far, if the work is about rows.
        """


class Silent:
    """Discards all reports."""

    def say(self, line: str) -> None:
        """Do nothing."""

    def advance(self, what: str, done: int, total: int | None, unit: str, n_rows: int | None = None) -> None:
        """Do nothing."""


SILENT = Silent()
