"""The backend of this machine: a folder is the bucket, processes or containers are the service."""

from __future__ import annotations

from pathlib import Path

from fasttrees._runtime.progress import Progress
from fasttrees._sagemaker.batch_transform import (
    Client,
    Job,
    ServerError,
    TransformError,
    container,
    find_objects,
    local_server,
    transform,
)
from fasttrees.pipeline.backend import Hosting, JobOutcome, TrainingJob, TransformJob
from fasttrees.pipeline.config import Config
from fasttrees.pipeline.errors import JobFailedError, PipelineError
from fasttrees.pipeline.local._bucket import Bucket
from fasttrees.pipeline.local._endpoint import Endpoints
from fasttrees.pipeline.local._training import TrainingJobs
from fasttrees.pipeline.results import Resource

__all__ = ["LocalBackend"]


class LocalBackend(Bucket):
    """Runs a pipeline on this machine; :class:`fasttrees.pipeline.backend.Backend` describes the methods.

    Parameters
    ----------
    config : Config
    """

    def __init__(self, config: Config) -> None:
        super().__init__(config.folder / "bucket")
        self._config = config
        self._jobs = TrainingJobs(config.folder / "jobs", self, config.local.network)
        self._endpoints = Endpoints(config.folder / "endpoints", config.local.network)

    @property
    def region(self) -> str:
        """Nowhere that costs."""
        return ""

    def describe(self) -> str:
        """Return where this is."""
        return f"this machine, {self._config.folder}"

    def train(self, job: TrainingJob, progress: Progress) -> JobOutcome:
        """Run a training job, unless it has ended before."""
        return self._jobs.run(job, progress)

    def deploy(self, hosting: Hosting, progress: Progress) -> str:
        """Start a server that outlives this process, unless it runs."""
        model = self._model(hosting)
        timeout = 60 * self._config.deploy.timeout_minutes
        return self._endpoints.start(hosting, model, timeout, progress)

    def in_service(self, name: str) -> bool:
        """Return whether the server answers."""
        return self._endpoints.answers(name)

    def invoke(self, name: str, body: bytes, content_type: str) -> bytes:
        """Ask the server."""
        return self._endpoints.invoke(name, body, content_type)

    def transform(self, job: TransformJob, progress: Progress) -> JobOutcome:
        """Run a Batch Transform with a server of its own."""
        settings = Job(assemble_lines=True, max_payload_mb=self._config.transform.max_payload_mb)
        variables = {**settings.environment(), **job.hosting.environment, **job.environment}
        model = self._model(job.hosting)
        objects = find_objects(str(self.path(job.input_prefix)), str(self.path(job.output_prefix)))
        if not objects:
            raise PipelineError(f"{job.input_prefix}: no files to transform")
        failures: list[str] = []
        image = job.hosting.image
        start = (
            container(image, str(model), self._config.local.network or None, variables, progress.say)
            if image
            else local_server(str(model), variables, lambda line: None)
        )
        try:
            with start as server:
                summary = transform(
                    objects,
                    Client(server.url, settings, server.check),
                    settings,
                    progress=progress,
                    fail=failures.append,
                )
        except (ServerError, TransformError) as error:
            raise JobFailedError(f"Batch Transform {job.name}: {error}") from error
        if failures:
            raise JobFailedError(f"Batch Transform {job.name}: {'; '.join(failures)}")
        for line in summary.as_text().splitlines():
            progress.say(line)
        return JobOutcome(summary.seconds)

    def find_resources(self, everything: bool) -> tuple[list[Resource], list[Resource]]:
        """Find servers, jobs and, with `everything`, the bucket."""
        found = [*self._endpoints.find(), *self._jobs.find()]
        if everything and self.exists():
            found += self.find()
        return found, []

    def delete(self, resource: Resource, progress: Progress) -> None:
        """Delete what :meth:`find_resources` has found."""
        deletions = {"endpoint": self._endpoints.delete, "training-job": self._jobs.delete}
        deletions.get(resource.kind, self.remove)(resource.name)

    def _model(self, hosting: Hosting) -> Path:
        """Find what the server is to load: the model's file, or a folder with what the artefact holds."""
        if hosting.model_key:
            return self.path(hosting.model_key)
        if not hosting.image:
            raise PipelineError("the server on this machine needs a model.txt: this artefact holds none")
        return self._jobs.unpack(hosting.artifact_key)
