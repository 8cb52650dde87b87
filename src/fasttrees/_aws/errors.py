"""Explain what boto3 raises: one line with the cause, the remedy, and the service's own words.

Classes of boto3 are recognised by their names, so that this works if boto3 cannot be imported.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fasttrees._aws.actions import action_of
from fasttrees.errors import FastTreesError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["DISK_FULL", "AwsError", "Explainer", "code_of", "ignoring_code", "ignoring_missing", "is_missing"]

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
POLICIES = "docs/reference/aws/policies"
MAX_LENGTH = 1000  # characters; SageMaker shows the first 1024 of a failure's reason

# By the service's code, or by the HTTP status if the answer has no body to hold a code, as to HEAD. The names are
# fields of Explainer: the settings to look at.
CAUSES = {
    "NoSuchBucket": ("no such bucket", ("bucket",)),
    "NoSuchKey": ("no such key in the bucket", ("key",)),
    "NoSuchVersion": ("no such version", ("version",)),
    "MethodNotAllowed": ("this version is a delete marker", ("version",)),
    "404": ("no such key or bucket", ("bucket", "key")),
    "InvalidObjectState": ("archived; restore it to a storage class that can be read at once", ()),
    "ResourceLimitExceeded": (
        "a quota is exhausted; choose another instance type or count, or ask for more in AWS Service Quotas",
        (),
    ),
}
REPLACED_CODES = {"412", "PreconditionFailed"}
DENIED_CODES = {"AccessDenied", "AccessDeniedException", "AllAccessDisabled", "UnauthorizedOperation", "403"}
CREDENTIAL_CODES = {
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
REGION_CODES = {"301", "307", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect"}
BUSY_CODES = {
    "429",
    "500",
    "502",
    "503",
    "504",
    "InternalError",
    "InternalFailure",
    "InternalServerError",
    "LimitExceededException",
    "RequestLimitExceeded",
    "RequestTimeout",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
}
MISSING_CODES = {"404", "NoSuchBucket", "NoSuchKey", "NotFound", "ResourceNotFound", "ResourceNotFoundException"}
NO_CREDENTIALS = {"NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError"}
UNREACHED = {"EndpointConnectionError", "ConnectTimeoutError", "ProxyConnectionError", "SSLError"}
BROKEN = {"ConnectionClosedError", "ReadTimeoutError", "IncompleteReadError", "ResponseStreamingError"}
BAD_VALUE = {"ParamValidationError", "InvalidRegionError", "UnknownServiceError"}
TRANSFER_ERRORS = {"RetriesExceededError", "S3DownloadFailedError"}  # of s3transfer; others there end a transfer
KEY_ID = re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{12,}")


class AwsError(FastTreesError):
    """A cause that this package has found itself, to be raised inside a block of :meth:`Explainer.explaining`."""


@dataclass(frozen=True)
class Explainer:
    """Explains errors in the terms of a program.

    Attributes
    ----------
    error : type
        The exception that the program raises.
    credentials : str
        How its user provides valid credentials.
    again : str
        How its user repeats what has failed.
    region : str
        The setting or variable that names the region.
    profile, bucket, key, version, kms_key : str
        The settings that name these; empty: the program has none.
    disk_full : str
        How its user makes room for a file.
    extra : str
        The extra of fasttrees that installs boto3.
    """

    error: type[FastTreesError]
    credentials: str
    again: str
    region: str = "AWS_DEFAULT_REGION"
    profile: str = "AWS_PROFILE"
    bucket: str = ""
    key: str = ""
    version: str = ""
    kms_key: str = ""
    disk_full: str = "free some space"
    extra: str = "serve"

    @contextmanager
    def explaining(self, what: str, policies: str) -> Iterator[None]:
        """Let calls to AWS inside the block fail with the program's error, in one line.

        Credentials, and answers that quote them, are never part of it.

        Parameters
        ----------
        what : str
            What the calls are about, such as ``s3://bucket/key`` or ``training job NAME``; begins the line.
        policies : str
            The policies in ``docs/reference/aws/policies`` that grant the calls, joined by ``or``.
        """
        try:
            yield
        except Exception as error:
            if not _is_explainable(error):
                raise
            raise self.error(_one_line(f"{what}: {self._cause(error, policies, None)}")) from error

    def explain(self, error: BaseException, region: str | None = None) -> str:
        """Return the cause and the remedy of an error in one line.

        Parameters
        ----------
        error : BaseException
        region : str or None
            The region that was asked, if it is known.
        """
        return _one_line(self._cause(error, "", region))

    def no_region(self) -> FastTreesError:
        """Return the error that no region is known."""
        settings = " or ".join(dict.fromkeys([self.region, "AWS_DEFAULT_REGION"]))
        return self.error(f'no AWS region is known: set {settings}, such as "sa-east-1"')

    def _cause(self, error: BaseException, policies: str, region: str | None) -> str:
        name = type(error).__name__
        last = getattr(error, "last_exception", None)  # s3transfer gave up after several of these
        if isinstance(error, AwsError):
            return str(error)
        if last is not None:
            return self._cause(last, policies, region)
        if isinstance(error, ImportError):
            return f"boto3 cannot be imported: {error}; install fasttrees-lightgbm[{self.extra}]"
        if isinstance(error, RecursionError):  # botocore follows redirects that name no region
            return f"S3 does not say in which region the bucket is: set {self.region}"
        if isinstance(getattr(error, "response", None), dict):
            return self._explain_answer(error, policies, region)
        if isinstance(error, OSError) and error.strerror:
            file = f"{error.filename}: " if error.filename else ""
            return f"{file}{error.strerror}" + (f"; {self.disk_full}" if error.errno in DISK_FULL else "")
        if name == "S3DownloadFailedError" and "ETag" in str(error):
            return self._replaced()
        if name in NO_CREDENTIALS or "Token" in name:
            return f"no credentials: {error}; {self.credentials}"
        if name == "ProfileNotFound":
            return f"{error}; see {self.profile} and `aws configure list-profiles`"
        if name == "NoRegionError":
            return str(self.no_region())
        if name in UNREACHED:
            return (
                f"{error}; is there a network, does the region exist (see {self.region}), and does a VPC without "
                "internet have an endpoint for the service?"
            )
        if name in BROKEN:
            return f"the connection broke again and again: {error}; {self.again}"
        if name == "FlexibleChecksumError":
            return f"what came is not what S3 stored: {error}; {self.again}"
        if name in BAD_VALUE:
            return f"a value does not fit: {error}; see the configuration"
        return f"{name}: {error}"

    def _explain_answer(self, error: Any, policies: str, region: str | None) -> str:
        """Return what an error that a service has answered means."""
        details, metadata = error.response.get("Error", {}), error.response.get("ResponseMetadata", {})
        code, message = code_of(error), str(details.get("Message", ""))
        operation = getattr(error, "operation_name", "S3")
        answer = f"{operation} was answered {code}"
        if code in CREDENTIAL_CODES:  # the message may quote the request with its token
            return f"the credentials are refused; {self.credentials} ({answer})"
        answer = f"{answer}: {message}"
        actual = metadata.get("HTTPHeaders", {}).get("x-amz-bucket-region") or details.get("Region")
        if code in REGION_CODES or (code == "400" and actual):
            asked = f", not in {region}" if region else ""
            other = f", or name another {self.bucket}" if self.bucket else ""
            return f"the bucket is in {actual or 'another region'}{asked}: set {self.region}{other} ({answer})"
        if code in DENIED_CODES:
            return f"{_denied(operation, message, policies)} ({answer})"
        if code in BUSY_CODES:
            attempts = metadata.get("RetryAttempts", 0) + 1
            return f"AWS is busy or failing, {attempts} attempts; wait, then {self.again} ({answer})"
        if code in REPLACED_CODES:
            return f"{self._replaced()} ({answer})"
        if code.startswith("KMS."):
            see = f"; see {self.kms_key} and the key's policy" if self.kms_key else ""
            return (
                f"its KMS key cannot be used; kms:Decrypt is needed, and to write kms:GenerateDataKey{see} ({answer})"
            )
        if code in CAUSES:
            cause, fields = CAUSES[code]
            see = " and ".join(setting for field in fields if (setting := getattr(self, field)))
            return f"{cause}{f'; see {see}' if see else ''} ({answer})"
        return answer

    def _replaced(self) -> str:
        return f"was replaced while it was fetched; {self.again}" + (f", or set {self.version}" if self.version else "")


def code_of(error: BaseException) -> str:
    """Return the service's code of an error, or the HTTP status if the answer has no body; empty for other errors."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def is_missing(error: BaseException) -> bool:
    """Return whether a call failed because what it was about does not exist."""
    code = code_of(error)
    # SageMaker has no code of its own for it: "Could not find model ...", of a training job "Requested resource not
    # found.".
    return code in MISSING_CODES or (
        code == "ValidationException" and re.search("could not find|not found", str(error), re.I) is not None
    )


@contextmanager
def ignoring_missing() -> Iterator[None]:
    """Leave the block if what a call is about does not exist; other errors pass."""
    try:
        yield
    except Exception as error:
        if not is_missing(error):
            raise


@contextmanager
def ignoring_code(code: str) -> Iterator[None]:
    """Leave the block if the service answers with this code: what was asked for does not exist."""
    try:
        yield
    except Exception as error:
        if code_of(error) != code:
            raise


def _is_explainable(error: Exception) -> bool:
    packages = {cls.__module__.partition(".")[0] for cls in type(error).__mro__}
    return (
        type(error) is AwsError
        or isinstance(error, (ImportError, OSError))
        or not packages.isdisjoint({"boto3", "botocore"})
        or type(error).__name__ in TRANSFER_ERRORS
    )


def _denied(operation: str, message: str, policies: str) -> str:
    """Name the right that is missing, and the policy that grants it."""
    named = re.search(r"not authorized to perform:? ([\w-]+:\w+)", message)
    text = f"access denied: the right {named[1] if named else action_of(operation)} is missing"
    if policies:
        files = " or ".join(f"{POLICIES}/{name}.json" for name in policies.split(" or "))
        text += f": {files} grants it"
    if operation in ("GetObject", "HeadObject"):
        text += ", or kms:Decrypt for its KMS key; without s3:ListBucket S3 answers the same if there is no such key"
    return text


def _one_line(text: str) -> str:
    return KEY_ID.sub(r"\1...", " ".join(text.split()))[:MAX_LENGTH]
