"""The progress that commands show on standard error."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fasttrees._runtime.progress import Progress

__all__ = ["TerminalProgress"]


class TerminalProgress:
    """Prints lines to standard error, and shows how far the work is if that is a terminal.

    Parameters
    ----------
    quiet : bool
        Show nothing.
    prefix : str
        Begins each line.
    """

    def __init__(self, quiet: bool, prefix: str = "") -> None:
        self._quiet = quiet
        self._prefix = prefix
        self._live = not quiet and sys.stderr.isatty()
        self._bar: Any = None
        self._what = ""
        self._began = 0.0

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exception: object) -> None:
        self._end()

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        if self._quiet:
            return
        if self._bar is not None:
            self._bar.clear()
        print(f"{self._prefix}{line}", file=sys.stderr, flush=True)

    def advance(self, what: str, done: int, total: int | None, unit: str, n_rows: int | None = None) -> None:
        """Move the bar; with the rate of rows if there are any."""
        if not self._live:
            return
        if what != self._what:
            self._end()
            from tqdm import tqdm  # here, because only a terminal shows it

            self._bar = tqdm(desc=what, total=total, unit=unit if unit == "B" else f" {unit}", unit_scale=True)
            self._what, self._began = what, time.monotonic()
        self._bar.total = total
        if n_rows is not None:
            rate = n_rows / max(time.monotonic() - self._began, 1e-9)
            self._bar.set_postfix_str(f"{rate:,.0f} rows/s", refresh=False)
        self._bar.update(done - self._bar.n)

    def _end(self) -> None:
        if self._bar is not None:
            self._bar.close()
        self._bar, self._what = None, ""
