"""Transfers of single objects by s3transfer, in parts and by several threads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import IO, Any

__all__ = ["PART_SIZE", "download", "upload"]

PART_SIZE = 8 << 20  # bytes
IO_CHUNK_SIZE = 64 << 10  # a quarter of the default: a process that downloads needs 10 MB less
CLIENT = "classic"  # another client of boto3 would ignore some of these settings


class Subscriber:
    """Tells s3transfer the object's size and ETag, and counts the bytes as they pass.

    Parameters
    ----------
    add : callable
        Takes a number of bytes, from several threads; negative if a part starts again.
    head : mapping or None
        Answer to HeadObject about the object to download.
    """

    def __init__(self, add: Callable[[int], None], head: Mapping[str, Any] | None = None) -> None:
        self._add = add
        self._head = head

    def on_queued(self, future: Any, **_: Any) -> None:
        """Answer what s3transfer would ask S3 before the first request."""
        if self._head is not None:
            future.meta.provide_transfer_size(self._head["ContentLength"])
            future.meta.provide_object_etag(self._head["ETag"])

    def on_progress(self, bytes_transferred: int, **_: Any) -> None:
        """Count bytes."""
        self._add(bytes_transferred)


def upload(
    client: Any, path: str, bucket: str, key: str, arguments: dict[str, Any], add: Callable[[int], None]
) -> None:
    """Send a file; the object appears whole or not at all.

    Parameters
    ----------
    arguments : dict
        Of PutObject and CreateMultipartUpload.
    add : callable
        Takes the numbers of bytes that are sent, from several threads.
    """
    from boto3.s3.transfer import TransferConfig, create_transfer_manager

    config = TransferConfig(
        multipart_threshold=PART_SIZE, multipart_chunksize=PART_SIZE, preferred_transfer_client=CLIENT
    )
    with create_transfer_manager(client, config) as manager:
        manager.upload(path, bucket, key, arguments, [Subscriber(add)]).result()


def download(
    client: Any,
    bucket: str,
    key: str,
    head: Mapping[str, Any],
    file: IO[bytes],
    add: Callable[[int], None],
    part_size: int = PART_SIZE,
) -> None:
    """Write the very object that `head` describes into a file; a request for any other one fails.

    Parameters
    ----------
    head : mapping
        Answer to HeadObject.
    add : callable
        Takes the numbers of bytes that came, from several threads.
    part_size : int
        Bytes; larger objects come in several parts at a time.
    """
    from boto3.s3.transfer import TransferConfig, create_transfer_manager

    config = TransferConfig(
        multipart_threshold=1,  # s3transfer sends the ETag with requests for parts only
        multipart_chunksize=part_size,
        io_chunksize=IO_CHUNK_SIZE,
        preferred_transfer_client=CLIENT,
    )
    version = head.get("VersionId", "null")  # "null" in a bucket without versions
    arguments = {} if version == "null" else {"VersionId": version}
    with create_transfer_manager(client, config) as manager:
        manager.download(bucket, key, file, arguments, [Subscriber(add, head)]).result()
