"""Share a model with Spark's Python workers: broadcast as a compact file, which all workers of an executor map.

Spark transfers a broadcast to each executor once, piece by piece between executors; but every Python worker would read
it into its own memory. So the first worker that needs the model writes it to a file, and all map that file.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from fasttrees._runtime.atomic_file import replacing
from fasttrees.errors import InputTypeError
from fasttrees.model import Model, load

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

__all__ = ["SharedModel", "local_file", "share"]


class SharedModel:
    """A model as pickled with a task: the broadcast's number and the digest of its content, a few bytes."""

    def __init__(self, broadcast: Any, digest: str) -> None:
        self._broadcast = broadcast
        self._digest = digest

    def model(self) -> Model:
        """Open the model in a Python worker, which keeps it for later tasks."""
        # Spark sets this to the executor's folder on the local disk, which is deleted with the executor.
        folder = os.environ["SPARK_LOCAL_DIRS"].split(",")[0]
        return _open(local_file(folder, self._digest, self._broadcast))


_shared: WeakKeyDictionary[Model, tuple[Any, SharedModel]] = WeakKeyDictionary()


def share(session: SparkSession, model: Model) -> SharedModel:
    """Broadcast a model; the same model again in the same application is the same broadcast.

    Raises
    ------
    InputTypeError
        If it is a session of Spark Connect.
    OSError
        If the driver's folder for temporary files is full.
    """
    context = getattr(session, "sparkContext", None)
    if context is None:
        raise InputTypeError("expected a session with a SparkContext, got one without, such as Spark Connect's")
    known, shared = _shared.get(model, (None, None))
    if shared is None or known is not context:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "model.ft")
            model.save(path)
            content = path.read_bytes()
        digest = hashlib.blake2b(content, digest_size=16).hexdigest()
        shared = SharedModel(context.broadcast(content), digest)
        _shared[model] = context, shared
    return shared


def local_file(folder: str | os.PathLike[str], digest: str, broadcast: Any) -> Path:
    """Return the model's file in an executor's folder; one process writes it, atomically, if it is not there.

    Others wait on a lock. If the writer dies, its lock is released and there is no file of that name, so the next one
    writes it.
    """
    path = Path(folder, f"fasttrees-{digest}.ft")
    if not path.exists():
        with open(path.with_suffix(".lock"), "wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.exists():
                with replacing(path) as file:
                    file.write(broadcast.value)
                vars(broadcast).pop("_value", None)  # pyspark would keep the bytes as long as the worker lives
    return path


@lru_cache(maxsize=4)  # mapped models that are not used take hardly any memory
def _open(path: Path) -> Model:
    return load(path)
