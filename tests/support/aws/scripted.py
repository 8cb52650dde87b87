"""Answers of AWS by a script, where moto simulates nothing: jobs that take time, endpoints that hang, refusals.

The real clients of boto3 run, with their validation of parameters, their retries and their parsing of answers; only
the sending of a request is replaced.
"""

import io
import json
import re
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from fasttrees.pipeline import Config
from fasttrees.pipeline.aws.account import Account
from fasttrees.pipeline.aws.poller import Poller
from fasttrees.pipeline.aws.tags import tag_list
from tests.support.lines import Lines

ACCOUNT = "123456789012"
REGION = "sa-east-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/fasttrees"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
SERVICES = ("sagemaker", "sagemaker-runtime", "logs")
IDENTITY = f"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:iam::{ACCOUNT}:user/somebody</Arn><UserId>AIDA</UserId><Account>{ACCOUNT}</Account>
</GetCallerIdentityResult></GetCallerIdentityResponse>"""

Answer = Any  # a dict, an Error, bytes, or a function of the request's parameters that returns one


class Error:
    """An answer that is an error."""

    def __init__(self, code: str, message: str = "", status: int = 400, **more: Any) -> None:
        self.code, self.message, self.status, self.more = code, message, status, more

    def body(self) -> dict[str, Any]:
        return {"__type": self.code, "message": self.message, "Message": self.message, **self.more}


MISSING_JOB = Error("ValidationException", "Requested resource not found.")
MISSING_ENDPOINT = Error("ValidationException", 'Could not find endpoint "arn:aws:sagemaker:::endpoint/x".')
MISSING_LOG = Error("ResourceNotFoundException", "The specified log group does not exist.")
DENIED = Error("AccessDeniedException", "User: arn:aws:iam::123456789012:user/somebody is not authorized")
THROTTLED = Error("ThrottlingException", "Rate exceeded")


class ScriptedAws:
    """An account whose answers are given by operation: each once, the last one for ever."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.account = Account(config.aws)
        self.seconds = 0.0
        self.poller = Poller(clock=lambda: self.seconds, sleep=self.sleep)
        self.progress = Lines()
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.script: dict[str, list[Answer]] = {
            "DescribeLogStreams": [MISSING_LOG],
            "ListTags": [{"Tags": tag_list(config)}],
            "GetCallerIdentity": [IDENTITY.encode()],
        }
        for service in (*SERVICES, "sts"):
            self.account.client(service).meta.events.register_first("before-send", self._answer)

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def requests(self, operation: str) -> list[dict[str, Any]]:
        return [params for name, params in self.calls if name == operation]

    @property
    def operations(self) -> list[str]:
        return [name for name, _ in self.calls]

    def _answer(self, request: AWSPreparedRequest, event_name: str, **_: Any) -> AWSResponse:
        operation, params = self._parse(request)
        service = event_name.split(".")[1]
        if service in ("sagemaker", "logs"):
            shape = self.account.client(service).meta.service_model.operation_model(operation).input_shape
            check_constraints(shape, params, operation)
        self.calls.append((operation, params))
        answers = self.script.get(operation)
        assert answers, f"no answer to {operation} {params}"
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if callable(answer):
            answer = answer(params)
        status, headers = 200, {"x-amzn-requestid": "1"}
        if isinstance(answer, Error):
            status, answer = answer.status, answer.body()
            headers["x-amzn-errortype"] = answer["__type"]
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        return AWSResponse(request.url, status, headers, Raw(body))

    @staticmethod
    def _parse(request: AWSPreparedRequest) -> tuple[str, dict[str, Any]]:
        if target := request.headers.get("X-Amz-Target"):
            text = target.decode() if isinstance(target, bytes) else target
            return text.rpartition(".")[2], json.loads(request.body)
        if "/invocations" in str(request.url):
            return "InvokeEndpoint", {"url": request.url, "body": request.body}
        return "GetCallerIdentity", {}


def check_constraints(shape: Any, value: Any, place: str) -> None:
    """Check lengths, patterns and enumerations of strings, which botocore knows but leaves to the service."""
    if shape.type_name == "structure":
        for name, part in value.items():
            check_constraints(shape.members[name], part, f"{place}.{name}")
    elif shape.type_name == "list":
        for part in value:
            check_constraints(shape.member, part, place)
    elif shape.type_name == "map":
        for name, part in value.items():
            check_constraints(shape.key, name, place)
            check_constraints(shape.value, part, f"{place}.{name}")
    elif shape.type_name == "string":
        facts = shape.metadata
        assert facts.get("min", 0) <= len(value) <= facts.get("max", 1 << 30), f"{place}: {value}"
        assert value in facts.get("enum", [value]), f"{place}: {value}"
        if "pattern" in facts and "\\p{" not in facts["pattern"]:  # of Java alone
            assert re.fullmatch(facts["pattern"], value, re.DOTALL), f"{place}: {value}"


class Raw(io.BytesIO):
    """A body as urllib3 gives it."""

    def stream(self, amount: int = 1 << 16, decode_content: bool = False) -> Any:
        while block := self.read(amount):
            yield block


def log(stream: str, *pages: list[str]) -> dict[str, list[Answer]]:
    """Pages of one log stream, and then its end."""
    answers = [
        {"events": [{"message": f"{line}\n", "timestamp": 0} for line in lines], "nextForwardToken": f"f/{number}"}
        for number, lines in enumerate(pages)
    ]
    end = {"events": [], "nextForwardToken": f"f/{len(pages) - 1}"}
    return {"DescribeLogStreams": [{"logStreams": [{"logStreamName": stream}]}], "GetLogEvents": [*answers, end]}


def configuration(**sections: dict[str, Any]) -> Config:
    """A configuration for AWS, with other values in some sections."""
    table: dict[str, dict[str, Any]] = {
        "pipeline": {"project": "flights", "experiment": "first", "backend": "aws"},
        "train": {"image": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/fasttrees-train:1"},
        "deploy": {"image": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/fasttrees-serve:1"},
        "aws": {"region": REGION, "bucket": "some-bucket", "role": ROLE, "tags": {"team": "delays"}},
    }
    for name, values in sections.items():
        table[name] = {**table.get(name, {}), **values}
    return Config.model_validate(table)
