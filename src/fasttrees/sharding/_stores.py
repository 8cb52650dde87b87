"""Where objects are kept: a folder, or a prefix in a bucket of S3."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from fasttrees._runtime.digest import sha256_of
from fasttrees.errors import InputError
from fasttrees.sharding._errors import ShardError

__all__ = ["Store", "open_store"]

UNFINISHED = ".fasttrees-unfinished"
S3_URI = re.compile(r"s3://([^/]+)/?(.*)", re.DOTALL)


class Store(Protocol):
    """Objects by their names.

    Attributes
    ----------
    place : str
        Path or URI, for messages.
    n_puts : int
        Number of objects that may be put at the same time.
    """

    place: str
    n_puts: int

    def names(self, prefix: str = "") -> set[str]:
        """Return the names of the objects below `prefix`, without it."""

    def times(self, prefix: str = "") -> dict[str, float]:
        """Return when each of these objects was written, in seconds since 1970 by the store's own clock."""

    def has(self, name: str) -> bool:
        """Return whether an object exists."""

    def scratch(self) -> AbstractContextManager[Path]:
        """Make a temporary folder for files that are to be put."""

    def put(self, path: Path, name: str, sha256: str) -> bool:
        """Move a file of the scratch folder to an object; return whether the object did not have its bytes before."""

    def fetch(self, name: str, scratch: Path) -> Path:
        """Return an object as a file: the store's own, or a copy in `scratch`."""

    def remove(self, name: str) -> None:
        """Delete an object."""


def open_store(place: str) -> Store:
    """Open a folder, or a prefix ``s3://bucket/prefix``; neither has to exist.

    Raises
    ------
    InputError
        If it is neither.
    """
    if not place.startswith("s3://"):
        return Folder(place)
    found = S3_URI.fullmatch(place)
    if not found:
        raise InputError(f"{place}: expected s3://bucket/prefix")
    from fasttrees.sharding._s3 import S3Prefix

    return S3Prefix(found[1], found[2].strip("/"))


class Folder:
    """Files below a folder; a file gets its name when it is complete."""

    n_puts = 1

    def __init__(self, place: str) -> None:
        self.place = place.rstrip("/") or "/"
        self._folder = Path(place)

    def names(self, prefix: str = "") -> set[str]:
        """Return the names of the files below a folder of this folder."""
        base = self._folder / prefix
        walk = os.walk(base, onerror=_fail) if base.exists() else ()
        return {os.path.relpath(os.path.join(folder, name), base) for folder, _, names in walk for name in names}

    def times(self, prefix: str = "") -> dict[str, float]:
        """Return when the files below a folder of this folder were written."""
        return {name: (self._folder / prefix / name).stat().st_mtime for name in self.names(prefix)}

    def has(self, name: str) -> bool:
        """Return whether a file exists."""
        return (self._folder / name).is_file()

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Make a folder in this folder, so that files can be moved; remove what a killed run has left there."""
        if self._folder.exists() and not self._folder.is_dir():
            raise ShardError(f"{self.place}: expected a folder")
        path = self._folder / UNFINISHED
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        try:
            yield path
        finally:
            shutil.rmtree(path)

    def put(self, path: Path, name: str, sha256: str) -> bool:
        """Move a file to its place, unless the file there has its bytes; return whether it was moved."""
        target = self._folder / name
        if target.is_file() and target.stat().st_size == path.stat().st_size and sha256_of(target) == sha256:
            path.unlink()
            return False
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, target)
        return True

    def fetch(self, name: str, scratch: Path) -> Path:
        """Return the file itself."""
        return self._folder / name

    def remove(self, name: str) -> None:
        """Delete a file."""
        (self._folder / name).unlink()


def _fail(error: OSError) -> None:
    raise error
