"""Batch Transforms of SageMaker."""

from __future__ import annotations

from typing import Any

from fasttrees._aws.errors import ignoring_missing
from fasttrees._runtime.progress import Progress
from fasttrees._sagemaker.contract import CSV, DEFAULT_STRATEGY
from fasttrees.pipeline.aws.account import Account
from fasttrees.pipeline.aws.errors import explaining
from fasttrees.pipeline.aws.jobs import ENDED, Job, finish
from fasttrees.pipeline.aws.logs import TRANSFORM_JOBS
from fasttrees.pipeline.aws.models import Models
from fasttrees.pipeline.aws.poller import Poller
from fasttrees.pipeline.aws.requests import call_when_found, volume_key
from fasttrees.pipeline.aws.tags import tag_list
from fasttrees.pipeline.backend import JobOutcome, TransformJob
from fasttrees.pipeline.config import Config
from fasttrees.pipeline.errors import JobFailedError, PipelineError

__all__ = ["TransformJobs"]

STEP = "transform"


class TransformJobs:
    """Batch Transforms of a pipeline."""

    def __init__(self, config: Config, account: Account, poller: Poller, models: Models) -> None:
        self._config = config
        self._account = account
        self._poller = poller
        self._models = models

    def transform(self, job: TransformJob, progress: Progress) -> JobOutcome:
        """Run a Batch Transform, or wait for the one of its name, or return how it ended; see Backend."""
        found = Job("transform", job.name, STEP, TRANSFORM_JOBS, lambda: self._describe(job.name))
        output = self._uri(job.output_prefix).rstrip("/")
        description = found.describe()
        if description is None:
            model = self._models.create_model(job.hosting, STEP)
            request = self._request(job, model, output)
            with explaining(str(found), STEP):
                call_when_found(lambda: self._account.sagemaker.create_transform_job(**request), self._poller)
            progress.say(f"{found} has begun: {found.console(self._account)}")
        elif description["TransformOutput"]["S3OutputPath"] != output:
            raise PipelineError(
                f"{found} exists already and is not this pipeline's: its output goes to "
                f"{description['TransformOutput']['S3OutputPath']}, expected {output}; choose another "
                "pipeline.project or pipeline.experiment"
            )
        earlier = description is not None and found.status(description) in ENDED
        minutes = self._config.transform.timeout_minutes
        description = finish(found, description, self._account, self._poller, minutes * 60.0, progress)
        if description is None:
            with explaining(str(found), STEP):
                self._account.sagemaker.stop_transform_job(TransformJobName=job.name)
            raise JobFailedError(
                f"{found} has not ended after {minutes} minutes (transform.timeout_minutes) and is being stopped, so "
                f"that it costs no more: see {found.console(self._account)}; more time, another instance type or "
                "more instances may help: `fasttrees pipeline transform` starts another job"
            )
        begin, end = description.get("TransformStartTime"), description.get("TransformEndTime")
        seconds = (end - begin).total_seconds() if begin and end else 0.0
        return JobOutcome(seconds=seconds, earlier=earlier)

    def _describe(self, name: str) -> dict[str, Any] | None:
        with explaining(f"transform job {name}", STEP), ignoring_missing():
            description: dict[str, Any] = self._account.sagemaker.describe_transform_job(TransformJobName=name)
            return description
        return None

    def _uri(self, prefix: str) -> str:
        return f"s3://{self._config.aws.bucket}/{prefix}"

    def _request(self, job: TransformJob, model: str, output: str) -> dict[str, Any]:
        settings, aws = self._config.transform, self._config.aws
        return {
            "TransformJobName": job.name,
            "ModelName": model,
            # No MaxConcurrentTransforms: the container's /execution-parameters gives it.
            "MaxPayloadInMB": settings.max_payload_mb,
            "BatchStrategy": DEFAULT_STRATEGY,
            "Environment": dict(job.environment),
            "TransformInput": {
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": self._uri(job.input_prefix)}},
                "ContentType": CSV,
                "SplitType": "Line",
            },
            "TransformOutput": {
                "S3OutputPath": output,
                "Accept": CSV,
                "AssembleWith": "Line",
                **({"KmsKeyId": aws.kms_key} if aws.kms_key else {}),
            },
            "TransformResources": {
                "InstanceType": settings.instance_type,
                "InstanceCount": settings.instance_count,
                **volume_key("VolumeKmsKeyId", settings.instance_type, aws),
            },
            "Tags": tag_list(self._config),
        }
