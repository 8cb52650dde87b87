"""The progress line of ``fasttrees predict``."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["show_progress"]


@contextmanager
def show_progress(total: int | None, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """Show how far the input is read, on standard error if that is a terminal.

    Yields
    ------
    callable
        To be told the number of bytes of the input and of rows so far.
    """
    if quiet or not sys.stderr.isatty():
        yield lambda n_bytes, n_rows: None
        return
    from tqdm import tqdm

    started = time.monotonic()
    with tqdm(total=total, unit="B", unit_scale=True) as bar:

        def report(n_bytes: int, n_rows: int) -> None:
            rate = n_rows / max(time.monotonic() - started, 1e-9)
            bar.set_postfix_str(f"{rate:,.0f} rows/s", refresh=False)
            bar.update(n_bytes - bar.n)

        yield report
