"""Turns what boto3 raises into the cause and its remedy, in one line."""

from __future__ import annotations

import errno
from typing import Any

__all__ = ["DISK_FULL", "FetchError", "explain"]

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

CREDENTIALS = "give the execution role of the model, or AWS_* variables; an isolated container has none"
DENIED = (
    "the role needs s3:GetObject for this key, and kms:Decrypt if a KMS key encrypts it; "
    "without s3:ListBucket S3 says the same where there is no such key"
)
UNREACHED = "no route to S3, or no name service; a VPC without internet needs an endpoint for S3"
REPLACED = "was replaced while it was fetched; start again, or set MODEL_S3_VERSION_ID"

# By S3's code, or by the status where an answer to HEAD has no body to hold a code.
CAUSES = {
    "AccessDenied": f"access denied; {DENIED}",
    "AllAccessDisabled": f"access denied; {DENIED}",
    "403": f"access denied; {DENIED}",
    "NoSuchBucket": "no such bucket; see MODEL_S3_BUCKET",
    "NoSuchKey": "no such key in the bucket; see MODEL_S3_KEY",
    "NoSuchVersion": "no such version; see MODEL_S3_VERSION_ID",
    "MethodNotAllowed": "this version is a delete marker; see MODEL_S3_VERSION_ID",
    "404": "no such key or bucket; see MODEL_S3_BUCKET and MODEL_S3_KEY",
    "InvalidObjectState": "archived; restore it to a storage class that can be read at once",
    "PreconditionFailed": REPLACED,
    "412": REPLACED,
}
CREDENTIAL_CODES = {
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
}
REGION_CODES = {"301", "307", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect"}
BUSY_CODES = {"500", "502", "503", "504", "InternalError", "RequestTimeout", "ServiceUnavailable", "SlowDown"}


class FetchError(Exception):
    """A cause that this package has found itself, ready to be told."""


def explain(error: BaseException, region: str | None) -> str:
    """Say why the model could not be fetched.

    Parameters
    ----------
    error : BaseException
    region : str or None
        The region that was asked.

    Returns
    -------
    str
        One line.
    """
    return " ".join(_cause(error, region).split())[:1000]


def _cause(error: BaseException, region: str | None) -> str:
    # The names of classes stand for them, so that this works where boto3 cannot be imported.
    name = type(error).__name__
    last = getattr(error, "last_exception", None)  # s3transfer gave up after several of these
    if isinstance(error, FetchError):
        return str(error)
    if last is not None:
        return _cause(last, region)
    if isinstance(error, ImportError):
        return f"boto3 cannot be imported: {error}; install fasttrees-lightgbm[serve]"
    if isinstance(error, RecursionError):  # what boto3 makes of redirects without an aim
        return "S3 does not say in which region the bucket is: set AWS_REGION"
    if isinstance(getattr(error, "response", None), dict):
        return _answer(error, region)
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        return f"{error.strerror}; set TMPDIR to a directory with more"
    if name == "S3DownloadFailedError" and "ETag" in str(error):
        return REPLACED
    if name in ("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "ProfileNotFound"):
        return f"no credentials: {error}; {CREDENTIALS}"
    if name in ("ConnectTimeoutError", "EndpointConnectionError", "ProxyConnectionError"):
        return f"{error}; {UNREACHED}" + ("" if region else "; set AWS_REGION, too")
    if name in ("IncompleteReadError", "ReadTimeoutError", "ResponseStreamingError", "ConnectionClosedError"):
        return f"the connection broke again and again: {error}"
    if name == "FlexibleChecksumError":
        return f"what came is not what S3 stored: {error}"
    return f"{name}: {error}"


def _answer(error: Any, region: str | None) -> str:
    """Say what an answer of S3 means that is an error."""
    details = error.response.get("Error", {})
    code, message = str(details.get("Code", "")), str(details.get("Message", ""))
    facts = error.response.get("ResponseMetadata", {})
    said = f"S3 answered {facts.get('HTTPStatusCode')} {code}: {message}"
    if code in REGION_CODES or ("x-amz-bucket-region" in facts.get("HTTPHeaders", {}) and code == "400"):
        actual = facts.get("HTTPHeaders", {}).get("x-amz-bucket-region") or details.get("Region") or "another region"
        return f"the bucket is in {actual}, not in {region}: set AWS_REGION ({said})"
    if code in CAUSES:
        return f"{CAUSES[code]} ({said})"
    if code in CREDENTIAL_CODES:
        return f"the credentials are refused; {CREDENTIALS} ({said})"
    if code.startswith("KMS."):
        return f"its KMS key cannot be used; the role needs kms:Decrypt for it ({said})"
    if code in BUSY_CODES:
        return f"S3 is busy or failing, {facts.get('RetryAttempts', 0) + 1} attempts; start again later ({said})"
    return said
