"""Parts that several requests to SageMaker share."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from fasttrees._aws.errors import is_missing
from fasttrees.pipeline.aws.poller import Poller
from fasttrees.pipeline.config import AwsSettings

__all__ = ["SETTLING", "call_when_found", "volume_key", "vpc_config"]

SETTLING = 60.0  # seconds until SageMaker certainly finds what was just created

# Families with local disks, which their hardware encrypts: SageMaker refuses a key for them (API,
# ResourceConfig.VolumeKmsKeyId; EC2's guide, "Instance store volumes").
LOCAL_DISKS = re.compile(r"ml\.([a-z]+\d+[a-z]*d[a-z]*|g[4-9]\w*|p[4-9][\w-]*|trn\w+)\.")


def volume_key(name: str, instance_type: str, aws: AwsSettings) -> dict[str, str]:
    """Return the parameter `name` with the key of an instance's volume; empty without a key, or if it takes none."""
    return {name: aws.kms_key} if aws.kms_key and not LOCAL_DISKS.match(instance_type) else {}


def vpc_config(aws: AwsSettings) -> dict[str, Any]:
    """Return the parameter ``VpcConfig``, if there is a VPC."""
    if not aws.subnets:
        return {}
    return {"VpcConfig": {"SecurityGroupIds": aws.security_groups, "Subnets": aws.subnets}}


def call_when_found(call: Callable[[], Any], poller: Poller) -> Any:
    """Call an operation, again while SageMaker does not find a resource that may have been just created.

    Its reads are eventually consistent, and it advises to try again (API, CreateEndpoint).
    """
    for elapsed in poller.rounds(SETTLING):
        try:
            return call()
        except ClientError as error:
            if elapsed >= SETTLING or not is_missing(error):
                raise
    raise AssertionError("the last round returns or raises")
