"""A prefix in a bucket of S3, by what the pipeline has for its own bucket: encrypted, checked, owner expected."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fasttrees.pipeline.aws import objects, uploads
from fasttrees.pipeline.aws.account import Account
from fasttrees.pipeline.aws.bucket import Bucket
from fasttrees.pipeline.aws.errors import explaining
from fasttrees.pipeline.backend import Upload
from fasttrees.pipeline.config import AwsSettings, Config
from fasttrees.pipeline.progress import Silent

__all__ = ["S3Prefix"]


class S3Prefix:
    """Objects below a prefix; profile and region are those that boto3 finds.

    Parameters
    ----------
    bucket : str
        A bucket of the account, which is never changed; what is put is encrypted as it encrypts by default.
    prefix : str
        Without a slash at its end; empty: the whole bucket.
    """

    n_puts = 4

    def __init__(self, bucket: str, prefix: str) -> None:
        config = Config(aws=AwsSettings(bucket=bucket))
        self._bucket = Bucket(Account(config.aws), config)
        self._prefix = f"{prefix}/" if prefix else ""
        self.place = f"{self._bucket.uri}/{prefix}".rstrip("/")

    def names(self, prefix: str = "") -> set[str]:
        """List the objects below a prefix of this prefix."""
        whole = self._prefix + prefix
        return {key.removeprefix(whole) for key in objects.find(self._bucket, whole) if key != whole}

    def times(self, prefix: str = "") -> dict[str, float]:
        """Tell when the objects below a prefix of this prefix were put, by the clock of S3."""
        whole = self._prefix + prefix
        pages = self._bucket.client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket.name, Prefix=whole)
        with explaining(f"{self.place}/{prefix}", "transform"):
            items = [item for page in pages for item in page.get("Contents", [])]
        return {item["Key"].removeprefix(whole): item["LastModified"].timestamp() for item in items}

    def has(self, name: str) -> bool:
        """Tell whether there is an object."""
        return self._prefix + name in objects.find(self._bucket, self._prefix + name)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Make a folder where this machine keeps temporary files."""
        with tempfile.TemporaryDirectory(prefix="fasttrees-") as path:
            yield Path(path)

    def put(self, path: Path, name: str, sha256: str) -> bool:
        """Send a file, if the object has not its bytes already."""
        sent = uploads.send(self._bucket, [Upload(path, self._prefix + name)], Silent())
        path.unlink()
        return bool(sent)

    def fetch(self, name: str, scratch: Path) -> Path:
        """Get an object."""
        path = scratch / name.replace("/", "_")
        objects.fetch(self._bucket, self._prefix + name, path, Silent())
        return path

    def remove(self, name: str) -> None:
        """Delete an object; in a bucket with versions, it gets a mark of deletion."""
        with explaining(f"{self.place}/{name}", "cleanup"):
            self._bucket.client.delete_object(Bucket=self._bucket.name, Key=self._prefix + name)
