"""The AWS account of a pipeline."""

from __future__ import annotations

from typing import Any

from fasttrees._aws import account
from fasttrees._aws.client import S3Settings
from fasttrees.pipeline.aws.errors import EXPLAINER
from fasttrees.pipeline.config import AwsSettings

__all__ = ["USER_AGENT", "Account"]

USER_AGENT = "fasttrees-pipeline"


class Account(account.Account):
    """The account, region and key that the configuration names."""

    def __init__(self, settings: AwsSettings) -> None:
        super().__init__(
            S3Settings(settings.region or None, settings.profile or None, settings.kms_key or None, USER_AGENT),
            EXPLAINER,
        )

    @property
    def sagemaker(self) -> Any:
        """The client of SageMaker."""
        return self.client("sagemaker")
