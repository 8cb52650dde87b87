"""Endpoints of SageMaker."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from fasttrees._aws.errors import code_of, ignoring_missing
from fasttrees._runtime.progress import Progress
from fasttrees.pipeline.aws.account import Account
from fasttrees.pipeline.aws.errors import explaining
from fasttrees.pipeline.aws.jobs import attended, console_url, log_lines
from fasttrees.pipeline.aws.logs import ENDPOINTS, LogTail
from fasttrees.pipeline.aws.models import Models
from fasttrees.pipeline.aws.poller import Poller
from fasttrees.pipeline.aws.requests import SETTLING, call_when_found
from fasttrees.pipeline.aws.tags import are_own, tag_list
from fasttrees.pipeline.backend import Hosting
from fasttrees.pipeline.config import Config
from fasttrees.pipeline.errors import PipelineError

__all__ = ["Endpoints"]

STEP = "deploy"
# States in which SageMaker refuses to update an endpoint and, except in the last, to delete it.
CHANGING = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")


class Endpoints:
    """Endpoints of a pipeline."""

    def __init__(self, config: Config, account: Account, poller: Poller, models: Models) -> None:
        self._config = config
        self._account = account
        self._poller = poller
        self._models = models

    def deploy(self, hosting: Hosting, progress: Progress) -> str:
        """Bring an endpoint with this model and these instances into service; return its ARN. See Backend."""
        name, timeout = hosting.name, self._config.deploy.timeout_minutes * 60.0
        model = self._models.create_model(hosting, STEP)
        wanted = self._models.create_endpoint_config(hosting, model, STEP)
        found = self._describe(name)
        if found is not None and found["EndpointStatus"] in CHANGING:
            progress.say(f"endpoint {name} is there already, {found['EndpointStatus']}: waiting for it")
            found = self._wait(name, timeout, progress)
        if found is None:
            request = {"EndpointName": name, "EndpointConfigName": wanted, "Tags": tag_list(self._config)}
            with explaining(f"endpoint {name}", STEP):
                call_when_found(lambda: self._account.sagemaker.create_endpoint(**request), self._poller)
            progress.say(f"endpoint {name} is being created: {self._console(name)}; it costs money until it is deleted")
        elif found["EndpointStatus"] != "InService":
            raise PipelineError(self._failure(name, found))
        elif found["EndpointConfigName"] == wanted:
            return str(found["EndpointArn"])
        else:
            self._check_own(name, found["EndpointArn"])
            update = {"EndpointName": name, "EndpointConfigName": wanted}
            with explaining(f"endpoint {name}", STEP):
                call_when_found(lambda: self._account.sagemaker.update_endpoint(**update), self._poller)
            progress.say(f"endpoint {name} gets another model or other instances; the old ones answer until then")
        found = self._wait(name, timeout, progress, begun=True)
        if found is None or found["EndpointStatus"] != "InService" or found["EndpointConfigName"] != wanted:
            raise PipelineError(self._failure(name, found))
        return str(found["EndpointArn"])

    def in_service(self, name: str) -> bool:
        """Return whether an endpoint is in service."""
        found = self._describe(name)
        return found is not None and found["EndpointStatus"] == "InService"

    def invoke(self, name: str, body: bytes, content_type: str) -> bytes:
        """Send a body to an endpoint; return the answer's body."""
        with explaining(f"endpoint {name}", "invoke"):
            try:
                answer = self._account.client("sagemaker-runtime").invoke_endpoint(
                    EndpointName=name, Body=body, ContentType=content_type
                )
            except ClientError as error:
                if refusal := _refusal(error):
                    raise PipelineError(f"endpoint {name}: {refusal}") from error
                raise
            return bytes(answer["Body"].read())

    def _describe(self, name: str) -> dict[str, Any] | None:
        """Return the service's description of an endpoint; None: there is none."""
        with explaining(f"endpoint {name}", STEP), ignoring_missing():
            description: dict[str, Any] = self._account.sagemaker.describe_endpoint(EndpointName=name)
            return description
        return None

    def _wait(self, name: str, timeout: float, progress: Progress, begun: bool = False) -> dict[str, Any] | None:
        """Wait until an endpoint no longer changes; None: it does not exist, or not any more if it was just created."""
        status = ""
        with attended(f"endpoint {name}", f"aws sagemaker delete-endpoint --endpoint-name {name}", STEP, progress):
            for elapsed in self._poller.rounds(timeout):
                found = self._describe(name)
                if found is None and begun and elapsed < SETTLING:
                    continue
                if found is None or found["EndpointStatus"] not in CHANGING:
                    return found
                status = found["EndpointStatus"]
                progress.advance(f"endpoint {name}: {status}", int(elapsed), None, "seconds")
        raise PipelineError(
            f"endpoint {name} is still {status} after {timeout / 60:.0f} minutes (deploy.timeout_minutes); it exists "
            f"with its model and configuration, and costs money: `fasttrees pipeline deploy` waits for it again, "
            f"`fasttrees pipeline cleanup` deletes it, once SageMaker lets it; see {self._console(name)}"
            f"{self._log_lines(name)}"
        )

    def _failure(self, name: str, found: dict[str, Any] | None) -> str:
        """Return why an endpoint is not in the wanted state, and how to go on."""
        if found is None:
            return f"endpoint {name} is gone: deleted meanwhile? `fasttrees pipeline deploy` creates another"
        reason = " ".join(found.get("FailureReason", "SageMaker gives no reason").split())
        if found["EndpointStatus"] == "InService":
            state = f"was not updated, so what it served before still answers, and costs money: {reason}; once the "
            remedy = "cause is removed, `fasttrees pipeline deploy` tries again"
        else:
            state = f"is {found['EndpointStatus']}: {reason}; it may cost money until "
            remedy = "`fasttrees pipeline cleanup` deletes it; once the cause is removed, deploy again"
        return f"endpoint {name} {state}{remedy}; see {self._console(name)}{self._log_lines(name)}"

    def _check_own(self, name: str, arn: str) -> None:
        """Refuse to change an endpoint that does not carry the pipeline's tags."""
        with explaining(f"endpoint {name}", STEP):
            tags = self._account.sagemaker.list_tags(ResourceArn=arn)["Tags"]
        if not are_own(tags, self._config):
            raise PipelineError(
                f"endpoint {name} exists already and does not carry this pipeline's tags, so it is left as it is: "
                "choose another pipeline.project or pipeline.experiment"
            )

    def _console(self, name: str) -> str:
        return console_url(self._account, "endpoints", name)

    def _log_lines(self, name: str) -> str:
        return log_lines(LogTail(self._account, f"{ENDPOINTS}/{name}", "", STEP))


def _refusal(error: ClientError) -> str:
    """Return what an error means that only endpoints answer; empty for other errors."""
    code, answer = code_of(error), dict(error.response)
    message = str(answer.get("OriginalMessage") or answer["Error"].get("Message", "")).strip()
    if code == "ModelError":
        place = f"; its log: {answer['LogStreamArn']}" if "LogStreamArn" in answer else ""
        return f"its container answered {answer.get('OriginalStatusCode', 'an error')}: {message}{place}"
    if code == "ValidationError" and "not found" in message:
        return "there is none; `fasttrees pipeline deploy` creates it"
    return ""
