"""Tags, and what errors of AWS become."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError, ParamValidationError

from fasttrees.pipeline import Config, PipelineError
from fasttrees.pipeline.aws.errors import explaining
from fasttrees.pipeline.aws.tags import add_tags, are_own, own_tags, tag_list


def config(**aws: Any) -> Config:
    return Config.model_validate({"pipeline": {"project": "flights", "experiment": "one"}, "aws": aws})


def answer(code: str, message: str = "why", status: int = 400, **more: Any) -> ClientError:
    facts = {"HTTPStatusCode": status, "RetryAttempts": 7, "HTTPHeaders": more.pop("headers", {})}
    return ClientError({"Error": {"Code": code, "Message": message}, "ResponseMetadata": facts}, more["operation"])


def test_tags_prove_project_and_experiment() -> None:
    tags = tag_list(config(tags={"team": "data", "fasttrees:project": "stolen"}))
    assert {"Key": "team", "Value": "data"} in tags
    assert are_own(tags, config())
    for missing in own_tags(config()):
        assert not are_own([tag for tag in tags if tag["Key"] != missing], config())
    assert not are_own(tags, Config.model_validate({"pipeline": {"project": "flights", "experiment": "two"}}))
    kept = add_tags([{"Key": "cost", "Value": "7"}], config())
    assert {"Key": "cost", "Value": "7"} in kept
    assert are_own(kept, config())


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (answer("AccessDenied", operation="HeadObject"), ["HeadObject", "s3:GetObject", "policies/train.json"]),
        (
            answer("AccessDeniedException", "User x is not authorized to perform: iam:PassRole on y", operation="A"),
            ["right iam:PassRole", "policies/train.json"],
        ),
        (answer("SlowDown", operation="PutObject"), ["PutObject", "8 attempts", "wait"]),
        (answer("ExpiredToken", operation="PutObject"), ["credentials are refused", "aws sso login"]),
        (
            answer("301", operation="HeadBucket", headers={"x-amz-bucket-region": "sa-east-1"}),
            ["is in sa-east-1", "aws.region"],
        ),
        (answer("ResourceLimitExceeded", operation="CreateEndpoint"), ["quota"]),
        (NoCredentialsError(), ["no credentials", "aws.profile"]),
        (ParamValidationError(report="Invalid bucket"), ["Invalid bucket", "configuration"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_errors_become_one_line(error: Exception, expected: list[str]) -> None:
    with pytest.raises(PipelineError) as caught, explaining("s3://b/k", "train"):
        raise error
    line = str(caught.value)
    assert line.startswith("s3://b/k: ")
    assert "\n" not in line
    assert all(part in line for part in expected), line


def test_credentials_are_never_quoted() -> None:
    quoted = "The Canonical String should have been 'x-amz-security-token:SECRET'"
    for error in (
        answer("InvalidSignatureException", quoted, operation="CreateModel"),
        answer("ValidationException", "key AKIAIOSFODNN7EXAMPLE", operation="CreateModel"),
    ):
        with pytest.raises(PipelineError) as caught, explaining("model", "deploy"):
            raise error
        assert "SECRET" not in str(caught.value)
        assert "IOSFODNN7EXAMPLE" not in str(caught.value)
