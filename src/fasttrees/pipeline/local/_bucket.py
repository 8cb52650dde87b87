"""A folder as bucket: keys are paths."""

from __future__ import annotations

import filecmp
import json
import shutil
from collections.abc import Collection, Sequence
from pathlib import Path

from fasttrees._runtime.atomic_file import replacing
from fasttrees._runtime.progress import Progress
from fasttrees.pipeline.backend import Upload
from fasttrees.pipeline.errors import PipelineError
from fasttrees.pipeline.results import Resource

__all__ = ["Bucket"]

MARK = ".fasttrees-bucket.json"  # what tags are to a bucket: proof that the folder was created here


class Bucket:
    """The bucket's half of the local backend.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.bucket_uri = str(folder)

    def path(self, key: str) -> Path:
        """Return the file of a key."""
        return self._folder / key

    def exists(self) -> bool:
        """Return whether the folder is a bucket that was created here."""
        return (self._folder / MARK).is_file()

    def create_bucket(self, progress: Progress) -> None:
        """Create the folder."""
        if self.exists():
            return
        if self._folder.exists() and any(self._folder.iterdir()):
            raise PipelineError(f"{self._folder}: not a bucket of fasttrees, and not empty; choose another directory")
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / MARK).write_text(json.dumps({"created-by": "fasttrees"}) + "\n")
        progress.say(f"created {self._folder}")

    def upload(self, files: Sequence[Upload], progress: Progress) -> int:
        """Copy the files that are not there."""
        total = sum(file.path.stat().st_size for file in files)
        done = n_sent = 0
        for source, key in files:
            target = self.path(key)
            if not (target.is_file() and filecmp.cmp(source, target, shallow=False)):
                target.parent.mkdir(parents=True, exist_ok=True)
                with open(source, "rb") as original, replacing(target) as copy:
                    shutil.copyfileobj(original, copy, 1 << 20)
                n_sent += 1
            done += source.stat().st_size
            progress.advance("uploading", done, total, "B")
        return n_sent

    def remove_others(self, prefix: str, keys: Collection[str], progress: Progress) -> None:
        """Delete the files below a prefix that are not among `keys`: all in the folder is of uploads and jobs."""
        for key in self.find_objects(prefix):
            if key not in keys:
                self.path(key).unlink()
                progress.say(f"{self.path(key)}: removed, because it is of an earlier upload")

    def find_objects(self, prefix: str) -> dict[str, int]:
        """List the files."""
        folder = self._folder / prefix.rpartition("/")[0]
        keys = {path.relative_to(self._folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
        return {key: keys[key].stat().st_size for key in sorted(keys) if key.startswith(prefix) and key != MARK}

    def download(self, key: str, path: Path, progress: Progress) -> None:
        """Copy a file."""
        if not self.path(key).is_file():
            raise PipelineError(f"{self.path(key)}: no such object")
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path(key), "rb") as original, replacing(path) as copy:
            shutil.copyfileobj(original, copy, 1 << 20)

    def find(self) -> list[Resource]:
        """List what :meth:`remove` would delete."""
        sizes = self.find_objects("")
        objects = Resource(
            kind="objects", name=str(self._folder), detail=f"{len(sizes):,} files, {sum(sizes.values()) / 1e6:,.1f} MB"
        )
        return [objects, Resource(kind="bucket", name=str(self._folder))]

    def remove(self, name: str) -> None:
        """Delete the folder with all that is in it."""
        if name == str(self._folder) and self.exists():
            shutil.rmtree(self._folder)
