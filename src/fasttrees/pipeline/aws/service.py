"""The backend "aws": its parts joined."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from fasttrees._aws import objects, uploads
from fasttrees._runtime.progress import Progress
from fasttrees.pipeline.aws.account import Account
from fasttrees.pipeline.aws.bucket import Bucket
from fasttrees.pipeline.aws.cleaning import Cleaning
from fasttrees.pipeline.aws.hosting import Endpoints
from fasttrees.pipeline.aws.models import Models
from fasttrees.pipeline.aws.poller import Poller
from fasttrees.pipeline.aws.training import TrainingJobs
from fasttrees.pipeline.aws.transforming import TransformJobs
from fasttrees.pipeline.backend import Hosting, JobOutcome, TrainingJob, TransformJob, Upload
from fasttrees.pipeline.config import Config
from fasttrees.pipeline.results import Resource
from fasttrees.training import METRIC_DEFINITIONS

__all__ = ["AwsBackend"]


class AwsBackend:
    """A pipeline on AWS: a bucket of S3, jobs and endpoints of SageMaker. See Backend for the methods.

    Parameters
    ----------
    config : Config
    poller : Poller or None, default None
        How it waits; None: with real pauses.

    Attributes
    ----------
    bucket : Bucket

    Raises
    ------
    PipelineError
        If boto3 knows no such profile.
    """

    def __init__(self, config: Config, poller: Poller | None = None) -> None:
        poller = poller or Poller()
        self._account = Account(config.aws)
        self.bucket = Bucket(self._account, config)
        models = Models(config, self._account, poller)
        self._training = TrainingJobs(config, self._account, poller, METRIC_DEFINITIONS)
        self._endpoints = Endpoints(config, self._account, poller, models)
        self._transforms = TransformJobs(config, self._account, poller, models)
        self._cleaning = Cleaning(config, self._account, poller)
        self.bucket_uri = self.bucket.uri

    @property
    def region(self) -> str:
        """Region that all is created in."""
        return self._account.region

    def describe(self) -> str:
        """Return a line with the account, the region and the caller's identity."""
        return self._account.describe()

    def create_bucket(self, progress: Progress) -> None:
        """Make sure that the bucket exists, encrypted and private, and is this pipeline's or the user's own."""
        self.bucket.create(progress)

    def upload(self, files: Sequence[Upload], progress: Progress) -> int:
        """Put files into the bucket, checked; return how many were not there before with the same bytes."""
        return uploads.send(self.bucket, files, progress)

    def remove_others(self, prefix: str, keys: Collection[str], progress: Progress) -> None:
        """Delete what earlier uploads have put below a prefix, but for `keys`; refuse what comes from elsewhere."""
        objects.remove_others(self.bucket, prefix, keys, progress)

    def find_objects(self, prefix: str) -> dict[str, int]:
        """List the keys below a prefix, in order, with their sizes in bytes."""
        return objects.find(self.bucket, prefix)

    def download(self, key: str, path: Path, progress: Progress) -> None:
        """Get an object; the file is whole or not there."""
        objects.fetch(self.bucket, key, path, progress)

    def train(self, job: TrainingJob, progress: Progress) -> JobOutcome:
        """Run a training job, or wait for the one of this name that runs, showing its log; its outcome if it ended."""
        return self._training.train(job, progress)

    def deploy(self, hosting: Hosting, progress: Progress) -> str:
        """Bring an endpoint into service; return its ARN. One that serves the same already is left as it is."""
        return self._endpoints.deploy(hosting, progress)

    def in_service(self, name: str) -> bool:
        """Return whether an endpoint answers."""
        return self._endpoints.in_service(name)

    def invoke(self, name: str, body: bytes, content_type: str) -> bytes:
        """Ask an endpoint."""
        return self._endpoints.invoke(name, body, content_type)

    def transform(self, job: TransformJob, progress: Progress) -> JobOutcome:
        """Run a Batch Transform, or wait for the one of this name; its outcome if it ended."""
        return self._transforms.transform(job, progress)

    def find_resources(self, everything: bool) -> tuple[list[Resource], list[Resource]]:
        """Find what cleanup would delete, in the order in which it must be, and what it leaves; see Backend."""
        found, kept = self._cleaning.find()
        if everything and self.bucket.exists():
            bucket = Resource(kind="bucket", name=self.bucket_uri)
            if self.bucket.is_own():
                sizes = objects.find(self.bucket, "").values()
                detail = f"{len(sizes)} objects, {sum(sizes)} bytes, and all their versions"
                found += [Resource(kind="objects", name=self.bucket_uri, detail=detail), bucket]
            else:
                detail = "has not this pipeline's tags: it and all in it are left as they are"
                kept.append(bucket.model_copy(update={"detail": detail}))
        return found, kept

    def delete(self, resource: Resource, progress: Progress) -> None:
        """Delete one of what find_resources has found; no error if it is gone."""
        if resource.kind == "objects":
            self.bucket.delete_objects("", progress)
        elif resource.kind == "bucket":
            self.bucket.delete()
        else:
            self._cleaning.delete(resource, progress)
