"""Where the text of a model is, for what the forest does not hold; :mod:`fasttrees._modelfile.text` reads it."""

from __future__ import annotations

import os
import stat

from fasttrees.errors import ModelFormatError, ModelTextError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, BinaryIO

__all__ = ["FileSource", "TextSource", "encoded", "is_json", "start_of", "text_of"]

JSON_START = 64  # bytes that tell JSON from a model's text


def is_json(data: bytes) -> bool:
    """Return whether a model is JSON of ``dump_model``, by its first bytes."""
    return data[:JSON_START].lstrip()[:1] == b"{"


def start_of(file: BinaryIO) -> bytes:
    """Read what tells the kind of a model, of a file that can be read anywhere; its position stays."""
    return os.pread(file.fileno(), JSON_START, 0)


def text_of(data: bytes) -> bytes:
    """Return the text of a model that may be JSON.

    Raises
    ------
    ModelFormatError
        If it is JSON but none of a model.
    """
    if not is_json(data):
        return data
    from fasttrees._modelfile.text import text_of_json

    return text_of_json(data)


class FileSource:
    """A file that is read again when it is asked for, if it is still what the model was made from."""

    def __init__(self, path: str | bytes, size: int, changed: int) -> None:
        self._path = path
        self._size = size
        self._changed = changed

    @classmethod
    def of(cls, file: BinaryIO, path: Any) -> FileSource | None:
        """Remember an open file by its path, size and time; None if there is nothing to come back to."""
        status = os.fstat(file.fileno())
        if isinstance(path, int) or not stat.S_ISREG(status.st_mode):
            return None
        path = os.fspath(path)
        if not os.path.isabs(path):
            path = os.path.join(os.getcwdb() if isinstance(path, bytes) else os.getcwd(), path)
        return cls(path, status.st_size, status.st_mtime_ns)

    def read(self) -> bytes:
        """Read the text.

        Raises
        ------
        ModelTextError
            If the file is gone or has changed.
        """
        name = os.fsdecode(self._path)
        try:
            with open(self._path, "rb") as file:
                status = os.fstat(file.fileno())
                if (status.st_size, status.st_mtime_ns) != (self._size, self._changed):
                    raise ModelTextError(f"{name}: the file has changed since the model was loaded from it")
                data = file.read()
        except OSError as error:
            raise ModelTextError(f"{name}: cannot read the model's file again: {error.strerror}") from error
        if len(data) != self._size:
            raise ModelTextError(f"{name}: expected {self._size} bytes, got {len(data)}")
        return data


class TextSource:
    """Text in memory: the caller's own object if it cannot change, so that nothing is copied. Pickles compress it."""

    def __init__(self, text: str | bytes) -> None:
        self._text = text

    def read(self) -> bytes:
        """Return the text."""
        return encoded(self._text)

    def __reduce__(self) -> tuple[Any, ...]:
        import zlib

        return _unpack, (zlib.compress(self.read(), 1),)


def encoded(text: str | bytes | bytearray | memoryview) -> bytes:
    """Return text as bytes, without a copy if it has them.

    Raises
    ------
    ModelFormatError
        If it has characters that no file can hold.
    """
    try:
        if isinstance(text, str):
            text = text.encode("utf-8", "surrogateescape")
        return text if isinstance(text, bytes) else bytes(memoryview(text))
    except UnicodeEncodeError as error:
        raise ModelFormatError("text", f"a lone surrogate at character {error.start}") from error


def _unpack(data: bytes) -> TextSource:
    import zlib

    return TextSource(zlib.decompress(data))
