"""The output of a command: a file that is written whole or not at all, or standard output."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from fasttrees.errors import InputError

__all__ = ["open_output", "replacing"]


@contextmanager
def open_output(path: str) -> Iterator[BinaryIO]:
    """Open a file to write, or standard output for ``-``.

    A regular file takes its place only when the block ends without an exception: until then a file beside it is
    written, so `path` may even be the input. Devices and pipes are written as they are.
    """
    if path == "-":
        if sys.stdout is None:
            raise InputError("standard output is closed")
        with open(sys.stdout.fileno(), "wb", closefd=False) as file:
            yield file
        return
    target = os.path.realpath(path)
    if os.path.exists(target) and not os.path.isfile(target):
        with open(path, "wb") as file:
            yield file
        return
    with replacing(path) as file:
        yield file


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a regular file to write, which takes its place when the block ends; after an exception all is as before."""
    target = os.path.realpath(path)
    part = os.path.join(os.path.dirname(target), f".fasttrees-{secrets.token_hex(8)}.part")
    try:
        file = open(part, "xb")  # noqa: SIM115  (closed before it is renamed)
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from error
    try:
        with file:
            yield file
        os.replace(part, target)
    except BaseException:
        os.unlink(part)
        raise
