"""The account, bucket and configuration that the tests of AWS use."""

from __future__ import annotations

from typing import Any

from fasttrees.pipeline import Config
from fasttrees.pipeline.aws.account import Account
from fasttrees.pipeline.aws.storage import AwsStorage

REGION = "sa-east-1"
BUCKET = "flights-data"
SECRET = "wJalrXUtnFEMI-a-secret-that-nobody-may-see"
TOKEN = "FwoGZXIvYXdzE-a-token-that-nobody-may-see"
LARGE = (20 << 20) + 17  # bytes: three parts
KEY = f"arn:aws:kms:{REGION}:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
BLOCKED = {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": True}


def make_config(**aws: Any) -> Config:
    return Config.model_validate(
        {
            "pipeline": {"project": "flights", "experiment": "one"},
            "aws": {"region": REGION, "bucket": BUCKET, **aws},
        }
    )


def make_storage(**aws: Any) -> AwsStorage:
    config = make_config(**aws)
    return AwsStorage(Account(config.aws), config)


def make_own(s3: Any, **settings: bool) -> None:
    """A bucket of the user's own."""
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    if settings.get("encrypted"):
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}}
        s3.put_bucket_encryption(Bucket=BUCKET, ServerSideEncryptionConfiguration={"Rules": [rule]})
    else:
        s3.delete_bucket_encryption(Bucket=BUCKET)
    if settings.get("private"):
        s3.put_public_access_block(Bucket=BUCKET, PublicAccessBlockConfiguration=BLOCKED)


def unfinished(s3: Any) -> list[str]:
    return [upload["Key"] for upload in s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])]
