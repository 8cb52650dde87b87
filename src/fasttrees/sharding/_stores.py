"""Where objects are: a folder, or a prefix in a bucket of S3."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from fasttrees.errors import InputError
from fasttrees.sharding._errors import ShardError

__all__ = ["Store", "open_store", "sha256_of"]

BLOCK = 1 << 20
UNFINISHED = ".fasttrees-unfinished"
S3_URI = re.compile(r"s3://([^/]+)/?(.*)", re.DOTALL)


class Store(Protocol):
    """Objects by their names.

    Attributes
    ----------
    place : str
        Where it is, for messages.
    n_puts : int
        How many objects may be put at the same time.
    """

    place: str
    n_puts: int

    def names(self, prefix: str = "") -> set[str]:
        """List the objects whose names begin with `prefix`, without it."""

    def times(self, prefix: str = "") -> dict[str, float]:
        """Tell of each of these names when its object was written, in seconds since 1970, by the store's own clock."""

    def has(self, name: str) -> bool:
        """Tell whether there is an object."""

    def scratch(self) -> AbstractContextManager[Path]:
        """Make a folder for a while, for what is to be put."""

    def put(self, path: Path, name: str, sha256: str) -> bool:
        """Take a file of the scratch folder away; tell whether the object was not there before with its bytes."""

    def fetch(self, name: str, scratch: Path) -> Path:
        """Give an object as a file, which is in `scratch` if nobody needs it later."""

    def remove(self, name: str) -> None:
        """Delete an object."""


def open_store(place: str) -> Store:
    """Open a folder, or a prefix ``s3://bucket/prefix``, which need not be there.

    Raises
    ------
    InputError
        If it is neither, or if what S3 needs is not installed.
    """
    if not place.startswith("s3://"):
        return Folder(place)
    found = S3_URI.fullmatch(place)
    if not found:
        raise InputError(f"{place}: expected s3://bucket/prefix")
    try:
        from fasttrees.sharding._s3 import S3Prefix
    except ModuleNotFoundError as error:
        raise InputError(f"{error}: S3 needs more; install fasttrees-lightgbm[pipeline]") from error
    return S3Prefix(found[1], found[2].strip("/"))


def sha256_of(path: Path) -> str:
    """Compute a file's SHA-256 in hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


class Folder:
    """Files below a folder; a file takes its place when it is whole."""

    n_puts = 1

    def __init__(self, place: str) -> None:
        self.place = place.rstrip("/") or "/"
        self._folder = Path(place)

    def names(self, prefix: str = "") -> set[str]:
        """List the files below a folder of this folder."""
        base = self._folder / prefix
        walk = os.walk(base, onerror=_fail) if base.exists() else ()
        return {os.path.relpath(os.path.join(folder, name), base) for folder, _, names in walk for name in names}

    def times(self, prefix: str = "") -> dict[str, float]:
        """Tell when the files below a folder of this folder were written."""
        return {name: (self._folder / prefix / name).stat().st_mtime for name in self.names(prefix)}

    def has(self, name: str) -> bool:
        """Tell whether there is a file."""
        return (self._folder / name).is_file()

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Make a folder in this folder, so that files can be moved; what a run that was killed has left is removed."""
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
        """Move a file to its place, if that has not its bytes already."""
        target = self._folder / name
        if target.is_file() and target.stat().st_size == path.stat().st_size and sha256_of(target) == sha256:
            path.unlink()
            return False
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, target)
        return True

    def fetch(self, name: str, scratch: Path) -> Path:
        """Give the file itself."""
        return self._folder / name

    def remove(self, name: str) -> None:
        """Delete a file."""
        (self._folder / name).unlink()


def _fail(error: OSError) -> None:
    raise error
