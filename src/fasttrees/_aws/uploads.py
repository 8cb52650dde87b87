"""Files to objects: encrypted, checked by S3, and only those that are not there yet."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from fasttrees._aws import transfers
from fasttrees._aws.bucket import S3Bucket
from fasttrees._aws.counting import Counter
from fasttrees._aws.errors import AwsError, ignoring_code, is_missing
from fasttrees._runtime.digest import sha256_of
from fasttrees._runtime.progress import Progress

__all__ = ["SHA256", "send", "stop_unfinished"]

SHA256 = "fasttrees-sha256"  # metadata of an object: of its whole content, which S3 does not know of several parts
POLICIES = "upload or train"


def send(bucket: S3Bucket, files: Sequence[tuple[Path, str]], progress: Progress) -> int:
    """Put files into the bucket.

    A call after an interrupted one goes on with the file that was being sent: an object appears whole or not at all.

    Parameters
    ----------
    files : sequence of (Path, str)
        Each file and its key.

    Returns
    -------
    int
        Number of files that were not there before with the same bytes.
    """
    keys = {key for _, key in files}
    prefix = os.path.commonprefix(sorted(keys))  # noqa: RUF071  (S3's prefixes are of characters)
    if stopped := stop_unfinished(bucket, prefix, keys):
        progress.say(f"{bucket.uri}: {stopped} unfinished uploads of before removed")
    with bucket.explaining(bucket.uri, POLICIES):
        counter = Counter("upload", sum(os.stat(path).st_size for path, _ in files), progress)
    n_sent = 0
    for path, key in files:
        with bucket.explaining(f"{bucket.uri}/{key}", POLICIES):
            n_sent += _send(bucket, path, key, counter)
    return n_sent


def stop_unfinished(bucket: S3Bucket, prefix: str, keys: set[str] | None = None) -> int:
    """Abort uploads in parts that never ended, because their hidden parts cost money; return how many there were.

    Parameters
    ----------
    keys : set of str or None
        Abort only the uploads of these keys; None: all below the prefix.
    """
    n_stopped = 0
    with bucket.explaining(bucket.uri, "upload or train or cleanup"):
        for page in bucket.client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket.name, Prefix=prefix):
            for upload in page.get("Uploads", []):
                if keys is None or upload["Key"] in keys:
                    _abort(bucket, upload["Key"], upload["UploadId"])
                    n_stopped += 1
    return n_stopped


def _send(bucket: S3Bucket, path: Path, key: str, counter: Counter) -> bool:
    """Put one file, unless the object already has its bytes; return whether it was put."""
    before = size, _ = _state(path)
    sha256 = sha256_of(path)
    if _is_there(bucket, key, size, sha256):
        counter.add(size)
        return False
    arguments = {**bucket.encryption, "ChecksumAlgorithm": "SHA256", "Metadata": {SHA256: sha256}}
    transfers.upload(bucket.client, str(path), bucket.name, key, arguments, counter.add)
    if _state(path) != before:
        raise AwsError(f"{path}: was changed while it was sent; send it again")
    return True


def _is_there(bucket: S3Bucket, key: str, size: int, sha256: str) -> bool:
    """Return whether an object has these bytes, and is encrypted as it would be now."""
    try:
        head = bucket.client.head_object(Bucket=bucket.name, Key=key)
    except Exception as error:
        if is_missing(error):
            return False
        raise
    wanted = bucket.encryption
    found = head["ContentLength"], head["Metadata"].get(SHA256), head.get("ServerSideEncryption")
    if found != (size, sha256, wanted["ServerSideEncryption"]):
        return False
    key_arn = wanted.get("SSEKMSKeyId", "")
    return ":key/" not in key_arn or head.get("SSEKMSKeyId") == key_arn  # S3 names no aliases


def _abort(bucket: S3Bucket, key: str, upload_id: str) -> None:
    with ignoring_code("NoSuchUpload"):
        bucket.client.abort_multipart_upload(Bucket=bucket.name, Key=key, UploadId=upload_id)


def _state(path: Path) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns
