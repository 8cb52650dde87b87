"""Find by name what a pipeline has created on SageMaker, check its tags, and delete it."""

from __future__ import annotations

from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from fasttrees._aws.errors import code_of, ignoring_missing, is_missing
from fasttrees._runtime.progress import Progress
from fasttrees.pipeline.aws.account import Account
from fasttrees.pipeline.aws.errors import explaining
from fasttrees.pipeline.aws.hosting import CHANGING
from fasttrees.pipeline.aws.jobs import ENDED
from fasttrees.pipeline.aws.logs import ENDPOINTS, TRAINING_JOBS, TRANSFORM_JOBS, find_streams
from fasttrees.pipeline.aws.models import endpoint_of
from fasttrees.pipeline.aws.poller import Poller
from fasttrees.pipeline.aws.tags import are_own
from fasttrees.pipeline.config import Config
from fasttrees.pipeline.errors import PipelineError
from fasttrees.pipeline.results import Resource

__all__ = ["Cleaning"]

STEP = "cleanup"
TIMEOUT = 900.0  # seconds for an endpoint to go, or a job to stop
# Operation that lists a kind, key of its result, and prefix of the result's fields.
LISTS = {
    "endpoint": ("list_endpoints", "Endpoints", "Endpoint"),
    "transform-job": ("list_transform_jobs", "TransformJobSummaries", "TransformJob"),
    "training-job": ("list_training_jobs", "TrainingJobSummaries", "TrainingJob"),
    "endpoint-config": ("list_endpoint_configs", "EndpointConfigs", "EndpointConfig"),
    "model": ("list_models", "Models", "Model"),
}
LOG_GROUPS = {"transform-job": TRANSFORM_JOBS, "training-job": TRAINING_JOBS}


class Item(NamedTuple):
    """A resource with a name of the pipeline."""

    kind: str
    name: str
    arn: str
    status: str


class Cleaning:
    """Everything that a pipeline has created, except its bucket."""

    def __init__(self, config: Config, account: Account, poller: Poller) -> None:
        self._config = config
        self._account = account
        self._poller = poller
        self._prefix = f"{config.pipeline.project}-{config.pipeline.experiment}"

    @property
    def _logs(self) -> Any:
        return self._account.client("logs")

    def find(self) -> tuple[list[Resource], list[Resource]]:
        """Find the pipeline's resources, in the order in which they must be deleted, and those that stay.

        Resources that cost money come first. Configurations and models come last, because they prove whose log group it
        is if the endpoint has been deleted already.
        """
        kept: list[Resource] = []
        own = {kind: self._own(kind, kept) for kind in LISTS}
        found = [_resource(item) for item in own["endpoint"]]
        streams = []
        for kind, group in LOG_GROUPS.items():
            for item in own[kind]:
                if item.status in ENDED:
                    detail = f"{item.status}; the record of a job stays with SageMaker, and costs nothing"
                    kept.append(Resource(kind=kind, name=item.name, detail=detail))
                else:
                    found.append(Resource(kind=kind, name=item.name, detail=f"{item.status}; it will be stopped"))
                streams += self._streams(group, item.name)
        names = {item.name for item in own["endpoint"]} | {endpoint_of(item.name) for item in own["endpoint-config"]}
        found += [*streams, *self._log_groups(names)]
        found += [_resource(item) for kind in ("endpoint-config", "model") for item in own[kind]]
        return found, kept

    def delete(self, resource: Resource, progress: Progress) -> None:
        """Delete a resource, or stop a job; no error if it does not exist."""
        kind, name = resource.kind, resource.name
        with explaining(f"{kind} {name}", STEP), ignoring_missing():
            if kind == "endpoint":
                self._delete_endpoint(name, progress)
            elif kind in LOG_GROUPS:
                self._stop(kind, name, progress)
            elif kind == "endpoint-config":
                self._account.sagemaker.delete_endpoint_config(EndpointConfigName=name)
            elif kind == "model":
                self._account.sagemaker.delete_model(ModelName=name)
            elif kind == "log-stream":
                group, _, stream = name.partition(":")
                self._logs.delete_log_stream(logGroupName=group, logStreamName=stream)
            elif kind == "log-group":
                self._logs.delete_log_group(logGroupName=name)
            else:
                raise PipelineError(f"{kind} {name}: not a kind of resource that cleanup deletes")

    def _own(self, kind: str, kept: list[Resource]) -> list[Item]:
        """Return the items with the pipeline's names and tags; add those with other tags to `kept`."""
        own = []
        for item in self._list(kind):
            with explaining(f"{kind} {item.name}", STEP), ignoring_missing():
                pages = self._account.sagemaker.get_paginator("list_tags").paginate(ResourceArn=item.arn)
                if are_own([tag for page in pages for tag in page["Tags"]], self._config):
                    own.append(item)
                else:
                    detail = "does not have this pipeline's tags: it is another's, or was not created by fasttrees"
                    kept.append(Resource(kind=kind, name=item.name, detail=detail))
        return own

    def _list(self, kind: str) -> list[Item]:
        operation, result, key = LISTS[kind]
        with explaining(f"{kind}s {self._prefix}*", STEP):
            pages = self._account.sagemaker.get_paginator(operation).paginate(NameContains=self._prefix)
            rows = [row for page in pages for row in page[result]]
        items = [Item(kind, row[f"{key}Name"], row[f"{key}Arn"], row.get(f"{key}Status", "")) for row in rows]
        return [item for item in items if f"{item.name}-".startswith(f"{self._prefix}-")]

    def _streams(self, group: str, job: str) -> list[Resource]:
        with explaining(f"log group {group}", STEP):
            return [
                Resource(kind="log-stream", name=f"{group}:{stream}")
                for stream in find_streams(self._logs, group, f"{job}/")
            ]

    def _log_groups(self, endpoints: set[str]) -> list[Resource]:
        prefix = f"{ENDPOINTS}/{self._prefix}"
        with explaining(f"log groups {prefix}*", STEP):
            pages = self._logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=prefix)
            names = [group["logGroupName"] for page in pages for group in page["logGroups"]]
        return [
            Resource(kind="log-group", name=name) for name in names if name.removeprefix(f"{ENDPOINTS}/") in endpoints
        ]

    def _delete_endpoint(self, name: str, progress: Progress) -> None:
        """Delete an endpoint, as soon as SageMaker allows it, and wait until it is gone."""
        status = ""
        for elapsed in self._poller.rounds(TIMEOUT):
            status = self._account.sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"]
            if status != "Deleting":
                self._ask_deletion(name, status)
            progress.advance(f"endpoint {name}: is being deleted", int(elapsed), None, "seconds")
        raise PipelineError(
            f"endpoint {name} is still {status} after {TIMEOUT / 60:.0f} minutes and costs money: SageMaker deletes "
            "none that is being created or updated, and may need an hour to give up; run "
            "`fasttrees pipeline cleanup` again then"
        )

    def _ask_deletion(self, name: str, status: str) -> None:
        try:
            self._account.sagemaker.delete_endpoint(EndpointName=name)
        except ClientError as error:
            if status not in CHANGING or code_of(error) != "ValidationException" or is_missing(error):
                raise

    def _stop(self, kind: str, name: str, progress: Progress) -> None:
        """Stop a job, and wait until it has stopped."""
        status = ""
        for elapsed in self._poller.rounds(TIMEOUT):
            status = self._job_status(kind, name)
            if status in ENDED:
                return
            if status == "InProgress":
                self._ask_stop(kind, name)
            progress.advance(f"{kind} {name}: is being stopped", int(elapsed), None, "seconds")
        raise PipelineError(
            f"{kind} {name} is still {status} after {TIMEOUT / 60:.0f} minutes and may cost money; run "
            "`fasttrees pipeline cleanup` again later"
        )

    def _job_status(self, kind: str, name: str) -> str:
        if kind == "training-job":
            return str(self._account.sagemaker.describe_training_job(TrainingJobName=name)["TrainingJobStatus"])
        return str(self._account.sagemaker.describe_transform_job(TransformJobName=name)["TransformJobStatus"])

    def _ask_stop(self, kind: str, name: str) -> None:
        if kind == "training-job":
            self._account.sagemaker.stop_training_job(TrainingJobName=name)
        else:
            self._account.sagemaker.stop_transform_job(TransformJobName=name)


def _resource(item: Item) -> Resource:
    return Resource(kind=item.kind, name=item.name, detail=item.status)
