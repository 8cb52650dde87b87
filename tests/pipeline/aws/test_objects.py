"""Objects: sent once and encrypted, fetched whole, deleted to the last version."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path
from typing import Any

import pytest
from botocore import handlers
from s3transfer.futures import TransferCoordinator

from fasttrees.pipeline import PipelineError
from fasttrees.pipeline.aws import objects
from fasttrees.pipeline.aws.storage import AwsStorage
from fasttrees.pipeline.aws.uploads import SHA256
from fasttrees.pipeline.backend import Upload
from tests.pipeline.aws.conftest import BUCKET, REGION, SECRET, TOKEN, Lines, make_storage
from tests.pipeline.aws.cut import cutting
from tests.pipeline.aws.recorder import Faults, Recorder, answer
from tests.pipeline.aws.test_bucket import KEY, make_own

MB = 1 << 20
LARGE = 20 * MB + 17


@pytest.fixture
def files(tmp_path: Path) -> list[Upload]:
    """Three files, one of them so large that it goes in parts."""
    made = []
    for name, size in {"a.csv": 1000, "large.csv": LARGE, "z.csv": 0}.items():
        path = tmp_path / "prepared" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(os.urandom(size))
        made.append(Upload(path, f"data/train/{name}"))
    return made


@pytest.fixture
def ready(storage: AwsStorage, recorder: Recorder) -> AwsStorage:
    storage.create_bucket(Lines())
    recorder.reset()
    return storage


def stored(s3: Any) -> set[str]:
    return {item["Key"] for item in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])}


def unfinished(s3: Any) -> list[str]:
    return [upload["Key"] for upload in s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])]


def test_sent_once(ready: AwsStorage, s3: Any, files: list[Upload], lines: Lines, recorder: Recorder) -> None:
    assert ready.upload(files, lines) == 3
    assert {"PutObject", "CreateMultipartUpload", "UploadPart"} <= {operation for _, operation in recorder.operations}
    for file in files:
        found = s3.get_object(Bucket=BUCKET, Key=file.key)
        assert found["Body"].read() == file.path.read_bytes()
        assert found["ServerSideEncryption"] == "AES256"
    what, done, total, unit = lines.advances[-1]
    assert (what, done, total, unit) == ("upload", LARGE + 1000, LARGE + 1000, "B")
    recorder.reset()
    lines.advances.clear()
    assert ready.upload(files, lines) == 0
    assert not {"PutObject", "UploadPart"} & {operation for _, operation in recorder.operations}
    assert lines.advances[-1][1] == LARGE + 1000
    data = files[0].path.read_bytes()
    files[0].path.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    assert ready.upload(files, lines) == 1
    assert s3.get_object(Bucket=BUCKET, Key=files[0].key)["Body"].read() == files[0].path.read_bytes()


def test_parts_are_checked_by_s3(ready: AwsStorage, files: list[Upload], lines: Lines, recorder: Recorder) -> None:
    ready.upload(files, lines)
    checked = [call for call in recorder.calls if call.operation in ("PutObject", "UploadPart")]
    assert len(checked) == 2 + 3
    assert all(call.headers["x-amz-sdk-checksum-algorithm"] == "SHA256" for call in checked)


def test_kms_key_of_the_configuration(s3: Any, files: list[Upload], lines: Lines) -> None:
    storage = make_storage(kms_key=KEY)
    storage.create_bucket(lines)
    storage.upload(files, lines)
    for file in files:
        head = s3.head_object(Bucket=BUCKET, Key=file.key)
        assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", KEY)
    assert storage.upload(files, lines) == 0


def test_key_of_the_users_bucket_is_kept(
    storage: AwsStorage, s3: Any, files: list[Upload], lines: Lines, recorder: Recorder
) -> None:
    make_own(s3, encrypted=True, private=True)
    storage.create_bucket(lines)
    storage.upload(files[:1], lines)
    (put,) = [call for call in recorder.calls if call.operation == "PutObject"]
    assert put.headers["x-amz-server-side-encryption"] == "aws:kms"
    assert put.headers["x-amz-server-side-encryption-aws-kms-key-id"] == KEY


def test_nothing_is_put_where_nothing_encrypts(
    storage: AwsStorage, s3: Any, files: list[Upload], lines: Lines, recorder: Recorder
) -> None:
    make_own(s3, encrypted=False, private=True)
    with pytest.raises(PipelineError, match="no default encryption, so nothing is written"):
        storage.upload(files, lines)
    assert stored(s3) == set()
    assert not recorder.count("PutObject")


def test_unencrypted_object_is_sent_again(ready: AwsStorage, s3: Any, files: list[Upload], lines: Lines) -> None:
    ready.upload(files, lines)
    s3.put_object(
        Bucket=BUCKET,
        Key=files[0].key,
        Body=files[0].path.read_bytes(),
        ServerSideEncryption="aws:kms",
        Metadata=s3.head_object(Bucket=BUCKET, Key=files[0].key)["Metadata"],
    )
    assert ready.upload(files, lines) == 1


@pytest.mark.usefixtures("faults")  # no pauses
def test_connection_cut_in_the_middle(
    aws: str, ready: AwsStorage, s3: Any, files: list[Upload], lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    with cutting(aws) as cutter:
        monkeypatch.setenv("AWS_ENDPOINT_URL", cutter.url)
        cutter.left = 12 * MB
        with pytest.raises(PipelineError, match=r"large\.csv: .*(connection|Connection|network)"):
            make_storage().upload(files, lines)
        assert stored(s3) == {"data/train/a.csv"}
        assert unfinished(s3) == ["data/train/large.csv"]  # nobody could be told to abort it
        cutter.left = -1
        assert make_storage().upload(files, lines) == 2
    assert "1 unfinished" in " ".join(lines.lines)
    assert stored(s3) == {file.key for file in files}
    assert unfinished(s3) == []


@pytest.mark.parametrize("operation", ["UploadPart", "CompleteMultipartUpload"])
def test_failed_upload_leaves_nothing_behind(
    ready: AwsStorage, s3: Any, files: list[Upload], lines: Lines, faults: Faults, operation: str
) -> None:
    faults.fail(operation, 403, "AccessDenied")
    with pytest.raises(PipelineError, match=rf"large\.csv: {operation} .*s3:PutObject.*upload\.json"):
        make_storage().upload(files, lines)
    assert stored(s3) == {"data/train/a.csv"}
    assert unfinished(s3) == []
    faults.rules.clear()
    assert make_storage().upload(files, lines) == 2


def test_ctrl_c_aborts(
    ready: AwsStorage, s3: Any, files: list[Upload], lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait = TransferCoordinator.result
    pressed: list[int] = []

    def press(coordinator: TransferCoordinator) -> Any:
        if pressed:
            return wait(coordinator)
        pressed.append(1)
        while not lines.advances:
            time.sleep(0.01)
        raise KeyboardInterrupt

    monkeypatch.setattr(TransferCoordinator, "result", press)
    with pytest.raises(KeyboardInterrupt):
        ready.upload(files[1:], lines)
    assert unfinished(s3) == []
    assert stored(s3) == set()
    assert ready.upload(files, lines) == 3


def test_unfinished_uploads_of_others_are_left(ready: AwsStorage, s3: Any, files: list[Upload], lines: Lines) -> None:
    for key in ("data/train/large.csv", "data/train/other.csv", "elsewhere"):
        s3.create_multipart_upload(Bucket=BUCKET, Key=key)
    ready.upload(files, lines)
    assert sorted(unfinished(s3)) == ["data/train/other.csv", "elsewhere"]


def test_throttled_upload(ready: AwsStorage, s3: Any, files: list[Upload], lines: Lines, faults: Faults) -> None:
    for operation in ("PutObject", "UploadPart", "HeadObject"):
        faults.fail(operation, 503, "SlowDown", times=4)
    storage = make_storage()
    assert storage.upload(files, lines) == 3
    faults.fail("PutObject", 503, "SlowDown")
    files[0].path.write_bytes(b"other")
    with pytest.raises(PipelineError, match=r"a\.csv: PutObject was answered SlowDown.* 8 attempts.*later"):
        storage.upload(files, lines)


def test_missing_file_and_changed_file(
    ready: AwsStorage, files: list[Upload], lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PipelineError, match=r"no\.csv: No such file"):
        ready.upload([Upload(files[0].path.with_name("no.csv"), "data/no.csv")], lines)

    def change(*_: Any) -> None:
        files[0].path.write_bytes(b"changed")

    monkeypatch.setattr(lines, "advance", change)
    with pytest.raises(PipelineError, match=r"a\.csv: was changed while it was sent"):
        ready.upload(files[:1], lines)


def test_found_in_order(ready: AwsStorage, s3: Any, recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (9, 1, 4, 0, 7, 5, 2, 8, 3, 6):
        s3.put_object(Bucket=BUCKET, Key=f"data/{number}", Body=b"x" * number)
    s3.put_object(Bucket=BUCKET, Key="else", Body=b"1")
    short = ("before-parameter-build.s3.ListObjectsV2", lambda params, **_: params.update(MaxKeys=3))
    monkeypatch.setattr(handlers, "BUILTIN_HANDLERS", [*handlers.BUILTIN_HANDLERS, short])
    assert list(make_storage().find_objects("data/").items()) == [(f"data/{number}", number) for number in range(10)]
    assert recorder.count("ListObjectsV2") == 4
    assert ready.find_objects("none/") == {}


@pytest.mark.parametrize("number", [0, 1, 2], ids=["small", "large", "empty"])
def test_fetched_whole(ready: AwsStorage, files: list[Upload], lines: Lines, tmp_path: Path, number: int) -> None:
    ready.upload([files[number]], lines)
    target = tmp_path / "new" / "folder" / "file"
    ready.download(files[number].key, target, lines)
    assert target.read_bytes() == files[number].path.read_bytes()
    assert [path.name for path in target.parent.iterdir()] == ["file"]


def test_what_came_is_not_what_was_stored(
    ready: AwsStorage, s3: Any, files: list[Upload], lines: Lines, faults: Faults, tmp_path: Path
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
        make_storage().download(files[0].key, target, lines)
    assert target.read_bytes() == b"of before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["prepared", "target"]


def test_checksum_of_other_makers(ready: AwsStorage, s3: Any, lines: Lines, tmp_path: Path) -> None:
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
    ready: AwsStorage,
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
        make_storage().download(files[0].key, tmp_path / "target", lines)
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("versioned", [False, True])
def test_object_replaced_while_it_is_fetched(
    ready: AwsStorage, s3: Any, lines: Lines, faults: Faults, recorder: Recorder, tmp_path: Path, versioned: bool
) -> None:
    if versioned:
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=BUCKET, Key="model", Body=b"first")

    def replace(operation: str, _: Any) -> None:
        if operation == "GetObject":
            s3.put_object(Bucket=BUCKET, Key="model", Body=b"other")

    faults.rules.append(replace)
    storage = make_storage()
    if versioned:
        storage.download("model", tmp_path / "model", lines)
        assert (tmp_path / "model").read_bytes() == b"first"
    else:
        with pytest.raises(PipelineError, match="was replaced while it was fetched"):
            storage.download("model", tmp_path / "model", lines)
    assert recorder.count("HeadObject") == 1  # what was asked for is what was described


def test_broken_download_is_asked_for_again(
    ready: AwsStorage, files: list[Upload], lines: Lines, faults: Faults, tmp_path: Path
) -> None:
    ready.upload(files[:1], lines)
    times: list[int] = []

    def cut(operation: str, request: Any) -> Any:
        if operation != "GetObject" or len(times) == 2:
            return None
        times.append(1)
        return answer(request, 206, files[0].path.read_bytes()[:500], **{"content-length": "1000"})

    faults.rules.append(cut)
    make_storage().download(files[0].key, tmp_path / "target", lines)
    assert (tmp_path / "target").read_bytes() == files[0].path.read_bytes()


def test_full_disk(ready: AwsStorage, files: list[Upload], lines: Lines) -> None:
    ready.upload(files[:1], lines)
    with pytest.raises(PipelineError, match=r"/proc/nowhere.*while s3://"):
        ready.download(files[0].key, Path("/proc/nowhere/file"), lines)


def test_versioned_bucket_is_emptied(
    ready: AwsStorage, s3: Any, lines: Lines, monkeypatch: pytest.MonkeyPatch, recorder: Recorder
) -> None:
    monkeypatch.setattr(objects, "MOST_KEYS", 7)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    for number in range(10):
        for text in (b"1", b"2"):
            s3.put_object(Bucket=BUCKET, Key=f"data/{number}", Body=text)
    s3.delete_object(Bucket=BUCKET, Key="data/3")
    s3.create_multipart_upload(Bucket=BUCKET, Key="data/part")
    assert ready.delete_objects("data/1", lines) == 2
    assert ready.delete_objects("", lines) == 19
    assert recorder.count("DeleteObjects") == 4
    versions = s3.list_object_versions(Bucket=BUCKET)
    assert not versions.get("Versions")
    assert not versions.get("DeleteMarkers")
    assert unfinished(s3) == []
    ready.delete_bucket()
    assert s3.list_buckets()["Buckets"] == []


def test_gone_bucket_is_no_error(storage: AwsStorage, lines: Lines) -> None:
    assert not storage.bucket_exists()
    assert not storage.is_own_bucket()
    assert storage.delete_objects("", lines) == 0
    storage.delete_bucket()
    with pytest.raises(PipelineError, match="NoSuchBucket"):
        storage.find_objects("")


def test_bucket_that_is_not_empty_stays(ready: AwsStorage, s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"1")
    with pytest.raises(PipelineError, match="BucketNotEmpty"):
        ready.delete_bucket()


def test_objects_that_stay_are_named(ready: AwsStorage, s3: Any, lines: Lines, faults: Faults) -> None:
    for key in ("data/1", "data/2"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"1")
    error = "<Error><Key>data/1</Key><Code>AccessDenied</Code><Message>locked</Message></Error>"
    body = f"<DeleteResult>{error}</DeleteResult>".encode()
    faults.rules.append(lambda operation, request: answer(request, 200, body) if operation == "DeleteObjects" else None)
    with pytest.raises(PipelineError, match=r"1 objects cannot be deleted \(1 are\): data/1: AccessDenied, locked"):
        make_storage().delete_objects("", lines)


def test_credentials_are_nowhere(
    files: list[Upload],
    lines: Lines,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    faults: Faults,
) -> None:
    caplog.set_level(logging.INFO)
    storage = make_storage()
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


def use_all(storage: AwsStorage, files: list[Upload], lines: Lines, folder: Path) -> None:
    storage.create_bucket(lines)
    storage.upload(files, lines)
    storage.find_objects("")
    storage.download(files[0].key, folder / "target", lines)
    storage.delete_objects("", lines)
    storage.delete_bucket()


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
    storage: AwsStorage, files: list[Upload], lines: Lines, tmp_path: Path, recorder: Recorder
) -> None:
    use_all(storage, files, lines, tmp_path)
    assert {operation for service, operation in recorder.operations if service == "s3"} == set(OPERATIONS)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_denied_call_names_its_right(
    files: list[Upload], lines: Lines, tmp_path: Path, faults: Faults, operation: str
) -> None:
    faults.fail(operation, 403, "AccessDenied")
    with pytest.raises(PipelineError) as caught:
        use_all(make_storage(), files, lines, tmp_path)
    line = str(caught.value)
    assert line.startswith(f"s3://{BUCKET}")
    assert OPERATIONS[operation] in line
    assert "docs/aws/policies/" in line
    assert "\n" not in line


def test_name_that_no_bucket_has(lines: Lines) -> None:
    with pytest.raises(PipelineError, match=r"a value does not fit: .*Invalid bucket name .*see the configuration"):
        make_storage(bucket="Not a bucket").create_bucket(lines)
