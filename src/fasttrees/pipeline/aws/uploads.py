"""Files to objects: encrypted, checked by S3, and only those that are not there yet."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from boto3.s3.transfer import TransferConfig, create_transfer_manager
from botocore.exceptions import ClientError

from fasttrees.pipeline.aws.bucket import Bucket
from fasttrees.pipeline.aws.counting import Counter
from fasttrees.pipeline.aws.errors import code_of, explaining
from fasttrees.pipeline.backend import Upload
from fasttrees.pipeline.errors import PipelineError
from fasttrees.pipeline.progress import Progress

__all__ = ["SHA256", "TRANSFER", "send", "stop_unfinished"]

SHA256 = "fasttrees-sha256"  # metadata of an object: of its whole content, which S3 does not know of several parts
STEP = "upload or train"
PART_SIZE = 8 << 20
TRANSFER = TransferConfig(
    multipart_threshold=PART_SIZE,
    multipart_chunksize=PART_SIZE,
    preferred_transfer_client="classic",  # another one would ignore some of this
)
BLOCK = 1 << 20


def send(bucket: Bucket, files: Sequence[Upload], progress: Progress) -> int:
    """Put files into the bucket; return how many were not there before with the same bytes.

    An interrupted one goes on with the file that it was at: an object appears whole or not at all.
    """
    keys = {file.key for file in files}
    prefix = os.path.commonprefix(sorted(keys))  # noqa: RUF071  (S3's prefixes are of characters)
    if stopped := stop_unfinished(bucket, prefix, keys):
        progress.say(f"{bucket.uri}: {stopped} unfinished uploads of before removed")
    n_sent = 0
    try:
        sent = Counter("upload", sum(os.stat(file.path).st_size for file in files), progress)
        for file in files:
            with explaining(f"{bucket.uri}/{file.key}", STEP):
                n_sent += _send(bucket, file, sent)
    except OSError as error:
        raise PipelineError(f"{error.filename}: {error.strerror}; is it there as prepare has made it?") from error
    return n_sent


def stop_unfinished(bucket: Bucket, prefix: str, keys: set[str] | None = None) -> int:
    """Abort uploads in parts that never ended, for their parts cost money unseen; return how many there were.

    Parameters
    ----------
    prefix : str
    keys : set of str or None
        Only those; None: all below the prefix.
    """
    n_stopped = 0
    with explaining(bucket.uri, "upload or train or cleanup"):
        for page in bucket.client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket.name, Prefix=prefix):
            for upload in page.get("Uploads", []):
                if keys is None or upload["Key"] in keys:
                    _abort(bucket, upload["Key"], upload["UploadId"])
                    n_stopped += 1
    return n_stopped


def _send(bucket: Bucket, file: Upload, sent: Counter) -> bool:
    """Put one file, unless the object has its bytes."""
    before = size, _ = _state(file.path)
    sha256 = _sha256(file.path)
    if _is_there(bucket, file.key, size, sha256):
        sent.add(size)
        return False
    extra = {**bucket.encryption, "ChecksumAlgorithm": "SHA256", "Metadata": {SHA256: sha256}}
    with create_transfer_manager(bucket.client, TRANSFER) as manager:
        manager.upload(str(file.path), bucket.name, file.key, extra, [sent]).result()
    if _state(file.path) != before:
        raise PipelineError(f"{file.path}: was changed while it was sent; run the step again")
    return True


def _is_there(bucket: Bucket, key: str, size: int, sha256: str) -> bool:
    """Tell whether an object has these bytes, and is encrypted as it would be now."""
    try:
        head = bucket.client.head_object(Bucket=bucket.name, Key=key)
    except ClientError as error:
        if code_of(error) in ("404", "NoSuchKey"):
            return False
        raise
    wanted = bucket.encryption
    found = head["ContentLength"], head["Metadata"].get(SHA256), head.get("ServerSideEncryption")
    if found != (size, sha256, wanted["ServerSideEncryption"]):
        return False
    key_arn = wanted.get("SSEKMSKeyId", "")
    return ":key/" not in key_arn or head.get("SSEKMSKeyId") == key_arn  # S3 names no aliases


def _abort(bucket: Bucket, key: str, upload_id: str) -> None:
    try:
        bucket.client.abort_multipart_upload(Bucket=bucket.name, Key=key, UploadId=upload_id)
    except ClientError as error:
        if code_of(error) != "NoSuchUpload":
            raise


def _state(path: Path) -> tuple[int, int]:
    facts = os.stat(path)
    return facts.st_size, facts.st_mtime_ns


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
