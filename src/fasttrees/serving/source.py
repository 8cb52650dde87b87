"""Find the model of a server: a file, or a directory that holds one; for S3 see :mod:`.s3`."""

from __future__ import annotations

import os

from fasttrees._modelfile.lazy import MAGIC
from fasttrees.serving.errors import ModelSourceError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["MODEL_START_SIZE", "check_sha256", "choose_model", "find_model", "is_hidden", "is_model_start"]

MODEL_NAMES = ("model.txt", "model.ft")  # the first that exists wins
TEXT_START = b"tree"  # the first bytes of every model that LightGBM writes
MODEL_START_SIZE = len(MAGIC)
BOTH_WAYS = "put one LightGBM model there (ModelDataUrl), or set MODEL_S3_BUCKET and MODEL_S3_KEY"


def find_model(path: str) -> str:
    """Find the model in a directory, which is only read.

    Model files are those that begin with ``tree``, as all text models of LightGBM do, and compact files of fasttrees;
    hidden files are ignored. Of those in the fewest folders, ``model.txt`` is chosen, else ``model.ft``, else the only
    one.

    Parameters
    ----------
    path : str
        The directory, or the model file itself.

    Returns
    -------
    str
        Path of the model file.

    Raises
    ------
    ModelSourceError
        If there is no model, or no rule chooses one of several.
    """
    if os.path.isfile(path):
        return path
    try:
        os.listdir(path)
        files = sorted(_files_below(path))
        models = [file for file in files if _starts_like_model(os.path.join(path, file))]
    except OSError as error:
        raise ModelSourceError(f"{error.filename}: {error.strerror}; {BOTH_WAYS}") from None
    try:
        return os.path.join(path, choose_model(models, files))
    except ValueError as error:
        raise ModelSourceError(f"{path}: {error}; {BOTH_WAYS}") from None


def _files_below(path: str) -> list[str]:
    """Return the relative paths of all files below a directory, without hidden ones."""
    files = []
    for folder, folders, names in os.walk(path):
        folders[:] = [name for name in folders if not is_hidden(name)]
        files += [os.path.relpath(os.path.join(folder, name), path) for name in names if not is_hidden(name)]
    return files


def is_hidden(name: str) -> bool:
    """Return whether a file or folder is not the user's own but of the system that packed it."""
    return name.startswith(".") or name == "__MACOSX"


def _starts_like_model(path: str) -> bool:
    if not os.path.isfile(path):  # a pipe or a socket
        return False
    with open(path, "rb") as file:
        return is_model_start(file.read(MODEL_START_SIZE))


def is_model_start(start: bytes) -> bool:
    """Return whether a file that begins with these MODEL_START_SIZE bytes is a model."""
    return start.startswith((TEXT_START, MAGIC))


def choose_model(models: list[str], files: list[str]) -> str:
    """Choose the model to serve among files; see :func:`find_model`.

    Parameters
    ----------
    models : list of str
        Relative paths of the model files.
    files : list of str
        Relative paths of all files, for the message if no model is found.

    Raises
    ------
    ValueError
        If there is none, or no rule chooses one of several.
    """
    if not models:
        found = f"no file that begins as one among {_listed(files)}" if files else "no file there"
        raise ValueError(f"holds no LightGBM model: {found}")
    depth = min(model.count("/") for model in models)
    nearest = [model for model in models if model.count("/") == depth]
    named = nearest
    for name in reversed(MODEL_NAMES):
        named = [model for model in nearest if os.path.basename(model) == name] or named
    if len(named) > 1:
        raise ValueError(f"holds {len(named)} models, none of them '{MODEL_NAMES[0]}' alone: {_listed(named)}")
    return named[0]


def _listed(names: list[str], most: int = 8) -> str:
    shown = ", ".join(repr(name) for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


def check_sha256(path: str, expected: str) -> None:
    """Compare a model file with its expected SHA-256 in hexadecimal digits.

    Raises
    ------
    ModelSourceError
        If it differs, or the file cannot be read.
    """
    digest = _new_sha256()
    try:
        with open(path, "rb") as file:
            while block := file.read(1 << 18):
                digest.update(block)
    except OSError as error:
        raise ModelSourceError(f"{path}: {error.strerror}") from None
    if digest.hexdigest() != expected:
        raise ModelSourceError(f"{path}: expected SHA-256 {expected} (MODEL_SHA256), got {digest.hexdigest()}")


def _new_sha256() -> Any:
    # Python's own: hashlib would load OpenSSL, megabytes for one digest.
    for name in ("_sha2", "_sha256"):  # since Python 3.12, and before
        try:
            return __import__(name).sha256()
        except ImportError:
            pass
    import hashlib

    return hashlib.sha256()
