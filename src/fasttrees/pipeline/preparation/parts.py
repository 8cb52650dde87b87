"""Files that roll over at a row's end."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import numpy as np

__all__ = ["Parts"]


class Parts:
    """Writes the same rows in one or more forms: the first one's size tells when the next part of all begins.

    Parameters
    ----------
    folders : sequence of pathlib.Path
        One for each form; ``part-00000.csv`` and so on are written there.
    most_bytes : int
        Size of a part; a longer row is a part of its own.
    """

    def __init__(self, folders: Sequence[Path], most_bytes: int) -> None:
        self.folders = folders
        self.most_bytes = most_bytes
        self.names: list[str] = []
        self.n_rows = 0
        self._size = 0
        self._files: list[BinaryIO] = []
        self._stack = ExitStack()
        for folder in folders:
            folder.mkdir(parents=True)

    def __enter__(self) -> Parts:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def write(self, n_rows: int, *forms: bytes) -> None:
        """Write rows, each form of them as many lines."""
        self.n_rows += n_rows
        ends = [np.flatnonzero(np.frombuffer(form, np.uint8) == ord("\n")) + 1 for form in forms]
        first = 0  # row
        while first < n_rows:
            begin = int(ends[0][first - 1]) if first else 0
            fitting = int(np.searchsorted(ends[0], begin + self.most_bytes - self._size, side="right"))
            if fitting == first and self._size:
                self._next()
                continue
            stop = max(fitting, first + 1)
            if not self._files:
                self._next()
            for file, form, end in zip(self._files, forms, ends, strict=True):
                file.write(form[int(end[first - 1]) if first else 0 : int(end[stop - 1])])
            self._size += int(ends[0][stop - 1]) - begin
            first = stop

    def _next(self) -> None:
        self._stack.close()
        self.names.append(f"part-{len(self.names):05}.csv")
        self._files = [self._stack.enter_context((folder / self.names[-1]).open("xb")) for folder in self.folders]
        self._size = 0
