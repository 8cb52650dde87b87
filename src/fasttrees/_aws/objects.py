"""Objects of a bucket: listed, fetched whole and verified, deleted with all their versions."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Collection, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from fasttrees._aws import transfers
from fasttrees._aws.bucket import S3Bucket
from fasttrees._aws.counting import Counter
from fasttrees._aws.errors import AwsError, ignoring_code
from fasttrees._aws.integrity import check_content, stored_checksums
from fasttrees._aws.uploads import SHA256, stop_unfinished
from fasttrees._runtime.atomic_file import replacing
from fasttrees._runtime.progress import Progress

__all__ = ["delete", "fetch", "find", "find_times", "remove_others"]

MOST_KEYS = 1000  # of one request: API, DeleteObjects
MOST_SHOWN = 3
BLOCK = 1 << 20


def find(bucket: S3Bucket, prefix: str) -> dict[str, int]:
    """Return the keys below a prefix, in order, with their sizes in bytes; none if the bucket does not exist."""
    with bucket.explaining(f"{bucket.uri}/{prefix}", "upload or train or transform or cleanup"):
        with ignoring_code("NoSuchBucket"):
            return {item["Key"]: item["Size"] for item in _list(bucket, prefix)}
        return {}


def find_times(bucket: S3Bucket, prefix: str) -> dict[str, float]:
    """Return the keys below a prefix with the times at which they were put, in seconds since 1970 by S3's clock."""
    with bucket.explaining(f"{bucket.uri}/{prefix}", "transform"):
        return {item["Key"]: item["LastModified"].timestamp() for item in _list(bucket, prefix)}


def remove_others(bucket: S3Bucket, prefix: str, keys: Collection[str], progress: Progress) -> None:
    """Delete objects below a prefix that are not among `keys`.

    Objects that :func:`fasttrees._aws.uploads.send` has not sent are an error, and then nothing is deleted: a job would
    read them as data.
    """
    others = [key for key in find(bucket, prefix) if key not in keys and not key.endswith("/")]
    with bucket.explaining(f"{bucket.uri}/{prefix}", "upload"):
        heads = {key: bucket.client.head_object(Bucket=bucket.name, Key=key) for key in others}
        if foreign := [key for key, head in heads.items() if SHA256 not in head["Metadata"]]:
            raise bucket.error(
                f"{bucket.uri}/{foreign[0]}: is not of this pipeline, and jobs would take it for data, as all "
                f"below {prefix} ({len(foreign)} such objects); move it away, and run upload again"
            )
        for key in others:
            bucket.client.delete_object(Bucket=bucket.name, Key=key)
            progress.say(f"{bucket.uri}/{key}: removed, because it is of an earlier upload")


def fetch(bucket: S3Bucket, key: str, path: Path, progress: Progress) -> None:
    """Get an object into a file, which appears whole with the bytes that S3 has stored, or not at all."""
    uri = f"{bucket.uri}/{key}"
    with bucket.explaining(uri, "train or transform"):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            head = bucket.client.head_object(Bucket=bucket.name, Key=key, ChecksumMode="ENABLED")
            counter = Counter(f"download {uri}", head["ContentLength"], progress)
            transfers.download(bucket.client, bucket.name, key, head, file, counter.add)
            file.flush()
            _verify(head, Path(file.name))


def delete(bucket: S3Bucket, prefix: str, progress: Progress) -> int:
    """Delete everything below a prefix: all versions, delete markers, parts of unfinished uploads; return how many.

    Objects that S3 refuses to delete, such as locked ones, are an error after the others are deleted.
    """
    n_deleted, kept = 0, []
    what = f"delete {bucket.uri}/{prefix}"
    with bucket.explaining(f"{bucket.uri}/{prefix}", "cleanup"):
        versions = _versions(bucket, prefix)
        while batch := list(islice(versions, MOST_KEYS)):
            answer = bucket.client.delete_objects(Bucket=bucket.name, Delete={"Objects": batch, "Quiet": True})
            kept += answer.get("Errors", [])
            n_deleted += len(batch) - len(answer.get("Errors", []))
            progress.advance(what, n_deleted, None, "objects")
    stop_unfinished(bucket, prefix)
    if kept:
        causes = "; ".join(
            f"{error['Key']}: {error['Code']}, {error.get('Message', '')}" for error in kept[:MOST_SHOWN]
        )
        raise bucket.error(
            f"{bucket.uri}: {len(kept)} objects cannot be deleted ({n_deleted} are): {causes}"
            f"{'; ...' if len(kept) > MOST_SHOWN else ''}; see docs/reference/aws/policies/cleanup.json, or a lock"
        )
    return n_deleted


def _versions(bucket: S3Bucket, prefix: str) -> Iterator[dict[str, str]]:
    for page in bucket.client.get_paginator("list_object_versions").paginate(Bucket=bucket.name, Prefix=prefix):
        for item in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            yield {"Key": item["Key"], "VersionId": item["VersionId"]}


def _list(bucket: S3Bucket, prefix: str) -> Iterator[dict[str, Any]]:
    for page in bucket.client.get_paginator("list_objects_v2").paginate(Bucket=bucket.name, Prefix=prefix):
        yield from page.get("Contents", [])


def _verify(head: dict[str, Any], path: Path) -> None:
    """Compare a file with all that is known of its object."""
    if (size := path.stat().st_size) != head["ContentLength"]:
        raise AwsError(f"{size} bytes came, {head['ContentLength']} were announced")
    expected = stored_checksums(head)
    if SHA256 in head["Metadata"]:
        expected["SHA256"] = b64encode(bytes.fromhex(head["Metadata"][SHA256])).decode()
    with open(path, "rb") as file:
        check_content(iter(lambda: file.read(BLOCK), b""), expected)
