"""A bucket of the account, and how objects in it are encrypted."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any

from fasttrees._aws.account import Account
from fasttrees._aws.client import expect_owner
from fasttrees._aws.errors import AwsError, ignoring_code
from fasttrees.errors import FastTreesError

__all__ = ["S3Bucket"]


class S3Bucket:
    """A bucket; every call names the account as its owner, so that S3 refuses a bucket of somebody else.

    Attributes
    ----------
    name, uri : str
    """

    def __init__(self, account: Account, name: str) -> None:
        self._account = account
        self.name = name
        self.uri = f"s3://{name}"

    def error(self, message: str) -> FastTreesError:
        """Return an exception of the program's own class."""
        return self._account.error(message)

    def explaining(self, what: str, policies: str) -> AbstractContextManager[None]:
        """Turn errors of AWS inside a block into the program's own; see :meth:`Explainer.explaining`."""
        return self._account.explaining(what, policies)

    @cached_property
    def client(self) -> Any:
        """The client of S3, which expects the account to own the bucket."""
        client = self._account.client("s3")
        expect_owner(client, self._account.number)
        return client

    @cached_property
    def encryption(self) -> dict[str, Any]:
        """Arguments that encrypt a new object: with the key of the settings, or as the bucket does by default.

        Raises the program's error if the bucket encrypts nothing by default: what others write there, such as jobs,
        would not be encrypted.
        """
        with self.explaining(self.uri, "upload or train"):
            default = self.default_encryption()
            if not default:
                raise AwsError(
                    "has no default encryption, so nothing is written; `aws s3api put-bucket-encryption` sets one"
                )
        if key := self._account.settings.kms_key:
            return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
        rule = default["ApplyServerSideEncryptionByDefault"]
        key = rule.get("KMSMasterKeyID")
        return {"ServerSideEncryption": rule["SSEAlgorithm"], **({"SSEKMSKeyId": key} if key else {})}

    def default_encryption(self) -> dict[str, Any]:
        """Return the rule by which the bucket encrypts new objects; empty if there is none."""
        with ignoring_code("ServerSideEncryptionConfigurationNotFoundError"):
            answer = self.client.get_bucket_encryption(Bucket=self.name)
            rule = answer["ServerSideEncryptionConfiguration"]["Rules"][0]
            default = rule["ApplyServerSideEncryptionByDefault"]
            return {
                "ApplyServerSideEncryptionByDefault": default,
                "BucketKeyEnabled": rule.get("BucketKeyEnabled", False),
            }
        return {}
