"""Polling: the only way in which this backend waits."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

__all__ = ["Poller"]


@dataclass(frozen=True)
class Poller:
    """Times repeated requests.

    Attributes
    ----------
    interval : float
        Seconds between two requests; SageMaker's own tools wait as long.
    clock : callable
        Returns monotonic seconds.
    sleep : callable
        Takes seconds.
    """

    interval: float = 10.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def rounds(self, timeout: float) -> Iterator[float]:
        """Yield the elapsed seconds, at once and after each pause, for the last time after `timeout` seconds."""
        begin = self.clock()
        while True:
            elapsed = self.clock() - begin
            yield elapsed
            if elapsed >= timeout:
                return
            self.sleep(min(self.interval, timeout - elapsed))
