"""The AWS account of a pipeline: its clients, who asks, and where."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config as ClientConfig

from fasttrees.pipeline.aws.errors import explaining
from fasttrees.pipeline.config import AwsSettings
from fasttrees.pipeline.errors import PipelineError

__all__ = ["Account"]

CONNECT_TIMEOUT = 10  # seconds
READ_TIMEOUT = 70  # an endpoint has 60 s to answer
ATTEMPTS = 8  # with pauses of up to 20 s that double: botocore's mode "standard"
USER_AGENT = "fasttrees-pipeline"


class Account:
    """Clients for one profile in one region, made when they are first needed.

    Parameters
    ----------
    settings : AwsSettings
        Profile and region; credentials are found by boto3 alone, and never kept here.
    """

    def __init__(self, settings: AwsSettings) -> None:
        self._settings = settings
        self._clients: dict[str, Any] = {}

    @cached_property
    def _boto3(self) -> Any:
        with explaining("AWS configuration", "upload"):
            return boto3.Session(profile_name=self._settings.profile or None, region_name=self._settings.region or None)

    def client(self, service: str) -> Any:
        """Return the client of a service, such as ``s3`` or ``sagemaker``."""
        if service not in self._clients:
            config = ClientConfig(
                connect_timeout=CONNECT_TIMEOUT,
                read_timeout=READ_TIMEOUT,
                retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
                tcp_keepalive=True,
                user_agent_extra=USER_AGENT,
            )
            with explaining(f"AWS client for {service}", "upload"):
                self._clients[service] = self._boto3.client(service, region_name=self.region, config=config)
        return self._clients[service]

    @property
    def sagemaker(self) -> Any:
        """The client of SageMaker."""
        return self.client("sagemaker")

    @cached_property
    def region(self) -> str:
        """Region that all is created in."""
        if region := self._boto3.region_name:
            return str(region)
        raise PipelineError('no AWS region is known: set aws.region, such as "sa-east-1", or AWS_DEFAULT_REGION')

    @cached_property
    def identity(self) -> dict[str, str]:
        """``Account`` and ``Arn`` of who asks (STS GetCallerIdentity, which needs no rights)."""
        with explaining("AWS account", "upload"):
            answer = self.client("sts").get_caller_identity()
        return {"Account": answer["Account"], "Arn": answer["Arn"]}

    @property
    def number(self) -> str:
        """Number of the account: owner of all buckets that are used."""
        return self.identity["Account"]

    @property
    def partition(self) -> str:
        """Partition of the region, such as ``aws`` or ``aws-cn``, as ARNs name it."""
        return str(self._boto3.get_partition_for_region(self.region))

    def describe(self) -> str:
        """Say in a line which account and region this is, and who asks."""
        return f"AWS account {self.number}, region {self.region}, as {self.identity['Arn']}"
