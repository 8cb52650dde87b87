"""What a backend does: all that differs between a folder on this machine and an AWS account."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from fasttrees._runtime.progress import Progress
from fasttrees._sagemaker.contract import CSV
from fasttrees.pipeline.results import Resource

__all__ = [
    "Backend",
    "Hosting",
    "JobOutcome",
    "TrainingJob",
    "TransformJob",
    "Upload",
]


class Upload(NamedTuple):
    """A file and the key that it gets in the bucket."""

    path: Path
    key: str


@dataclass(frozen=True)
class TrainingJob:
    """A training job to be run.

    Attributes
    ----------
    name : str
        The same name never means another job: a step that is repeated finds the job of before.
    image : str
        Empty (local only): a process of this machine.
    hyperparameters : mapping
        Strings, as the service hands them over.
    channels : mapping of str to str
        Name of the channel to the prefix of its objects.
    output_prefix : str
        The artefact goes to ``{output_prefix}/{name}/output/model.tar.gz``, as the service has it.
    """

    name: str
    image: str
    hyperparameters: Mapping[str, str]
    channels: Mapping[str, str]
    output_prefix: str
    content_type: str = CSV


@dataclass(frozen=True)
class Hosting:
    """A model with the image that serves it.

    Attributes
    ----------
    name : str
        Of the endpoint, and what the names of the model and the endpoint's configuration begin with.
    image : str
        Empty (local only): the server of this package.
    artifact_key : str
        Key of ``model.tar.gz``, where the service unpacks the model for the image.
    model_key : str
        Key of ``model.txt`` where the image fetches it itself (``MODEL_S3_BUCKET``, ``MODEL_S3_KEY``); empty: it
        does not, so the artefact is handed over.
    environment : mapping
    """

    name: str
    image: str
    artifact_key: str
    model_key: str
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TransformJob:
    """A Batch Transform to be run: text/csv, cut by line, answers assembled by line.

    Attributes
    ----------
    name : str
    hosting : Hosting
        The model is created if there is none of its name.
    input_prefix, output_prefix : str
    environment : mapping
        Variables beside those of the model.
    """

    name: str
    hosting: Hosting
    input_prefix: str
    output_prefix: str
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class JobOutcome:
    """How a job ended, well; a job that fails raises JobFailedError with the reason and the end of its log.

    Attributes
    ----------
    seconds : float
        That are paid for.
    metrics : mapping of str to float
        Of a training job: last value of each.
    earlier : bool
        It had ended before it was asked for, so that what it wrote may be gone since.
    """

    seconds: float
    metrics: Mapping[str, float] = field(default_factory=dict)
    earlier: bool = False


class Backend(Protocol):
    """A place where a pipeline runs. Every method may be called again after it was interrupted.

    All raise PipelineError, with what was tried, what stands in the way and what to do about it.
    """

    bucket_uri: str

    @property
    def region(self) -> str:
        """Region whose prices hold; empty: nowhere that costs."""

    def describe(self) -> str:
        """Return a line that says where this is, such as account and region; the first call that needs rights."""

    def create_bucket(self, progress: Progress) -> None:
        """Make sure that the bucket is there, encrypted and private, and is this pipeline's or the user's own."""

    def upload(self, files: Sequence[Upload], progress: Progress) -> int:
        """Put files into the bucket, checked; return how many were not there before with the same bytes."""

    def remove_others(self, prefix: str, keys: Collection[str], progress: Progress) -> None:
        """Delete what earlier uploads have put below a prefix, but for `keys`; refuse what comes from elsewhere."""

    def find_objects(self, prefix: str) -> dict[str, int]:
        """List the keys below a prefix, in order, with their sizes in bytes."""

    def download(self, key: str, path: Path, progress: Progress) -> None:
        """Get an object; the file is whole or not there."""

    def train(self, job: TrainingJob, progress: Progress) -> JobOutcome:
        """Run a training job, or wait for the one of this name that runs, showing its log; its outcome if it ended.

        Raises
        ------
        JobFailedError
            If the job has failed or was stopped: its name is used up.
        """

    def deploy(self, hosting: Hosting, progress: Progress) -> str:
        """Bring an endpoint into service; return its ARN or URL. One of this name in service is left as it is."""

    def in_service(self, name: str) -> bool:
        """Return whether an endpoint answers."""

    def invoke(self, name: str, body: bytes, content_type: str) -> bytes:
        """Ask an endpoint."""

    def transform(self, job: TransformJob, progress: Progress) -> JobOutcome:
        """Run a Batch Transform, or wait for the one of this name; its outcome if it ended. Raises as train does."""

    def find_resources(self, everything: bool) -> tuple[list[Resource], list[Resource]]:
        """Find what cleanup would delete, in the order in which it must be, and what it leaves.

        Parameters
        ----------
        everything : bool
            The bucket's objects and the bucket, too.
        """

    def delete(self, resource: Resource, progress: Progress) -> None:
        """Delete one of what find_resources has found; no error if it is gone."""
