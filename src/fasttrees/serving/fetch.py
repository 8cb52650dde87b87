"""Fetch one object from S3 with boto3; :mod:`fasttrees.serving.s3` runs this as a process of its own.

The request comes as JSON in an argument. The reply goes to standard output as one line of JSON: what is known about the
object, or ``error``. Nothing else is written, except a traceback if the request asks for it.
"""

from __future__ import annotations

import json
import os
import threading
import time
import traceback
from collections.abc import Iterator
from typing import Any

from fasttrees._aws import transfers
from fasttrees._aws.client import S3Settings, expect_owner, new_client, open_session
from fasttrees._aws.errors import DISK_FULL, AwsError, Explainer
from fasttrees._aws.integrity import check_content, stored_checksums
from fasttrees.serving.archive import ARCHIVE_ENDINGS, extract_model
from fasttrees.serving.errors import ModelSourceError
from fasttrees.serving.s3 import open_unnamed

__all__ = ["EXPLAINER", "Fetch", "Watchdog", "main"]

CONNECT_TIMEOUT = 5  # seconds
READ_TIMEOUT = 10
DEFAULT_REGION = "us-east-1"  # if no region is known; boto3 then follows S3's answer to the bucket's own
BLOCK = 1 << 20
EXPLAINER = Explainer(
    ModelSourceError,
    credentials="give the execution role of the model, or AWS_* variables; an isolated container has none",
    again="start again",
    region="AWS_REGION",
    bucket="MODEL_S3_BUCKET",
    key="MODEL_S3_KEY",
    version="MODEL_S3_VERSION_ID",
    disk_full="set TMPDIR to a directory with more",
)


def main(request: str) -> None:
    """Fetch what `request` asks for, write the reply, and end the process.

    Parameters
    ----------
    request : str
        JSON, as :func:`fasttrees.serving.s3.fetch_model` makes it.
    """
    options = json.loads(request)
    fetch = Fetch(options, Watchdog(options["stall_timeout"]))
    try:
        reply(**fetch.run())
    except Exception as error:
        if options["debug"]:
            traceback.print_exc()
        reply(error=EXPLAINER.explain(error, fetch.region))
    os._exit(0)  # threads of the transfer may still wait for the network


def reply(**values: object) -> None:
    """Write the one line that the parent reads."""
    os.write(1, json.dumps(values).encode() + b"\n")


class Watchdog:
    """Ends the process if no byte arrives for some time, or if the parent has ended.

    Attributes
    ----------
    size, received : int
        Bytes of the object, and bytes that have arrived.
    """

    def __init__(self, limit: float) -> None:
        self.size = self.received = 0
        self._limit = limit
        self._problem = "is there a route to S3? A VPC without internet needs an endpoint for S3"
        self._lock = threading.Lock()
        self._last = time.monotonic()
        self._parent = os.getppid()
        threading.Thread(target=self._watch, daemon=True).start()

    def add(self, n_bytes: int = 0) -> None:
        """Note progress, and count bytes that came; negative if a part starts again."""
        with self._lock:
            self.received += n_bytes
        self._last = time.monotonic()

    def on_response(self, parsed_response: Any = None, exception: Any = None, **_: Any) -> None:
        """Note why an attempt failed, because boto3 may retry until the time is over."""
        code = (parsed_response or {}).get("Error", {}).get("Code")
        if exception or code:
            self._problem = f"the last attempt ended with: {exception or code}"

    def _watch(self) -> None:
        while os.getppid() == self._parent:
            time.sleep(0.1)
            if time.monotonic() - self._last > self._limit:
                done = f", {self.received} of {self.size} bytes were there" if self.size else ""
                reply(error=f"nothing came from S3 for {self._limit:g} s{done}; {self._problem}")
                break
        os._exit(1)


class Fetch:
    """Fetches and verifies one object.

    Parameters
    ----------
    options : dict
        The arguments of :func:`fasttrees.serving.s3.fetch_model`, and ``descriptor``: the file to fill.
    """

    def __init__(self, options: dict[str, Any], watchdog: Watchdog) -> None:
        self._options = options
        self._watchdog = watchdog
        self.region: str | None = options["region"]

    def run(self) -> dict[str, object]:
        """Fetch and verify the object, and take the model out of an archive; return what is known about the object."""
        client = self._connect()
        head = self._describe(client)
        archived = self._options["key"].endswith(ARCHIVE_ENDINGS)
        descriptor = open_unnamed() if archived else self._options["descriptor"]
        _reserve(descriptor, head["ContentLength"])
        self._download(client, head, descriptor)
        sha256, verified = self.verify(descriptor, head)
        if archived:
            with (
                os.fdopen(descriptor, "rb") as source,
                open(self._options["descriptor"], "wb", closefd=False) as target,
            ):
                try:
                    extract_model(source, target, self._watchdog.add)
                except ValueError as error:
                    raise AwsError(str(error)) from error
        return {
            "size": head["ContentLength"],
            "etag": head["ETag"].strip('"'),
            "version_id": head.get("VersionId"),
            "sha256": sha256,
            "verified": verified,
        }

    def _connect(self) -> Any:
        settings = S3Settings(
            region=self.region,
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=READ_TIMEOUT,
            attempts=self._options["attempts"],
        )
        session = open_session(settings)
        self.region = session.region_name
        client = new_client(session, "s3", self.region or DEFAULT_REGION, settings)
        client.meta.events.register("response-received.s3", self._watchdog.on_response)
        if self._options["expected_bucket_owner"]:
            expect_owner(client, self._options["expected_bucket_owner"])
        self._watchdog.add()  # the network's time begins here
        return client

    def _describe(self, client: Any) -> dict[str, Any]:
        """Return the object's size, version and checksums."""
        from botocore.exceptions import ClientError

        place = {"Bucket": self._options["bucket"], "Key": self._options["key"]}
        if self._options["version_id"]:
            place["VersionId"] = self._options["version_id"]
        try:
            head: dict[str, Any] = client.head_object(**place, ChecksumMode="ENABLED")
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
                # An answer to HEAD has no body, which would hold the cause: ask in a way that has one.
                client.get_object(**place, Range="bytes=0-0")
            raise
        self._watchdog.size = head["ContentLength"]
        self._watchdog.add()
        if not head["ContentLength"]:
            raise AwsError("the object is empty")
        return head

    def _download(self, client: Any, head: dict[str, Any], descriptor: int) -> None:
        """Fill the file with the very object that `head` describes."""
        bucket, key, part_size = (self._options[name] for name in ("bucket", "key", "part_size"))
        with open(descriptor, "wb", closefd=False) as file:
            transfers.download(client, bucket, key, head, file, self._watchdog.add, part_size)
        if self._watchdog.received != head["ContentLength"]:
            raise AwsError(f"{self._watchdog.received} bytes came, {head['ContentLength']} were announced")

    def verify(self, descriptor: int, head: dict[str, Any]) -> tuple[str, list[str]]:
        """Compare the file with all that is known of the object; return its SHA-256 and what it was compared with."""
        expected, pinned = stored_checksums(head), self._options["sha256"]
        sha256 = check_content(self._blocks(descriptor), expected, ["SHA256"])["SHA256"].hex()
        if pinned not in (None, sha256):
            raise AwsError(f"expected SHA-256 {pinned} (MODEL_SHA256), got {sha256}")
        return sha256, [*(["MODEL_SHA256"] if pinned else []), *expected]

    def _blocks(self, descriptor: int) -> Iterator[bytes]:
        position = 0
        while block := os.pread(descriptor, BLOCK, position):
            yield block
            position += len(block)
            self._watchdog.add()


def _reserve(descriptor: int, size: int) -> None:
    """Fail now if the disk has too little space."""
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        if error.errno in DISK_FULL:
            raise
        # The file system cannot reserve space: a full disk is found while the file is written.
