"""Extract the model from a ``.tar.gz``, the form in which SageMaker's training stores one."""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Callable
from typing import BinaryIO

from fasttrees.serving.source import MODEL_START_SIZE, choose_model, is_hidden, is_model_start

__all__ = ["ARCHIVE_ENDINGS", "extract_model"]

ARCHIVE_ENDINGS = (".tar.gz", ".tgz")
MAX_SIZE = 8 << 30  # bytes of all files: far above any model, far below an archive of zeros that fills a disk
MAX_FILES = 1000


def extract_model(source: BinaryIO, target: BinaryIO, progress: Callable[[], None]) -> None:
    """Copy the model of an archive into a file; names in the archive are never used as paths.

    Parameters
    ----------
    source : binary file
        The archive, seekable.
    progress : callable
        Called after each file and each block.

    Raises
    ------
    ValueError
        If it is not such an archive, is too large, or holds no model or several.
    """
    source.seek(0)
    try:
        with tarfile.open(fileobj=source, mode="r:gz") as archive:
            members = _regular_files(archive, progress)
            models = [name for name, member in members.items() if _starts_like_model(archive, member)]
            name = choose_model(models, list(members))
            with archive.extractfile(members[name]) as file:  # type: ignore[union-attr]
                while block := file.read(1 << 20):
                    target.write(block)
                    progress()
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk, not the archive
        raise ValueError(f"is no sound .tar.gz: {error}") from error


def _regular_files(archive: tarfile.TarFile, progress: Callable[[], None]) -> dict[str, tarfile.TarInfo]:
    members = {}
    size = 0
    for number, member in enumerate(archive):
        progress()
        size += member.size
        if number == MAX_FILES or size > MAX_SIZE:
            raise ValueError(f"holds more than {MAX_FILES} files or {MAX_SIZE >> 30} GiB")
        name = member.name.removeprefix("./")
        if member.isreg() and not any(is_hidden(part) for part in name.split("/")):
            members[name] = member
    return members


def _starts_like_model(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bool:
    with archive.extractfile(member) as file:  # type: ignore[union-attr]
        return is_model_start(file.read(MODEL_START_SIZE))
