"""The bucket: created safe, completed, left alone."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from fasttrees.pipeline import PipelineError
from fasttrees.pipeline.aws import AwsBackend
from fasttrees.pipeline.aws.account import Account
from tests.support.aws.buckets import make_backend, make_config
from tests.support.aws.fixtures import BLOCKED, BUCKET, KEY, REGION, make_own
from tests.support.aws.recorder import Faults, Recorder
from tests.support.lines import Lines

WRITES = ("Put", "Create", "Delete")


def written(recorder: Recorder) -> list[str]:
    return [call.operation for call in recorder.calls if call.operation.startswith(WRITES)]


def check_bucket(s3: Any, key: str = "") -> None:
    assert s3.get_bucket_location(Bucket=BUCKET)["LocationConstraint"] == REGION
    tags = {tag["Key"]: tag["Value"] for tag in s3.get_bucket_tagging(Bucket=BUCKET)["TagSet"]}
    assert tags["fasttrees:created-by"] == "fasttrees"
    assert tags["fasttrees:project"] == "flights"
    assert tags["fasttrees:experiment"] == "one"
    assert tags["team"] == "data"
    assert s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"] == BLOCKED
    controls = s3.get_bucket_ownership_controls(Bucket=BUCKET)["OwnershipControls"]
    assert controls["Rules"][0]["ObjectOwnership"] == "BucketOwnerEnforced"
    rule = s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"][0]
    default = rule["ApplyServerSideEncryptionByDefault"]
    assert default == ({"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key} if key else {"SSEAlgorithm": "AES256"})
    assert rule.get("BucketKeyEnabled", False) == bool(key)
    (statement,) = json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Principal"] == "*"
    assert statement["Resource"] == [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"]
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


@pytest.mark.parametrize("key", ["", KEY], ids=["SSE-S3", "KMS"])
def test_created_with_all_it_must_have(s3: Any, lines: Lines, recorder: Recorder, key: str) -> None:
    storage = make_backend(kms_key=key, tags={"team": "data"})
    storage.create_bucket(lines)
    check_bucket(s3, key)
    assert storage.bucket.is_own()
    recorder.reset()
    storage.create_bucket(lines)
    assert written(recorder) == []


def test_first_region_takes_no_constraint(s3: Any, lines: Lines) -> None:
    make_backend(region="us-east-1").create_bucket(lines)
    assert s3.get_bucket_location(Bucket=BUCKET)["LocationConstraint"] is None


@pytest.mark.parametrize("operation", ["PutPublicAccessBlock", "PutBucketEncryption", "PutBucketPolicy"])
def test_interrupted_creation_goes_on(s3: Any, lines: Lines, faults: Faults, operation: str) -> None:
    storage = make_backend(tags={"team": "data"})
    faults.fail(operation, 403, "AccessDenied")
    with pytest.raises(
        PipelineError, match=rf"docs/reference/aws/policies/upload.json.*{operation} was answered AccessDenied"
    ):
        storage.create_bucket(lines)
    faults.rules.clear()
    storage.create_bucket(lines)
    check_bucket(s3)


def test_bucket_without_tags_is_not_left_behind(s3: Any, lines: Lines, faults: Faults, storage: AwsBackend) -> None:
    faults.fail("PutBucketTagging", 403, "AccessDenied")
    with pytest.raises(PipelineError, match="s3:PutBucketTagging"):
        make_backend().create_bucket(lines)
    assert s3.list_buckets()["Buckets"] == []


def test_lost_settings_are_put_back_and_others_kept(s3: Any, lines: Lines, storage: AwsBackend) -> None:
    make_backend(tags={"team": "data"}).create_bucket(lines)
    s3.delete_public_access_block(Bucket=BUCKET)
    s3.delete_bucket_ownership_controls(Bucket=BUCKET)
    s3.delete_bucket_encryption(Bucket=BUCKET)
    other = {"Sid": "Other", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": f"arn:aws:s3:::{BUCKET}"}
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps({"Version": "2012-10-17", "Statement": [other]}))
    tags = s3.get_bucket_tagging(Bucket=BUCKET)["TagSet"]
    s3.put_bucket_tagging(Bucket=BUCKET, Tagging={"TagSet": [*tags, {"Key": "cost", "Value": "7"}]})
    make_backend(tags={"team": "science"}).create_bucket(lines)
    assert s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"] == BLOCKED
    controls = s3.get_bucket_ownership_controls(Bucket=BUCKET)["OwnershipControls"]
    assert controls["Rules"][0]["ObjectOwnership"] == "BucketOwnerEnforced"
    assert s3.get_bucket_encryption(Bucket=BUCKET)
    statements = json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])["Statement"]
    assert [statement["Sid"] for statement in statements] == ["Other", "DenyInsecureTransport"]
    found = {tag["Key"]: tag["Value"] for tag in s3.get_bucket_tagging(Bucket=BUCKET)["TagSet"]}
    assert (found["cost"], found["team"]) == ("7", "science")


@pytest.mark.parametrize(
    ("encrypted", "private", "lacks"),
    [(False, True, "default encryption"), (True, False, "a block of all public access"), (False, False, " and ")],
)
def test_unsafe_bucket_of_the_user_is_refused(
    s3: Any, lines: Lines, recorder: Recorder, storage: AwsBackend, encrypted: bool, private: bool, lacks: str
) -> None:
    make_own(s3, encrypted=encrypted, private=private)
    with pytest.raises(PipelineError, match=rf"{BUCKET}: .*not changed, and it lacks .*{lacks}"):
        storage.create_bucket(lines)
    assert written(recorder) == []


def test_safe_bucket_of_the_user_is_used_and_not_changed(
    s3: Any, lines: Lines, recorder: Recorder, storage: AwsBackend
) -> None:
    make_own(s3, encrypted=True, private=True)
    s3.put_object(Bucket=BUCKET, Key="theirs", Body=b"1")
    storage.create_bucket(lines)
    assert not storage.bucket.is_own()
    with pytest.raises(PipelineError, match="not deleted"):
        storage.bucket.delete()
    with pytest.raises(PipelineError, match="nothing in it is deleted"):
        storage.bucket.delete_objects("", lines)
    assert written(recorder) == []
    assert s3.head_object(Bucket=BUCKET, Key="theirs")


def test_bucket_of_another_experiment_is_not_own(lines: Lines, storage: AwsBackend) -> None:
    storage.create_bucket(lines)
    config = make_config()
    other = config.model_copy(update={"pipeline": config.pipeline.model_copy(update={"experiment": "two"})})
    second = AwsBackend(other)
    second.create_bucket(lines)
    assert not second.bucket.is_own()
    assert storage.bucket.is_own()


def test_bucket_of_another_account_is_left_alone(lines: Lines, recorder: Recorder, storage: AwsBackend) -> None:
    role = {"RoleArn": "arn:aws:iam::111111111111:role/other", "RoleSessionName": "other"}
    keys = boto3.Session().client("sts", region_name=REGION).assume_role(**role)["Credentials"]
    other = boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], REGION).client("s3")
    other.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    with pytest.raises(PipelineError, match=rf"s3://{BUCKET}: .*(another account|somebody else).*aws.bucket"):
        storage.create_bucket(lines)
    assert set(written(recorder)) <= {"CreateBucket"}
    with pytest.raises(ClientError, match="NoSuchTagSet"):
        other.get_bucket_tagging(Bucket=BUCKET)


@pytest.mark.parametrize(
    ("operation", "status", "code", "expected"),
    [
        ("HeadBucket", 403, "403", "another account than 123456789012"),
        ("CreateBucket", 409, "BucketAlreadyExists", "somebody else"),
        ("CreateBucket", 409, "OperationAborted", "in a minute"),
        ("CreateBucket", 503, "SlowDown", "8 attempts"),
        ("CreateBucket", 400, "InvalidBucketName", "InvalidBucketName"),
        ("GetCallerIdentity", 403, "ExpiredToken", "credentials are refused"),
    ],
)
def test_refusals(lines: Lines, faults: Faults, operation: str, status: int, code: str, expected: str) -> None:
    faults.fail(operation, status, code)
    with pytest.raises(PipelineError, match=expected) as caught:
        make_backend().create_bucket(lines)
    assert "\n" not in str(caught.value)


def test_throttled_calls_are_made_again(s3: Any, lines: Lines, faults: Faults) -> None:
    for operation in ("CreateBucket", "PutBucketTagging", "GetBucketPolicy"):
        faults.fail(operation, 503, "SlowDown", times=3)
    make_backend(tags={"team": "data"}).create_bucket(lines)
    check_bucket(s3)


def test_bucket_in_another_region(s3: Any, lines: Lines) -> None:
    make_backend(region="eu-west-1").create_bucket(lines)
    with pytest.raises(PipelineError, match="is in eu-west-1, expected sa-east-1"):
        make_backend().create_bucket(lines)


def test_account_is_described_and_needs_region_and_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Account(make_config().aws).describe().startswith(f"AWS account 123456789012, region {REGION}, as arn:")
    assert Account(make_config().aws).partition == "aws"
    assert Account(make_config(region="cn-north-1").aws).partition == "aws-cn"
    with pytest.raises(PipelineError, match=r"aws\.region"):
        Account(make_config(region="").aws).describe()
    with pytest.raises(PipelineError, match=r"aws\.profile"):
        Account(make_config(profile="none-of-it").aws).describe()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    with pytest.raises(PipelineError, match=r"no credentials.*aws sso login"):
        Account(make_config().aws).describe()


def test_unreachable(lines: Lines, faults: Faults, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(PipelineError, match="is there a network"):
        make_backend().create_bucket(lines)
