"""Counts the bytes of transfers."""

from __future__ import annotations

import threading
from typing import Any

from fasttrees.pipeline.progress import Progress

__all__ = ["Counter"]


class Counter:
    """Hears of bytes from s3transfer, which tells of them from several threads, and says so.

    Parameters
    ----------
    what : str
        What is being done.
    total : int
        Bytes.
    progress : Progress
    """

    def __init__(self, what: str, total: int, progress: Progress) -> None:
        self.what = what
        self.total = total
        self.progress = progress
        self.done = 0
        self.lock = threading.Lock()

    def add(self, n_bytes: int) -> None:
        """Count bytes; a part that starts anew takes back what it had."""
        with self.lock:
            self.done += n_bytes
            self.progress.advance(self.what, self.done, self.total, "B")

    def on_progress(self, bytes_transferred: int, **_: Any) -> None:
        """Hear of bytes."""
        self.add(bytes_transferred)
