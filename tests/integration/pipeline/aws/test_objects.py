"""Objects: found, fetched whole, deleted to the last version."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from botocore import handlers

from fasttrees._aws import objects
from fasttrees._aws.uploads import SHA256
from fasttrees.pipeline import PipelineError
from fasttrees.pipeline.aws import AwsBackend
from fasttrees.pipeline.backend import Upload
from tests.support.aws.buckets import make_backend, unfinished
from tests.support.aws.fixtures import BUCKET
from tests.support.aws.recorder import Faults, Recorder, answer
from tests.support.lines import Lines


def test_found_in_order(ready: AwsBackend, s3: Any, recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (9, 1, 4, 0, 7, 5, 2, 8, 3, 6):
        s3.put_object(Bucket=BUCKET, Key=f"data/{number}", Body=b"x" * number)
    s3.put_object(Bucket=BUCKET, Key="else", Body=b"1")
    short = ("before-parameter-build.s3.ListObjectsV2", lambda params, **_: params.update(MaxKeys=3))
    monkeypatch.setattr(handlers, "BUILTIN_HANDLERS", [*handlers.BUILTIN_HANDLERS, short])
    assert list(make_backend().find_objects("data/").items()) == [(f"data/{number}", number) for number in range(10)]
    assert recorder.count("ListObjectsV2") == 4
    assert ready.find_objects("none/") == {}


@pytest.mark.parametrize("number", [0, 1, 2], ids=["small", "large", "empty"])
def test_fetched_whole(ready: AwsBackend, files: list[Upload], lines: Lines, tmp_path: Path, number: int) -> None:
    ready.upload([files[number]], lines)
    target = tmp_path / "new" / "folder" / "file"
    ready.download(files[number].key, target, lines)
    assert target.read_bytes() == files[number].path.read_bytes()
    assert [path.name for path in target.parent.iterdir()] == ["file"]


def test_what_came_is_not_what_was_stored(
    ready: AwsBackend, s3: Any, files: list[Upload], lines: Lines, faults: Faults, tmp_path: Path
) -> None:
    ready.upload(files[:1], lines)
    data = files[0].path.read_bytes()
    etag = s3.head_object(Bucket=BUCKET, Key=files[0].key)["ETag"]

    def flip(operation: str, request: Any) -> Any:
        body = data[:-1] + bytes([data[-1] ^ 1])
        headers = {"Content-Range": "bytes 0-999/1000", "ETag": etag}
        return answer(request, 206, body, **headers) if operation == "GetObject" else None

    faults.rules.append(flip)
    target = tmp_path / "target"
    target.write_bytes(b"of before")
    with pytest.raises(PipelineError, match=r"a\.csv: what came is not what S3 stored: expected SHA256 .*, got "):
        make_backend().download(files[0].key, target, lines)
    assert target.read_bytes() == b"of before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["prepared", "target"]


def test_checksum_of_other_makers(ready: AwsBackend, s3: Any, lines: Lines, tmp_path: Path) -> None:
    """What a job writes has no SHA-256 in its metadata, but the checksum that S3 computes, or an ETag."""
    s3.put_object(Bucket=BUCKET, Key="model", Body=b"tree\n", ChecksumAlgorithm="CRC32")
    ready.download("model", tmp_path / "model", lines)
    assert (tmp_path / "model").read_bytes() == b"tree\n"
    s3.put_object(Bucket=BUCKET, Key="model", Body=b"tree\n", Metadata={SHA256: "00" * 32})
    with pytest.raises(PipelineError, match="expected SHA256 AAAA"):
        ready.download("model", tmp_path / "model2", lines)
    assert not (tmp_path / "model2").exists()


@pytest.mark.parametrize(
    ("operation", "status", "code", "expected"),
    [
        ("HeadObject", 404, "404", "HeadObject was answered 404"),
        ("GetObject", 403, "AccessDenied", "s3:GetObject is missing"),
        ("GetObject", 503, "SlowDown", "8 attempts"),
        ("GetObject", 412, "PreconditionFailed", "was replaced while it was fetched"),
        ("GetObject", 400, "KMS.DisabledException", "aws.kms_key"),
    ],
)
def test_refused_downloads(
    ready: AwsBackend,
    files: list[Upload],
    lines: Lines,
    faults: Faults,
    tmp_path: Path,
    operation: str,
    status: int,
    code: str,
    expected: str,
) -> None:
    ready.upload(files[:1], lines)
    faults.fail(operation, status, code)
    with pytest.raises(PipelineError, match=rf"^s3://{BUCKET}/data/train/a\.csv: .*{expected}"):
        make_backend().download(files[0].key, tmp_path / "target", lines)
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("versioned", [False, True])
def test_object_replaced_while_it_is_fetched(
    ready: AwsBackend, s3: Any, lines: Lines, faults: Faults, recorder: Recorder, tmp_path: Path, versioned: bool
) -> None:
    if versioned:
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=BUCKET, Key="model", Body=b"first")

    def replace(operation: str, _: Any) -> None:
        if operation == "GetObject":
            s3.put_object(Bucket=BUCKET, Key="model", Body=b"other")

    faults.rules.append(replace)
    storage = make_backend()
    if versioned:
        storage.download("model", tmp_path / "model", lines)
        assert (tmp_path / "model").read_bytes() == b"first"
    else:
        with pytest.raises(PipelineError, match="was replaced while it was fetched"):
            storage.download("model", tmp_path / "model", lines)
    assert recorder.count("HeadObject") == 1  # what was asked for is what was described


def test_broken_download_is_asked_for_again(
    ready: AwsBackend, files: list[Upload], lines: Lines, faults: Faults, tmp_path: Path
) -> None:
    ready.upload(files[:1], lines)
    times: list[int] = []

    def cut(operation: str, request: Any) -> Any:
        if operation != "GetObject" or len(times) == 2:
            return None
        times.append(1)
        return answer(request, 206, files[0].path.read_bytes()[:500], **{"content-length": "1000"})

    faults.rules.append(cut)
    make_backend().download(files[0].key, tmp_path / "target", lines)
    assert (tmp_path / "target").read_bytes() == files[0].path.read_bytes()


def test_full_disk(ready: AwsBackend, files: list[Upload], lines: Lines) -> None:
    ready.upload(files[:1], lines)
    with pytest.raises(PipelineError, match=rf"^s3://{BUCKET}/data/train/a\.csv: /proc/nowhere: No such file"):
        ready.download(files[0].key, Path("/proc/nowhere/file"), lines)


def test_versioned_bucket_is_emptied(
    ready: AwsBackend, s3: Any, lines: Lines, monkeypatch: pytest.MonkeyPatch, recorder: Recorder
) -> None:
    monkeypatch.setattr(objects, "MOST_KEYS", 7)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    for number in range(10):
        for text in (b"1", b"2"):
            s3.put_object(Bucket=BUCKET, Key=f"data/{number}", Body=text)
    s3.delete_object(Bucket=BUCKET, Key="data/3")
    s3.create_multipart_upload(Bucket=BUCKET, Key="data/part")
    assert ready.bucket.delete_objects("data/1", lines) == 2
    assert ready.bucket.delete_objects("", lines) == 19
    assert recorder.count("DeleteObjects") == 4
    versions = s3.list_object_versions(Bucket=BUCKET)
    assert not versions.get("Versions")
    assert not versions.get("DeleteMarkers")
    assert unfinished(s3) == []
    ready.bucket.delete()
    assert s3.list_buckets()["Buckets"] == []


def test_gone_bucket_is_no_error(storage: AwsBackend, lines: Lines) -> None:
    assert not storage.bucket.exists()
    assert not storage.bucket.is_own()
    assert storage.bucket.delete_objects("", lines) == 0
    storage.bucket.delete()
    assert storage.find_objects("") == {}


def test_bucket_that_is_not_empty_stays(ready: AwsBackend, s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"1")
    with pytest.raises(PipelineError, match="BucketNotEmpty"):
        ready.bucket.delete()


def test_objects_that_stay_are_named(ready: AwsBackend, s3: Any, lines: Lines, faults: Faults) -> None:
    for key in ("data/1", "data/2"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"1")
    error = "<Error><Key>data/1</Key><Code>AccessDenied</Code><Message>locked</Message></Error>"
    body = f"<DeleteResult>{error}</DeleteResult>".encode()
    faults.rules.append(lambda operation, request: answer(request, 200, body) if operation == "DeleteObjects" else None)
    with pytest.raises(PipelineError, match=r"1 objects cannot be deleted \(1 are\): data/1: AccessDenied, locked"):
        make_backend().bucket.delete_objects("", lines)
