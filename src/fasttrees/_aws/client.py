"""Clients of AWS services. boto3 is imported only when one is made: it is an extra, and slow to import."""

from __future__ import annotations

from dataclasses import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["S3Settings", "expect_owner", "new_client", "open_session"]


@dataclass(frozen=True)
class S3Settings:
    """How AWS is reached and how objects are written; credentials are found by boto3 alone and never kept here.

    Attributes
    ----------
    region, profile : str or None
        None: what boto3's own settings say.
    kms_key : str or None
        Key that encrypts new objects; None: the default of the bucket.
    user_agent : str or None
        Added to the User-Agent header of all requests, so that CloudTrail shows which program has sent them.
    connect_timeout, read_timeout : float
        Seconds for a connection to open, and for the next bytes to arrive.
    attempts : int
        How often each request is sent in all, with pauses that double up to 20 s (botocore's mode ``standard``).
    """

    region: str | None = None
    profile: str | None = None
    kms_key: str | None = None
    user_agent: str | None = None
    connect_timeout: float = 10
    read_timeout: float = 70  # a SageMaker endpoint has 60 s to answer
    attempts: int = 8


def open_session(settings: S3Settings) -> Any:
    """Return the boto3 session of a profile and region."""
    from boto3.session import Session

    return Session(profile_name=settings.profile or None, region_name=settings.region or None)


def new_client(session: Any, service: str, region: str, settings: S3Settings) -> Any:
    """Return a new client of a service, such as ``s3``."""
    from botocore.config import Config

    config = Config(
        connect_timeout=settings.connect_timeout,
        read_timeout=settings.read_timeout,
        retries={"mode": "standard", "total_max_attempts": settings.attempts},
        tcp_keepalive=True,
        user_agent_extra=settings.user_agent,
    )
    return session.client(service, region_name=region, config=config)


def expect_owner(client: Any, owner: str) -> None:
    """Make S3 refuse a bucket of any other account, in all calls that can ask for it, those of s3transfer included."""

    def add_owner(params: dict[str, Any], model: Any, **_: Any) -> None:
        if "ExpectedBucketOwner" in model.input_shape.members:
            params["ExpectedBucketOwner"] = owner

    client.meta.events.register("before-parameter-build.s3", add_owner)
