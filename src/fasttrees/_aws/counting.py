"""Count the bytes of transfers."""

from __future__ import annotations

import threading

from fasttrees._runtime.progress import Progress

__all__ = ["Counter"]


class Counter:
    """Counts bytes from several threads, and reports them.

    Parameters
    ----------
    what : str
        The work that is reported.
    total : int
        Bytes.
    """

    def __init__(self, what: str, total: int, progress: Progress) -> None:
        self._what = what
        self._total = total
        self._progress = progress
        self._done = 0
        self._lock = threading.Lock()

    def add(self, n_bytes: int) -> None:
        """Count bytes; negative if a part starts again."""
        with self._lock:
            self._done += n_bytes
            self._progress.advance(self._what, self._done, self._total, "B")
