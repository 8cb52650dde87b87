"""Errors of AWS as the programs report them."""

from __future__ import annotations

import errno
import os
from typing import Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError, ParamValidationError

from fasttrees.pipeline import PipelineError
from fasttrees.pipeline.aws.errors import explaining
from fasttrees.serving.fetch import EXPLAINER


def answer(code: str, message: str = "why", status: int = 400, **more: Any) -> ClientError:
    facts = {"HTTPStatusCode": status, "RetryAttempts": 7, "HTTPHeaders": more.pop("headers", {})}
    return ClientError({"Error": {"Code": code, "Message": message}, "ResponseMetadata": facts}, more["operation"])


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


# -- without boto3 -----------------------------------------------------------------------------------------------------


class ResponseStreamingError(Exception):
    """Looks like botocore's: it has the name of the attribute, but no answer."""

    response = None


class AnswerError(Exception):
    """Looks like botocore's ClientError."""

    operation_name = "GetObject"

    def __init__(self, status: int, code: str, message: str = "said so") -> None:
        self.response = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (AnswerError(403, "ExpiredToken"), "the credentials are refused; give the execution role"),
        (
            AnswerError(403, "InvalidObjectState"),
            "archived; restore it to a storage class that can be read at once",
        ),
        (AnswerError(412, "412"), "was replaced while it was fetched"),
        (
            AnswerError(404, "NoSuchVersion"),
            "no such version; see MODEL_S3_VERSION_ID (GetObject was answered NoS",
        ),
        (AnswerError(418, "Teapot", "short\nand  stout"), "GetObject was answered Teapot: short and stout"),
        (
            OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
            "No space left on device; set TMPDIR to a directory with more",
        ),
        (ResponseStreamingError("cut"), "the connection broke again and again: cut"),
        (RecursionError("too deep"), "S3 does not say in which region the bucket is: set AWS_REGION"),
        (KeyError("x"), "KeyError: 'x'"),
    ],
)
def test_causes(error: Exception, cause: str) -> None:
    assert EXPLAINER.explain(error, "sa-east-1").startswith(cause)
