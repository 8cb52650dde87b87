"""The one way in which this backend waits."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

__all__ = ["Poller"]


@dataclass(frozen=True)
class Poller:
    """Asks again and again, with pauses.

    Attributes
    ----------
    interval : float
        Seconds between two questions; SageMaker's own tools wait as long.
    clock : callable
        Seconds that only grow.
    sleep : callable
        Takes seconds.
    """

    interval: float = 10.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def rounds(self, timeout: float) -> Iterator[float]:
        """Yield the seconds gone by, at once and after each pause; the last time when `timeout` seconds are over."""
        begin = self.clock()
        while True:
            elapsed = self.clock() - begin
            yield elapsed
            if elapsed >= timeout:
                return
            self.sleep(min(self.interval, timeout - elapsed))
