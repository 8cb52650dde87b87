"""The configuration and storage that the tests of AWS use."""

from __future__ import annotations

from typing import Any

from fasttrees.pipeline import Config
from fasttrees.pipeline.aws import AwsBackend
from tests.support.aws.fixtures import BUCKET, REGION

LARGE = (20 << 20) + 17  # bytes: three parts


def make_config(**aws: Any) -> Config:
    return Config.model_validate(
        {
            "pipeline": {"project": "flights", "experiment": "one"},
            "aws": {"region": REGION, "bucket": BUCKET, **aws},
        }
    )


def make_backend(**aws: Any) -> AwsBackend:
    return AwsBackend(make_config(**aws))


def unfinished(s3: Any) -> list[str]:
    return [upload["Key"] for upload in s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])]
