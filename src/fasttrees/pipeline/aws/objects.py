"""Objects of the bucket: listed, fetched whole and verified, deleted with all their versions."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Collection, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from boto3.s3.transfer import TransferConfig, create_transfer_manager

from fasttrees._runtime.atomic_file import replacing
from fasttrees.pipeline.aws.bucket import Bucket, none_if
from fasttrees.pipeline.aws.counting import Counter
from fasttrees.pipeline.aws.errors import explaining
from fasttrees.pipeline.aws.uploads import SHA256, stop_unfinished
from fasttrees.pipeline.errors import PipelineError
from fasttrees.pipeline.progress import Progress
from fasttrees.serving.fetch import CHECKSUMS, stored_checksums

__all__ = ["delete", "fetch", "find", "remove_others"]

# Always in parts: they are asked for with the ETag, so that all are of one object.
TRANSFER = TransferConfig(multipart_threshold=1, preferred_transfer_client="classic")
MOST_KEYS = 1000  # of one request: API, DeleteObjects
MOST_SHOWN = 3
BLOCK = 1 << 20


def find(bucket: Bucket, prefix: str) -> dict[str, int]:
    """List the keys below a prefix, in order, with their sizes in bytes; a bucket that is gone has none."""
    found: dict[str, int] = {}
    with explaining(f"{bucket.uri}/{prefix}", "upload or train or transform or cleanup"), none_if("NoSuchBucket"):
        for page in bucket.client.get_paginator("list_objects_v2").paginate(Bucket=bucket.name, Prefix=prefix):
            found.update({item["Key"]: item["Size"] for item in page.get("Contents", [])})
    return found


def remove_others(bucket: Bucket, prefix: str, keys: Collection[str], progress: Progress) -> None:
    """Delete objects below a prefix that are not among `keys`: those that were sent as uploads send them.

    Raises
    ------
    PipelineError
        For objects that come from elsewhere, which would be trained on or scored; nothing is deleted then.
    """
    others = [key for key in find(bucket, prefix) if key not in keys and not key.endswith("/")]
    with explaining(f"{bucket.uri}/{prefix}", "upload"):
        heads = {key: bucket.client.head_object(Bucket=bucket.name, Key=key) for key in others}
        if foreign := [key for key, head in heads.items() if SHA256 not in head["Metadata"]]:
            raise PipelineError(
                f"{bucket.uri}/{foreign[0]}: is not of this pipeline, and jobs would take it for data, as all "
                f"below {prefix} ({len(foreign)} such objects); move it away, and run upload again"
            )
        for key in others:
            bucket.client.delete_object(Bucket=bucket.name, Key=key)
            progress.say(f"{bucket.uri}/{key}: removed, for it is of an earlier upload")


def fetch(bucket: Bucket, key: str, path: Path, progress: Progress) -> None:
    """Get an object into a file that is whole, with the bytes that S3 stored, or not there."""
    uri = f"{bucket.uri}/{key}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with explaining(uri, "train or transform"), replacing(path) as file:
            head = bucket.client.head_object(Bucket=bucket.name, Key=key, ChecksumMode="ENABLED")
            received = Received(uri, head, progress)
            with create_transfer_manager(bucket.client, TRANSFER) as manager:
                manager.download(bucket.name, key, file, received.version, [received]).result()
            file.flush()
            _verify(uri, head, Path(file.name))
    except OSError as error:
        raise PipelineError(f"{path}: {error.strerror or error}, while {uri} was fetched") from error


def delete(bucket: Bucket, prefix: str, progress: Progress) -> int:
    """Delete all below a prefix: every version, marks of deleted ones, parts of unfinished uploads; return how many.

    Raises
    ------
    PipelineError
        Also for objects that S3 does not let go, such as locked ones; the others are deleted.
    """
    n_deleted, kept = 0, []
    what = f"delete {bucket.uri}/{prefix}"
    with explaining(f"{bucket.uri}/{prefix}", "cleanup"):
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
        raise PipelineError(
            f"{bucket.uri}: {len(kept)} objects cannot be deleted ({n_deleted} are): {causes}"
            f"{'; ...' if len(kept) > MOST_SHOWN else ''}; see docs/reference/aws/policies/cleanup.json, or a lock"
        )
    return n_deleted


def _versions(bucket: Bucket, prefix: str) -> Iterator[dict[str, str]]:
    for page in bucket.client.get_paginator("list_object_versions").paginate(Bucket=bucket.name, Prefix=prefix):
        for item in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            yield {"Key": item["Key"], "VersionId": item["VersionId"]}


class Received(Counter):
    """Tells s3transfer which object it is, before the first request.

    Parameters
    ----------
    uri : str
    head : dict
        Answer to HeadObject.
    progress : Progress
    """

    def __init__(self, uri: str, head: dict[str, Any], progress: Progress) -> None:
        super().__init__(f"download {uri}", head["ContentLength"], progress)
        self.etag = head["ETag"]
        version = head.get("VersionId", "null")  # that of a bucket without versions
        self.version = {} if version == "null" else {"VersionId": version}

    def on_queued(self, future: Any, **_: Any) -> None:
        """Answer what s3transfer would ask S3."""
        future.meta.provide_transfer_size(self.total)
        future.meta.provide_object_etag(self.etag)


def _verify(uri: str, head: dict[str, Any], path: Path) -> None:
    """Compare a file with all that is known of its object."""
    if (size := path.stat().st_size) != head["ContentLength"]:
        raise PipelineError(f"{uri}: {size} bytes came, expected {head['ContentLength']}; run the step again")
    expected = stored_checksums(head)
    if SHA256 in head["Metadata"]:
        expected["SHA256"] = b64encode(bytes.fromhex(head["Metadata"][SHA256])).decode()
    digests = {name: CHECKSUMS[name]() for name in expected}
    with open(path, "rb") as file:
        while block := file.read(BLOCK):
            for digest in digests.values():
                digest.update(block)
    for name, value in expected.items():
        if (actual := b64encode(digests[name].digest()).decode()) != value:
            raise PipelineError(
                f"{uri}: what came is not what S3 stored: expected {name} {value}, got {actual}; run the step again"
            )
