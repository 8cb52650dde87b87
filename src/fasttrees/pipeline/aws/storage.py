"""The bucket and its objects, as a backend needs them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from fasttrees._aws import objects, uploads
from fasttrees.pipeline.aws.account import Account
from fasttrees.pipeline.aws.bucket import Bucket
from fasttrees.pipeline.backend import Upload
from fasttrees.pipeline.config import Config
from fasttrees.pipeline.errors import PipelineError
from fasttrees.pipeline.progress import Progress

__all__ = ["AwsStorage"]


class AwsStorage:
    """S3 for a pipeline; methods of the same names are those of :class:`fasttrees.pipeline.backend.Backend`.

    Parameters
    ----------
    account : Account
    config : Config

    Attributes
    ----------
    bucket_uri : str
    """

    def __init__(self, account: Account, config: Config) -> None:
        self._bucket = Bucket(account, config)
        self.bucket_uri = self._bucket.uri

    def create_bucket(self, progress: Progress) -> None:
        """Make sure that the bucket is there, encrypted and private, and is this pipeline's or the user's own."""
        self._bucket.create(progress)

    def upload(self, files: Sequence[Upload], progress: Progress) -> int:
        """Put files into the bucket, checked; return how many were not there before with the same bytes."""
        return uploads.send(self._bucket, files, progress)

    def remove_others(self, prefix: str, keys: Collection[str], progress: Progress) -> None:
        """Delete what earlier uploads have put below a prefix, but for `keys`; refuse what comes from elsewhere."""
        objects.remove_others(self._bucket, prefix, keys, progress)

    def find_objects(self, prefix: str) -> dict[str, int]:
        """List the keys below a prefix, in order, with their sizes in bytes."""
        return objects.find(self._bucket, prefix)

    def download(self, key: str, path: Path, progress: Progress) -> None:
        """Get an object; the file is whole or not there."""
        objects.fetch(self._bucket, key, path, progress)

    def bucket_exists(self) -> bool:
        """Tell whether the account has the bucket."""
        return self._bucket.exists()

    def is_own_bucket(self) -> bool:
        """Tell whether the bucket is there with the tags of this project and experiment."""
        return self._bucket.is_own()

    def delete_objects(self, prefix: str, progress: Progress) -> int:
        """Delete all below a prefix, every version; return how many. Only in the pipeline's own bucket.

        Parameters
        ----------
        prefix : str
            Empty: all objects.
        progress : Progress
        """
        if not self._bucket.exists():
            return 0
        if not self._bucket.is_own():
            raise PipelineError(f"{self.bucket_uri}: has not the tags of this pipeline, so nothing in it is deleted")
        return objects.delete(self._bucket, prefix, progress)

    def delete_bucket(self) -> None:
        """Delete the empty bucket, if it is the pipeline's own; no error if it is gone."""
        self._bucket.delete()
