"""The log: one JSON object a line, on standard error, which SageMaker brings to CloudWatch."""

from __future__ import annotations

import json
import os
import time
import traceback
from contextlib import suppress

__all__ = ["Log"]

LEVELS = ("debug", "info", "warning", "error")


class Log:
    """Writes events from a level on.

    Parameters
    ----------
    level : str
        debug, info, warning or error.
    """

    def __init__(self, level: str = "info") -> None:
        self._from = LEVELS.index(level)
        self._second = 0, ""
        self._encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str).encode

    def wants(self, level: str) -> bool:
        """Whether events of a level are written."""
        return LEVELS.index(level) >= self._from

    def write(self, level: str, event: str, /, **fields: object) -> None:
        """Write one event; fields that are None are left out."""
        if not self.wants(level):
            return
        now = time.time_ns() // 1_000_000
        second, stamp = self._second
        if now // 1000 != second:
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now // 1000))
            self._second = now // 1000, stamp  # at once, for another thread may read it
        line: dict[str, object] = {"time": f"{stamp}.{now % 1000:03}Z", "level": level, "event": event}
        line.update((name, value) for name, value in fields.items() if value is not None)
        data = self._encode(line).encode("utf-8", "backslashreplace") + b"\n"
        with suppress(OSError):  # nobody reads the log: no reason to fail a request
            os.write(2, data)  # one call, so lines of threads do not mix

    def exception(self, event: str, error: BaseException, /, **fields: object) -> None:
        """Write an error of our own, with its traceback, which no client ever sees."""
        text = "".join(traceback.format_exception(error))
        self.write("error", event, error=f"{type(error).__name__}: {error}", traceback=text, **fields)
