"""Fetches one object from S3 with boto3; :mod:`fasttrees.serving.s3` runs it as a process of its own.

The request comes as JSON in an argument, the reply goes to standard output as one line of JSON: the facts about the
object, or ``error``. Nothing else is written, except a traceback where the request asks for it.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
import traceback
import zlib
from base64 import b64encode
from collections.abc import Callable
from typing import Any

from fasttrees._aws.checksum import crc32c, crc64nvme
from fasttrees.serving.archive import ARCHIVE_ENDINGS, extract_model
from fasttrees.serving.s3 import open_unnamed
from fasttrees.serving.s3_errors import DISK_FULL, FetchError, explain

__all__ = ["CHECKSUMS", "Fetch", "main", "stored_checksums"]

CONNECT_TIMEOUT = 5  # seconds
READ_TIMEOUT = 10
DEFAULT_REGION = "us-east-1"  # where no region is known; boto3 goes on in the one that S3's answer names
BLOCK = 1 << 20


class Running:
    """A checksum of zlib's kind, with the methods of hashlib's."""

    def __init__(self, continued: Callable[[bytes, int], int], size: int) -> None:
        self.continued = continued
        self.size = size
        self.value = 0

    def update(self, block: bytes) -> None:
        """Go on with `block`."""
        self.value = self.continued(block, self.value)

    def digest(self) -> bytes:
        """Return the checksum of all blocks."""
        return self.value.to_bytes(self.size, "big")


# The checksums that S3 may store with an object and that can be computed here.
CHECKSUMS: dict[str, Callable[[], Any]] = {
    "CRC32": lambda: Running(zlib.crc32, 4),
    "CRC32C": lambda: Running(crc32c, 4),
    "CRC64NVME": lambda: Running(crc64nvme, 8),
    "MD5": lambda: hashlib.md5(usedforsecurity=False),
    "SHA1": lambda: hashlib.sha1(usedforsecurity=False),
    "SHA256": hashlib.sha256,
    "SHA512": hashlib.sha512,
}


def main(request: str) -> None:
    """Fetch what `request` asks for, write the reply, and end the process.

    Parameters
    ----------
    request : str
        JSON, as :func:`fasttrees.serving.s3.fetch_model` makes it.
    """
    options = json.loads(request)
    fetch = Fetch(options, Progress(options["stall_timeout"]))
    try:
        reply(**fetch.run())
    except Exception as error:
        if options["debug"]:
            traceback.print_exc()
        reply(error=explain(error, fetch.region))
    os._exit(0)  # threads of the transfer may still wait for the network


def reply(**facts: object) -> None:
    """Write the one line that the parent reads."""
    os.write(1, json.dumps(facts).encode() + b"\n")


class Progress:
    """When the last byte came, and a thread that ends the process where none comes any more."""

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self.size = self.received = 0
        self.problem = "is there a route to S3? A VPC without internet needs an endpoint for S3"
        self.lock = threading.Lock()
        self.last = time.monotonic()
        self.parent = os.getppid()
        threading.Thread(target=self.watch, daemon=True).start()

    def add(self, n_bytes: int = 0) -> None:
        """Note that bytes came; a part that starts anew takes back what it had."""
        with self.lock:
            self.received += n_bytes
        self.last = time.monotonic()

    def on_response(self, parsed_response: Any = None, exception: Any = None, **_: Any) -> None:
        """Hear from boto3 what an attempt led to, for it may be tried again until the time is over."""
        code = (parsed_response or {}).get("Error", {}).get("Code")
        if exception or code:
            self.problem = f"the last attempt ended with: {exception or code}"

    def watch(self) -> None:
        """End the process when it stalls, or when nobody waits for it any more."""
        while os.getppid() == self.parent:
            time.sleep(0.1)
            if time.monotonic() - self.last > self.limit:
                done = f", {self.received} of {self.size} bytes were there" if self.size else ""
                reply(error=f"nothing came from S3 for {self.limit:g} s{done}; {self.problem}")
                break
        os._exit(1)


class Fetch:
    """One object on its way into a file.

    Parameters
    ----------
    options : dict
        The arguments of :func:`fasttrees.serving.s3.fetch_model`, and ``descriptor``: the file to fill.
    progress : Progress
    """

    def __init__(self, options: dict[str, Any], progress: Progress) -> None:
        self.options = options
        self.progress = progress
        self.region: str | None = options["region"]
        self.place = {"Bucket": options["bucket"], "Key": options["key"]}
        self.extra = {}
        if options["version_id"]:
            self.extra["VersionId"] = options["version_id"]
        if options["expected_bucket_owner"]:
            self.extra["ExpectedBucketOwner"] = options["expected_bucket_owner"]

    def run(self) -> dict[str, object]:
        """Fetch and verify the object; take the model out of an archive."""
        client = self.connect()
        head = self.ask(client)
        archived = self.options["key"].endswith(ARCHIVE_ENDINGS)
        descriptor = open_unnamed() if archived else self.options["descriptor"]
        reserve(descriptor, head["ContentLength"])
        self.download(client, head, descriptor)
        sha256, verified = self.verify(descriptor, head)
        if archived:
            with os.fdopen(descriptor, "rb") as source, open(self.options["descriptor"], "wb", closefd=False) as target:
                try:
                    extract_model(source, target, self.progress.add)
                except ValueError as error:
                    raise FetchError(str(error)) from error
        return {
            "size": head["ContentLength"],
            "etag": head["ETag"].strip('"'),
            "version_id": head.get("VersionId"),
            "sha256": sha256,
            "verified": verified,
        }

    def connect(self) -> Any:
        """Make the client."""
        from boto3.session import Session
        from botocore.config import Config

        session = Session(region_name=self.region)
        self.region = session.region_name
        config = Config(
            region_name=self.region or DEFAULT_REGION,
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=READ_TIMEOUT,
            retries={"mode": "standard", "total_max_attempts": self.options["attempts"]},
            tcp_keepalive=True,
        )
        client = session.client("s3", config=config)
        client.meta.events.register("response-received.s3", self.progress.on_response)
        self.progress.add()  # from here on it is the network that is waited for
        return client

    def ask(self, client: Any) -> dict[str, Any]:
        """Ask for the object's size, version and checksum."""
        from botocore.exceptions import ClientError

        try:
            head: dict[str, Any] = client.head_object(**self.place, **self.extra, ChecksumMode="ENABLED")
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
                # An answer to HEAD has no body, where the cause would stand: ask again for the cause.
                client.get_object(**self.place, **self.extra, Range="bytes=0-0")
            raise
        self.progress.size = head["ContentLength"]
        self.progress.add()
        if not head["ContentLength"]:
            raise FetchError("the object is empty")
        return head

    def download(self, client: Any, head: dict[str, Any], descriptor: int) -> None:
        """Fill the file with the very object that `head` describes."""
        from boto3.s3.transfer import TransferConfig, create_transfer_manager

        def ask_for_this_object(params: dict[str, Any], **_: Any) -> None:
            params["IfMatch"] = head["ETag"]

        client.meta.events.register("before-parameter-build.s3.GetObject", ask_for_this_object)
        if head.get("VersionId", "null") != "null":
            self.extra["VersionId"] = head["VersionId"]
        config = TransferConfig(
            multipart_threshold=self.options["part_size"],
            multipart_chunksize=self.options["part_size"],
            io_chunksize=64 << 10,  # a quarter of the default: the process needs 10 MB less
            preferred_transfer_client="classic",
        )
        with open(descriptor, "wb", closefd=False) as file, create_transfer_manager(client, config) as manager:
            manager.download(*self.place.values(), file, self.extra, [Subscriber(self.progress, head)]).result()
        if self.progress.received != head["ContentLength"]:
            raise FetchError(f"{self.progress.received} bytes came, {head['ContentLength']} were announced")

    def verify(self, descriptor: int, head: dict[str, Any]) -> tuple[str, list[str]]:
        """Compare the file with all that is known of the object; return its SHA-256 and what could be compared."""
        expected = stored_checksums(head)
        digests = {name: CHECKSUMS[name]() for name in {"SHA256", *expected}}
        position = 0
        while block := os.pread(descriptor, BLOCK, position):
            for digest in digests.values():
                digest.update(block)
            position += len(block)
            self.progress.add()
        for name, value in expected.items():
            if (actual := b64encode(digests[name].digest()).decode()) != value:
                raise FetchError(f"what came is not what S3 stored: expected {name} {value}, got {actual}")
        sha256 = digests["SHA256"].digest().hex()
        if self.options["sha256"] not in (None, sha256):
            raise FetchError(f"expected SHA-256 {self.options['sha256']} (MODEL_SHA256), got {sha256}")
        return sha256, [*(["MODEL_SHA256"] if self.options["sha256"] else []), *expected]


class Subscriber:
    """Tells s3transfer what it need not ask, and hears from it when bytes come."""

    def __init__(self, progress: Progress, head: dict[str, Any]) -> None:
        self.progress = progress
        self.head = head

    def on_queued(self, future: Any, **_: Any) -> None:
        """Answer before the first request."""
        future.meta.provide_transfer_size(self.head["ContentLength"])
        future.meta.provide_object_etag(self.head["ETag"])

    def on_progress(self, bytes_transferred: int, **_: Any) -> None:
        """Hear of bytes."""
        self.progress.add(bytes_transferred)


def stored_checksums(head: dict[str, Any]) -> dict[str, str]:
    """Return the checksums of a whole object that S3 tells, in base64, by their names in :data:`CHECKSUMS`.

    Parameters
    ----------
    head : dict
        Answer to HeadObject that was asked with ``ChecksumMode="ENABLED"``.
    """
    stored = {}
    if head.get("ChecksumType") != "COMPOSITE":
        names = [name for name in CHECKSUMS if f"Checksum{name}" in head and "-" not in head[f"Checksum{name}"]]
        stored = {name: head[f"Checksum{name}"] for name in names}
    etag = head["ETag"].strip('"')
    if not stored and is_md5(etag, head):
        stored["MD5"] = b64encode(bytes.fromhex(etag)).decode()
    return stored


def is_md5(etag: str, head: dict[str, Any]) -> bool:
    """Tell whether an ETag is the MD5 of its object: that came in one piece, and no key of the user's encrypts it."""
    encrypted = head.get("ServerSideEncryption", "AES256") != "AES256" or "SSECustomerAlgorithm" in head
    return not encrypted and len(etag) == 32 and not set(etag) - set("0123456789abcdef")


def reserve(descriptor: int, size: int) -> None:
    """Fail now if the disk has too little space."""
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        if error.errno in DISK_FULL:
            raise
        # a file system that cannot reserve: a full disk will be found while writing
