"""The files of a job: which there are, and where their answers go. The service calls them objects."""

from __future__ import annotations

import os
from dataclasses import dataclass

from fasttrees._sagemaker.batch_transform.errors import TransformError

__all__ = ["DataObject", "find_objects"]


@dataclass(eq=False)
class DataObject:
    """An input file.

    Attributes
    ----------
    name : str
        Its path below the input directory, for messages.
    path, output : str
        The file, and the file for the answer.
    size : int
        Bytes of the file.
    failure : TransformError or None
        Why there will be no answer.
    """

    name: str
    path: str
    output: str
    size: int
    failure: TransformError | None = None


def find_objects(source: str, target: str) -> list[DataObject]:
    """List the files to transform, in the order of their names.

    Parameters
    ----------
    source : str
        A file, or a directory to walk.
    target : str
        The directory for the answers: names are kept, ``.out`` is added.
    """
    if os.path.isfile(source):
        found = [source]
        base = os.path.dirname(source)
    elif os.path.isdir(source):
        inside = os.path.realpath(target)
        if os.path.commonpath([os.path.realpath(source), inside]) == os.path.realpath(source):
            raise TransformError(f"{target}: the output must not lie in the input, or the next job would read it")
        found = [os.path.join(folder, name) for folder, _, names in os.walk(source, onerror=_fail) for name in names]
        found = [path for path in found if os.path.isfile(path)]
        base = source
    else:
        raise TransformError(f"{source}: expected a file or a directory")
    names = sorted((os.path.relpath(path, base or "."), path) for path in found)
    return [DataObject(name, path, os.path.join(target, name + ".out"), os.path.getsize(path)) for name, path in names]


def _fail(error: OSError) -> None:
    raise error
