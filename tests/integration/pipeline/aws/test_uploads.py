"""Files to objects: encrypted, sent once, whole or not at all."""

from __future__ import annotations

import time
from typing import Any

import pytest
from s3transfer.futures import TransferCoordinator

from fasttrees.pipeline import PipelineError
from fasttrees.pipeline.aws import AwsBackend
from fasttrees.pipeline.backend import Upload
from tests.support.aws.buckets import LARGE, make_backend, unfinished
from tests.support.aws.cut import cutting
from tests.support.aws.fixtures import BUCKET, KEY, make_own
from tests.support.aws.recorder import Faults, Recorder
from tests.support.lines import Lines

MB = 1 << 20


def stored(s3: Any) -> set[str]:
    return {item["Key"] for item in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])}


def test_sent_once(ready: AwsBackend, s3: Any, files: list[Upload], lines: Lines, recorder: Recorder) -> None:
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


def test_parts_are_checked_by_s3(ready: AwsBackend, files: list[Upload], lines: Lines, recorder: Recorder) -> None:
    ready.upload(files, lines)
    checked = [call for call in recorder.calls if call.operation in ("PutObject", "UploadPart")]
    assert len(checked) == 2 + 3
    assert all(call.headers["x-amz-sdk-checksum-algorithm"] == "SHA256" for call in checked)


def test_kms_key_of_the_configuration(s3: Any, files: list[Upload], lines: Lines) -> None:
    storage = make_backend(kms_key=KEY)
    storage.create_bucket(lines)
    storage.upload(files, lines)
    for file in files:
        head = s3.head_object(Bucket=BUCKET, Key=file.key)
        assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", KEY)
    assert storage.upload(files, lines) == 0
    another = KEY.replace("1234abcd", "abcd1234")
    storage = make_backend(kms_key=another)
    assert storage.upload(files[:1], lines) == 1
    assert s3.head_object(Bucket=BUCKET, Key=files[0].key)["SSEKMSKeyId"] == another


def test_key_of_the_users_bucket_is_kept(
    storage: AwsBackend, s3: Any, files: list[Upload], lines: Lines, recorder: Recorder
) -> None:
    make_own(s3, encrypted=True, private=True)
    storage.create_bucket(lines)
    storage.upload(files[:1], lines)
    (put,) = [call for call in recorder.calls if call.operation == "PutObject"]
    assert put.headers["x-amz-server-side-encryption"] == "aws:kms"
    assert put.headers["x-amz-server-side-encryption-aws-kms-key-id"] == KEY


def test_nothing_is_put_where_nothing_encrypts(
    storage: AwsBackend, s3: Any, files: list[Upload], lines: Lines, recorder: Recorder
) -> None:
    make_own(s3, encrypted=False, private=True)
    with pytest.raises(PipelineError, match="no default encryption, so nothing is written"):
        storage.upload(files, lines)
    assert stored(s3) == set()
    assert not recorder.count("PutObject")


def test_unencrypted_object_is_sent_again(ready: AwsBackend, s3: Any, files: list[Upload], lines: Lines) -> None:
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
    aws: str, ready: AwsBackend, s3: Any, files: list[Upload], lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    with cutting(aws) as cutter:
        monkeypatch.setenv("AWS_ENDPOINT_URL", cutter.url)
        cutter.left = 12 * MB
        with pytest.raises(PipelineError, match=r"large\.csv: .*(connection|Connection|network)"):
            make_backend().upload(files, lines)
        assert stored(s3) == {"data/train/a.csv"}
        assert unfinished(s3) == ["data/train/large.csv"]  # nobody could be told to abort it
        cutter.left = -1
        assert make_backend().upload(files, lines) == 2
    assert "1 unfinished" in " ".join(lines.lines)
    assert stored(s3) == {file.key for file in files}
    assert unfinished(s3) == []


@pytest.mark.parametrize("operation", ["UploadPart", "CompleteMultipartUpload"])
def test_failed_upload_leaves_nothing_behind(
    ready: AwsBackend, s3: Any, files: list[Upload], lines: Lines, faults: Faults, operation: str
) -> None:
    faults.fail(operation, 403, "AccessDenied")
    with pytest.raises(PipelineError, match=rf"large\.csv: .*s3:PutObject.*upload\.json.*{operation} "):
        make_backend().upload(files, lines)
    assert stored(s3) == {"data/train/a.csv"}
    assert unfinished(s3) == []
    faults.rules.clear()
    assert make_backend().upload(files, lines) == 2


def test_ctrl_c_aborts(
    ready: AwsBackend, s3: Any, files: list[Upload], lines: Lines, monkeypatch: pytest.MonkeyPatch
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


def test_unfinished_uploads_of_others_are_left(ready: AwsBackend, s3: Any, files: list[Upload], lines: Lines) -> None:
    for key in ("data/train/large.csv", "data/train/other.csv", "elsewhere"):
        s3.create_multipart_upload(Bucket=BUCKET, Key=key)
    ready.upload(files, lines)
    assert sorted(unfinished(s3)) == ["data/train/other.csv", "elsewhere"]


def test_throttled_upload(ready: AwsBackend, s3: Any, files: list[Upload], lines: Lines, faults: Faults) -> None:
    for operation in ("PutObject", "UploadPart", "HeadObject"):
        faults.fail(operation, 503, "SlowDown", times=4)
    storage = make_backend()
    assert storage.upload(files, lines) == 3
    faults.fail("PutObject", 503, "SlowDown")
    files[0].path.write_bytes(b"other")
    with pytest.raises(
        PipelineError,
        match=r"a\.csv: AWS is busy or failing, 8 attempts; wait, then run the step.*PutObject was answered SlowDown",
    ):
        storage.upload(files, lines)


def test_missing_file_and_changed_file(
    ready: AwsBackend, files: list[Upload], lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PipelineError, match=r"no\.csv: No such file"):
        ready.upload([Upload(files[0].path.with_name("no.csv"), "data/no.csv")], lines)

    def change(*_: Any) -> None:
        files[0].path.write_bytes(b"changed")

    monkeypatch.setattr(lines, "advance", change)
    with pytest.raises(PipelineError, match=r"a\.csv: was changed while it was sent"):
        ready.upload(files[:1], lines)
