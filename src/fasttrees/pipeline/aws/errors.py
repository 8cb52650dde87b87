"""Turns what botocore raises into one line: the call, the service's own words, and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError
from s3transfer.exceptions import RetriesExceededError, S3DownloadFailedError

from fasttrees.pipeline.errors import PipelineError

__all__ = ["action_of", "code_of", "explaining", "ignoring_missing", "is_missing"]

POLICIES = "docs/reference/aws/policies"

# IAM's actions where they are not named `sagemaker:` and the operation: its reference of services, actions and
# conditions, "Actions, resources, and condition keys for Amazon S3" and for the others.
ACTIONS = {
    "AbortMultipartUpload": "s3:AbortMultipartUpload",
    "CompleteMultipartUpload": "s3:PutObject",
    "CreateBucket": "s3:CreateBucket",
    "CreateMultipartUpload": "s3:PutObject",
    "DeleteBucket": "s3:DeleteBucket",
    "DeleteLogGroup": "logs:DeleteLogGroup",
    "DeleteLogStream": "logs:DeleteLogStream",
    "DeleteObject": "s3:DeleteObject",
    "DeleteObjects": "s3:DeleteObject and s3:DeleteObjectVersion",
    "DescribeLogGroups": "logs:DescribeLogGroups",
    "DescribeLogStreams": "logs:DescribeLogStreams",
    "FilterLogEvents": "logs:FilterLogEvents",
    "GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "GetBucketOwnershipControls": "s3:GetBucketOwnershipControls",
    "GetBucketPolicy": "s3:GetBucketPolicy",
    "GetBucketTagging": "s3:GetBucketTagging",
    "GetCallerIdentity": "sts:GetCallerIdentity",
    "GetLogEvents": "logs:GetLogEvents",
    "GetObject": "s3:GetObject",
    "GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "HeadBucket": "s3:ListBucket",
    "HeadObject": "s3:GetObject",
    "ListMultipartUploads": "s3:ListBucketMultipartUploads",
    "ListObjectVersions": "s3:ListBucketVersions",
    "ListObjectsV2": "s3:ListBucket",
    "PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "PutBucketOwnershipControls": "s3:PutBucketOwnershipControls",
    "PutBucketPolicy": "s3:PutBucketPolicy",
    "PutBucketTagging": "s3:PutBucketTagging",
    "PutObject": "s3:PutObject",
    "PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "UploadPart": "s3:PutObject",
}
DENIED = {"AccessDenied", "AccessDeniedException", "AllAccessDisabled", "UnauthorizedOperation", "403"}
THROTTLED = {
    "LimitExceededException",
    "RequestLimitExceeded",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "429",
}
BUSY = {
    "500",
    "502",
    "503",
    "504",
    "InternalError",
    "InternalFailure",
    "InternalServerError",
    "RequestTimeout",
    "ServiceUnavailable",
    "ServiceUnavailableException",
}
CREDENTIALS = {
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "InvalidToken",
    "MissingAuthenticationToken",
    "RequestExpired",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
    "UnrecognizedClientException",
}
REGION = {"301", "307", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect"}
MISSING = {"404", "NoSuchBucket", "NoSuchKey", "NotFound", "ResourceNotFound", "ResourceNotFoundException"}
LOG_IN = "log in again (`aws sso login`, `aws configure`), or set AWS_* variables; see aws.profile"
KEY_ID = re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{12,}")


@contextmanager
def explaining(what: str, step: str) -> Iterator[None]:
    """Let calls to AWS inside the block fail with a PipelineError.

    Parameters
    ----------
    what : str
        What the calls are about, such as ``s3://bucket/key`` or ``training job NAME``.
    step : str
        Whose policy in ``docs/reference/aws/policies`` has the rights for them, such as ``upload``; many are joined by
        ``or``.

    Raises
    ------
    PipelineError
        One line. Credentials, and answers that quote them, are never part of it.
    """
    try:
        yield
    except RetriesExceededError as error:
        raise PipelineError(_line(what, _explain(error.last_exception, step))) from error
    except S3DownloadFailedError as error:  # an ETag that is no longer the one that was asked for
        raise PipelineError(_line(what, f"was replaced while it was fetched ({error}); run the step again")) from error
    except (BotoCoreError, Boto3Error, ClientError) as error:
        raise PipelineError(_line(what, _explain(error, step))) from error


@contextmanager
def ignoring_missing() -> Iterator[None]:
    """Leave the block where what a call is about does not exist; other errors pass."""
    try:
        yield
    except ClientError as error:
        if not is_missing(error):
            raise


def code_of(error: ClientError) -> str:
    """Return the service's code of an error; the HTTP status, where an answer has no body."""
    return str(error.response.get("Error", {}).get("Code", ""))


def is_missing(error: ClientError) -> bool:
    """Tell whether a call failed because what it was about does not exist."""
    message = str(error.response.get("Error", {}).get("Message", ""))
    # SageMaker has no code of its own for it: "Could not find model ...", of a training job "Requested resource not
    # found.".
    return code_of(error) in MISSING or (
        code_of(error) == "ValidationException" and re.search("could not find|not found", message, re.I) is not None
    )


def action_of(operation: str) -> str:
    """Return what IAM calls the right to call an operation of the API."""
    return ACTIONS.get(operation, f"sagemaker:{operation}")


def _line(what: str, cause: str) -> str:
    return KEY_ID.sub(r"\1...", " ".join(f"{what}: {cause}".split()))[:1500]


def _explain(error: BaseException, step: str) -> str:
    """Say the cause and the remedy."""
    name = type(error).__name__
    if isinstance(error, ClientError):
        return _answer(error, step)
    if name in ("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError") or "Token" in name:
        return f"no valid credentials: {error}; {LOG_IN}"
    if name == "ProfileNotFound":
        return f"{error}: see aws.profile, `aws configure list-profiles`"
    if name == "NoRegionError":
        return 'no region is known: set aws.region, such as "sa-east-1"'
    if name in ("EndpointConnectionError", "ConnectTimeoutError", "ProxyConnectionError", "SSLError"):
        return f"{error}; is there a network, does aws.region exist, and does a VPC have an endpoint for the service?"
    if name in ("ConnectionClosedError", "ReadTimeoutError", "IncompleteReadError", "ResponseStreamingError"):
        return f"the connection broke again and again: {error}; run the step again, what is done is kept"
    if name in ("ParamValidationError", "InvalidRegionError", "UnknownServiceError"):
        return f"a value does not fit: {error}; see the configuration"
    return f"{name}: {error}"


def _answer(error: ClientError, step: str) -> str:
    """Say what an answer means that is an error."""
    operation, code = error.operation_name, code_of(error)
    message = str(error.response.get("Error", {}).get("Message", ""))
    facts: dict[str, Any] = error.response.get("ResponseMetadata", {})
    said = f"{operation} was answered {code}: {message}"
    if code in DENIED:
        found = re.search(r"not authorized to perform:? ([\w-]+:\w+)", message)
        action = found[1] if found else action_of(operation)
        policy = " or ".join(f"{POLICIES}/{name}.json" for name in step.split(" or "))
        return f"{said}; the right {action} is missing: {policy} grants it"
    if code in CREDENTIALS:  # its message may quote the request with its token
        return f"{operation} was answered {code}: the credentials are not valid, or no longer; {LOG_IN}"
    if code in THROTTLED:
        attempts = facts.get("RetryAttempts", 0) + 1
        return (
            f"{said}; {attempts} attempts: too many requests at a time; run the step again later, what is done is kept"
        )
    if code in BUSY:
        attempts = facts.get("RetryAttempts", 0) + 1
        return f"{said}; {attempts} attempts: the service is failing; run the step again later, what is done is kept"
    actual = facts.get("HTTPHeaders", {}).get("x-amz-bucket-region")
    if code in REGION or (code == "400" and actual):
        place = actual or error.response.get("Error", {}).get("Region") or "another region"
        return f"{said}; it is in {place}: set aws.region, or name another aws.bucket"
    if code.startswith("KMS."):
        return f"{said}; see aws.kms_key and the key's policy: kms:GenerateDataKey and kms:Decrypt are needed"
    if code == "ResourceLimitExceeded":
        return f"{said}; another instance type or count, or ask for a higher quota (AWS Service Quotas)"
    return said
