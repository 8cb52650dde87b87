"""The whole of the storage: what it says when a right is missing, and what it never says."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from fasttrees.pipeline import PipelineError
from fasttrees.pipeline.aws import AwsBackend
from fasttrees.pipeline.backend import Upload
from tests.support.aws.buckets import make_backend
from tests.support.aws.fixtures import BUCKET, REGION, SECRET, TOKEN
from tests.support.aws.recorder import Faults, Recorder
from tests.support.lines import Lines


def test_credentials_are_nowhere(
    files: list[Upload],
    lines: Lines,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    faults: Faults,
) -> None:
    caplog.set_level(logging.INFO)
    storage = make_backend()
    storage.create_bucket(lines)
    storage.upload(files, lines)
    storage.download(files[0].key, tmp_path / "target", lines)
    for operation, code in {"HeadObject": "403", "PutObject": "SignatureDoesNotMatch"}.items():
        faults.rules.clear()
        faults.fail(operation, 403, code, message=f"the request was: x-amz-security-token:{TOKEN}, key {SECRET}")
        files[0].path.write_bytes(code.encode())
        with pytest.raises(PipelineError) as caught:
            storage.upload(files, lines)
        lines.say(str(caught.value))
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    said = " ".join([*lines.lines, *(what for what, *_ in lines.advances), caplog.text, *capfd.readouterr()])
    for secret in (SECRET, TOKEN, "AKIAIOSFODNN7EXAMPLE"):
        assert secret not in said
        assert not any(secret.encode() in data for data in written)
    assert REGION in said


def use_all(storage: AwsBackend, files: list[Upload], lines: Lines, folder: Path) -> None:
    storage.create_bucket(lines)
    storage.upload(files, lines)
    storage.find_objects("")
    storage.download(files[0].key, folder / "target", lines)
    storage.bucket.delete_objects("", lines)
    storage.bucket.delete()


OPERATIONS = {
    "CompleteMultipartUpload": "s3:PutObject",
    "CreateBucket": "s3:CreateBucket",
    "CreateMultipartUpload": "s3:PutObject",
    "DeleteBucket": "s3:DeleteBucket",
    "DeleteObjects": "s3:DeleteObject",
    "GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "GetBucketOwnershipControls": "s3:GetBucketOwnershipControls",
    "GetBucketPolicy": "s3:GetBucketPolicy",
    "GetBucketTagging": "s3:GetBucketTagging",
    "GetObject": "s3:GetObject",
    "GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "HeadBucket": "s3:ListBucket",
    "HeadObject": "s3:GetObject",
    "ListMultipartUploads": "s3:ListBucketMultipartUploads",
    "ListObjectVersions": "s3:ListBucketVersions",
    "ListObjectsV2": "s3:ListBucket",
    "PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "PutBucketPolicy": "s3:PutBucketPolicy",
    "PutBucketTagging": "s3:PutBucketTagging",
    "PutObject": "s3:PutObject",
    "PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "UploadPart": "s3:PutObject",
}


def test_all_operations_are_known(
    storage: AwsBackend, files: list[Upload], lines: Lines, tmp_path: Path, recorder: Recorder
) -> None:
    use_all(storage, files, lines, tmp_path)
    assert {operation for service, operation in recorder.operations if service == "s3"} == set(OPERATIONS)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_denied_call_names_its_right(
    files: list[Upload], lines: Lines, tmp_path: Path, faults: Faults, operation: str
) -> None:
    faults.fail(operation, 403, "AccessDenied")
    with pytest.raises(PipelineError) as caught:
        use_all(make_backend(), files, lines, tmp_path)
    line = str(caught.value)
    assert line.startswith(f"s3://{BUCKET}")
    assert OPERATIONS[operation] in line
    assert "docs/reference/aws/policies/" in line
    assert "\n" not in line


def test_name_that_no_bucket_has(lines: Lines) -> None:
    with pytest.raises(PipelineError, match=r"a value does not fit: .*Invalid bucket name .*see the configuration"):
        make_backend(bucket="Not a bucket").create_bucket(lines)
