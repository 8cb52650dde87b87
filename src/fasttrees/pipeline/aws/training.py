"""Training jobs of SageMaker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fasttrees._aws.errors import ignoring_missing
from fasttrees._runtime.progress import Progress
from fasttrees._sagemaker.contract import JSON
from fasttrees.pipeline.aws.account import Account
from fasttrees.pipeline.aws.errors import explaining
from fasttrees.pipeline.aws.jobs import ENDED, Job, finish
from fasttrees.pipeline.aws.logs import TRAINING_JOBS
from fasttrees.pipeline.aws.poller import Poller
from fasttrees.pipeline.aws.requests import volume_key, vpc_config
from fasttrees.pipeline.aws.tags import tag_list
from fasttrees.pipeline.backend import JobOutcome, TrainingJob
from fasttrees.pipeline.config import Config
from fasttrees.pipeline.errors import PipelineError

__all__ = ["TrainingJobs"]

STEP = "train"
GRACE = 3600.0  # seconds besides the runtime: waiting for capacity, loading images, copying files


class TrainingJobs:
    """Training jobs of a pipeline.

    Parameters
    ----------
    metric_definitions : sequence of dict
        ``Name`` and ``Regex`` of what fasttrees' training image writes to its log.
    """

    def __init__(
        self, config: Config, account: Account, poller: Poller, metric_definitions: Sequence[Mapping[str, str]]
    ) -> None:
        self._config = config
        self._metric_definitions = [dict(definition) for definition in metric_definitions]
        self._account = account
        self._poller = poller

    def train(self, job: TrainingJob, progress: Progress) -> JobOutcome:
        """Run a training job, or wait for the one of its name, or return how it ended; see Backend."""
        request = self._request(job)
        found = Job("training", job.name, STEP, TRAINING_JOBS, lambda: self._describe(job.name))
        description = found.describe()
        if description is None:
            with explaining(str(found), STEP):
                self._account.sagemaker.create_training_job(**request)
            progress.say(f"{found} has begun: {found.console(self._account)}")
        else:
            self._check_same(found, request, description)
        earlier = description is not None and found.status(description) in ENDED
        timeout = self._config.train.max_runtime_minutes * 60 + GRACE
        description = finish(found, description, self._account, self._poller, timeout, progress)
        if description is None:
            raise PipelineError(
                f"{found} has not ended after {timeout / 60:.0f} minutes, and may cost money: see "
                f"{found.console(self._account)}; `fasttrees pipeline train` waits for it again, "
                "`fasttrees pipeline cleanup` stops it"
            )
        metrics = {metric["MetricName"]: metric["Value"] for metric in description.get("FinalMetricDataList", [])}
        seconds = float(description.get("BillableTimeInSeconds", 0))
        return JobOutcome(seconds=seconds, metrics=metrics, earlier=earlier)

    def _describe(self, name: str) -> dict[str, Any] | None:
        with explaining(f"training job {name}", STEP), ignoring_missing():
            description: dict[str, Any] = self._account.sagemaker.describe_training_job(TrainingJobName=name)
            return description
        return None

    def _check_same(self, job: Job, request: dict[str, Any], description: dict[str, Any]) -> None:
        """Refuse a job of the same name that somebody else has created: its output is elsewhere."""
        expected, found = (job["OutputDataConfig"]["S3OutputPath"] for job in (request, description))
        if found != expected:
            raise PipelineError(
                f"{job} exists already and is not this pipeline's: its output goes to {found}, expected {expected}; "
                "choose another pipeline.project or pipeline.experiment"
            )

    def _request(self, job: TrainingJob) -> dict[str, Any]:
        settings, aws = self._config.train, self._config.aws
        # Images that serve their own models are Amazon's: they bring their metrics and refuse others (API,
        # AlgorithmSpecification.MetricDefinitions), and may need the network.
        own_image = not settings.serving_image_is_own
        return {
            "TrainingJobName": job.name,
            "AlgorithmSpecification": {
                "TrainingImage": job.image,
                "TrainingInputMode": "File",
                **({"MetricDefinitions": self._metric_definitions} if own_image else {}),
            },
            "RoleArn": aws.role,
            "HyperParameters": dict(job.hyperparameters),
            "InputDataConfig": [
                self._channel(name, prefix, job.content_type) for name, prefix in sorted(job.channels.items())
            ],
            "OutputDataConfig": {
                "S3OutputPath": f"s3://{aws.bucket}/{job.output_prefix.rstrip('/')}",
                **({"KmsKeyId": aws.kms_key} if aws.kms_key else {}),
            },
            "ResourceConfig": {
                "InstanceType": settings.instance_type,
                "InstanceCount": settings.instance_count,
                "VolumeSizeInGB": settings.volume_size_gb,
                **volume_key("VolumeKmsKeyId", settings.instance_type, aws),
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": settings.max_runtime_minutes * 60},
            "EnableNetworkIsolation": own_image,
            "EnableInterContainerTrafficEncryption": settings.instance_count > 1,
            "Tags": tag_list(self._config),
            **vpc_config(aws),
        }

    def _channel(self, name: str, prefix: str, content_type: str) -> dict[str, Any]:
        return {
            "ChannelName": name,
            "DataSource": {
                "S3DataSource": {
                    "S3DataType": "S3Prefix",
                    "S3Uri": f"s3://{self._config.aws.bucket}/{prefix}",
                    "S3DataDistributionType": "FullyReplicated",
                }
            },
            "ContentType": JSON if prefix.endswith(".json") else content_type,
            "InputMode": "File",
        }
