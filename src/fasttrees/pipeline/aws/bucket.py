"""The bucket of a pipeline: created private and encrypted, or the user's own, which is never changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from fasttrees._aws import objects
from fasttrees._aws.bucket import S3Bucket
from fasttrees._aws.errors import code_of, ignoring_code
from fasttrees._runtime.progress import Progress
from fasttrees.pipeline.aws.account import Account
from fasttrees.pipeline.aws.errors import explaining
from fasttrees.pipeline.aws.tags import add_tags, are_own, tag_list
from fasttrees.pipeline.config import Config
from fasttrees.pipeline.errors import PipelineError

__all__ = ["Bucket"]

FIRST_REGION = "us-east-1"  # takes no location constraint, not even its own name: API, CreateBucket
BLOCKED = {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": True}
OWNERSHIP = "BucketOwnerEnforced"
TLS_ONLY = "DenyInsecureTransport"


class Bucket(S3Bucket):
    """The bucket that the configuration names."""

    def __init__(self, account: Account, config: Config) -> None:
        super().__init__(account, config.aws.bucket)
        self._config = config

    def create(self, progress: Progress) -> None:
        """Create the bucket, or the settings that it lacks; the user's own bucket is only checked."""
        with explaining(self.uri, "upload"):
            if not self.exists():
                self._create()
                progress.say(f"{self.uri}: created in {self._account.region}")
            if self.is_own():
                for name, write in self._missing_settings():
                    write()
                    progress.say(f"{self.uri}: {name} set")
            else:
                self._check()
                progress.say(f"{self.uri}: your own bucket, used as it is")

    def exists(self) -> bool:
        """Return whether the account has the bucket, in the pipeline's region."""
        with explaining(self.uri, "upload or cleanup"):
            try:
                answer = self.client.head_bucket(Bucket=self.name)
            except ClientError as error:
                if code_of(error) in ("404", "NoSuchBucket"):
                    return False
                if code_of(error) == "403":
                    raise PipelineError(
                        f"{self.uri}: belongs to another account than {self._account.number}, or the right "
                        "s3:ListBucket is missing (docs/reference/aws/policies/upload.json); choose another aws.bucket,"
                        " because names are unique in all of AWS"
                    ) from error
                raise
        region = answer.get("BucketRegion", self._account.region)
        if region != self._account.region:
            raise PipelineError(
                f"{self.uri}: is in {region}, expected {self._account.region}, where the jobs run; "
                "set aws.region, or name another aws.bucket"
            )
        return True

    def is_own(self) -> bool:
        """Return whether the bucket exists with the tags of this project and experiment."""
        with explaining(self.uri, "upload or cleanup"), ignoring_code("NoSuchBucket"):
            return are_own(self._tags(), self._config)
        return False

    def delete(self) -> None:
        """Delete the empty bucket, if it is the pipeline's own; no error if it does not exist."""
        if self.is_own():
            with explaining(self.uri, "cleanup"), ignoring_code("NoSuchBucket"):
                self.client.delete_bucket(Bucket=self.name)
        elif self.exists():
            raise PipelineError(f"{self.uri}: does not have the tags of this pipeline, so it is not deleted")

    def delete_objects(self, prefix: str, progress: Progress) -> int:
        """Delete all objects below a prefix, every version, and return how many; only in the pipeline's own bucket."""
        if not self.exists():
            return 0
        if not self.is_own():
            raise PipelineError(f"{self.uri}: has not the tags of this pipeline, so nothing in it is deleted")
        return objects.delete(self, prefix, progress)

    def _create(self) -> None:
        """Create the bucket with its tags, or neither: without them it would look like the user's own."""
        region = self._account.region
        place = {} if region == FIRST_REGION else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        try:
            self.client.create_bucket(Bucket=self.name, ObjectOwnership=OWNERSHIP, **place)
        except ClientError as error:
            if code_of(error) == "BucketAlreadyExists":
                raise PipelineError(
                    f"{self.uri}: somebody else has a bucket of this name; choose another aws.bucket, "
                    "because names are unique in all of AWS"
                ) from error
            if code_of(error) == "OperationAborted":
                raise PipelineError(f"{self.uri}: is being created or deleted; run the step in a minute") from error
            raise
        try:
            self.client.put_bucket_tagging(Bucket=self.name, Tagging={"TagSet": tag_list(self._config)})
        except BaseException:
            self.client.delete_bucket(Bucket=self.name)
            raise

    def _check(self) -> None:
        """Refuse a bucket of the user that is not safe enough."""
        missing = []
        if not self.default_encryption():
            missing.append("default encryption (`aws s3api put-bucket-encryption`)")
        if self._public_access() != BLOCKED:
            missing.append("a block of all public access (`aws s3api put-public-access-block`)")
        if missing:
            raise PipelineError(
                f"{self.uri}: exists without the tags of this pipeline, so it is not changed, and it lacks "
                f"{' and '.join(missing)}; add what it lacks, or name another aws.bucket"
            )

    def _missing_settings(self) -> Iterator[tuple[str, Any]]:
        """Yield the name of each setting that the bucket lacks, and a function that writes it."""
        client, name = self.client, self.name
        tags = self._tags()
        if (wanted := add_tags(tags, self._config)) != tags:
            yield "tags", lambda: client.put_bucket_tagging(Bucket=name, Tagging={"TagSet": wanted})
        if self._public_access() != BLOCKED:
            yield (
                "block of public access",
                lambda: client.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=BLOCKED),
            )
        if self._ownership() != OWNERSHIP:
            rules = {"Rules": [{"ObjectOwnership": OWNERSHIP}]}
            yield "ownership", lambda: client.put_bucket_ownership_controls(Bucket=name, OwnershipControls=rules)
        if self.default_encryption() != (rule := self._wanted_encryption()):
            encryption = {"Rules": [rule]}
            yield (
                "default encryption",
                lambda: client.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration=encryption),
            )
        policy = self._policy()
        if (statement := self._tls_statement()) not in policy["Statement"]:
            kept = [other for other in policy["Statement"] if other.get("Sid") != TLS_ONLY]
            text = json.dumps({**policy, "Statement": [*kept, statement]})
            yield "policy (TLS only)", lambda: client.put_bucket_policy(Bucket=name, Policy=text)

    def _tags(self) -> list[dict[str, str]]:
        with ignoring_code("NoSuchTagSet"):
            return list(self.client.get_bucket_tagging(Bucket=self.name)["TagSet"])
        return []

    def _public_access(self) -> dict[str, bool]:
        with ignoring_code("NoSuchPublicAccessBlockConfiguration"):
            return dict(self.client.get_public_access_block(Bucket=self.name)["PublicAccessBlockConfiguration"])
        return {}

    def _ownership(self) -> str:
        with ignoring_code("OwnershipControlsNotFoundError"):
            rules = self.client.get_bucket_ownership_controls(Bucket=self.name)["OwnershipControls"]["Rules"]
            return str(rules[0]["ObjectOwnership"])
        return ""

    def _wanted_encryption(self) -> dict[str, Any]:
        if key := self._config.aws.kms_key:
            default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
            return {"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": True}
        return {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}

    def _policy(self) -> dict[str, Any]:
        with ignoring_code("NoSuchBucketPolicy"):
            return dict(json.loads(self.client.get_bucket_policy(Bucket=self.name)["Policy"]))
        return {"Version": "2012-10-17", "Statement": []}

    def _tls_statement(self) -> dict[str, Any]:
        arn = f"arn:{self._account.partition}:s3:::{self.name}"
        return {
            "Sid": TLS_ONLY,
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [arn, f"{arn}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
