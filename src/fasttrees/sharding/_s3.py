"""A prefix in a bucket of S3: encrypted, checked, and owned by the account."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fasttrees._aws import objects, uploads
from fasttrees._aws.account import Account
from fasttrees._aws.bucket import S3Bucket
from fasttrees._aws.client import S3Settings
from fasttrees._aws.errors import Explainer
from fasttrees._runtime.progress import Silent
from fasttrees.sharding._errors import ShardError

__all__ = ["S3Prefix"]

EXPLAINER = Explainer(
    ShardError,
    credentials="log in again (`aws sso login`, `aws configure`), or set AWS_* variables",
    again="run the command again: what is done is kept",
    disk_full="set TMPDIR to a directory with more",
)


class S3Prefix:
    """Objects below a prefix; boto3's own settings give the profile and the region.

    Parameters
    ----------
    bucket : str
        A bucket of the account, which is never changed; new objects are encrypted as it does by default.
    prefix : str
        Without a slash at its end; empty: the whole bucket.
    """

    n_puts = 4

    def __init__(self, bucket: str, prefix: str) -> None:
        self._bucket = S3Bucket(Account(S3Settings(user_agent="fasttrees-sharding"), EXPLAINER), bucket)
        self._prefix = f"{prefix}/" if prefix else ""
        self.place = f"{self._bucket.uri}/{prefix}".rstrip("/")

    def names(self, prefix: str = "") -> set[str]:
        """Return the names of the objects below a prefix of this prefix."""
        whole = self._prefix + prefix
        return {key.removeprefix(whole) for key in objects.find(self._bucket, whole) if key != whole}

    def times(self, prefix: str = "") -> dict[str, float]:
        """Return when the objects below a prefix of this prefix were put, by S3's clock."""
        whole = self._prefix + prefix
        return {key.removeprefix(whole): time for key, time in objects.find_times(self._bucket, whole).items()}

    def has(self, name: str) -> bool:
        """Return whether an object exists."""
        return self._prefix + name in objects.find(self._bucket, self._prefix + name)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Make a temporary folder on this machine."""
        with tempfile.TemporaryDirectory(prefix="fasttrees-") as path:
            yield Path(path)

    def put(self, path: Path, name: str, sha256: str) -> bool:
        """Send a file and delete it; return whether the object did not have its bytes before."""
        n_sent = uploads.send(self._bucket, [(path, self._prefix + name)], Silent())
        path.unlink()
        return n_sent > 0

    def fetch(self, name: str, scratch: Path) -> Path:
        """Get an object as a file in `scratch`."""
        path = scratch / name.replace("/", "_")
        objects.fetch(self._bucket, self._prefix + name, path, Silent())
        return path

    def remove(self, name: str) -> None:
        """Delete an object; in a bucket with versions, it gets a delete marker."""
        with self._bucket.explaining(f"{self.place}/{name}", "cleanup"):
            self._bucket.client.delete_object(Bucket=self._bucket.name, Key=self._prefix + name)
