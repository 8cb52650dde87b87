"""Compare the bytes of an object with the checksums that S3 stores with it."""

from __future__ import annotations

import hashlib
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fasttrees._aws.checksum import crc32c, crc64nvme
from fasttrees._aws.errors import AwsError

__all__ = ["CHECKSUMS", "check_content", "stored_checksums"]


class Crc:
    """A cyclic redundancy check with the methods of hashlib's objects.

    Parameters
    ----------
    update : callable
        Continues a checksum with more data, like :func:`zlib.crc32`.
    size : int
        Bytes of the digest.
    """

    def __init__(self, update: Callable[[bytes, int], int], size: int) -> None:
        self._update = update
        self._size = size
        self._value = 0

    def update(self, data: bytes) -> None:
        """Continue the checksum with `data`."""
        self._value = self._update(data, self._value)

    def digest(self) -> bytes:
        """Return the checksum of all data so far, in big-endian order as S3 has it."""
        return self._value.to_bytes(self._size, "big")


# The checksums that S3 may store with an object and that can be computed here.
CHECKSUMS: dict[str, Callable[[], Any]] = {
    "CRC32": lambda: Crc(zlib.crc32, 4),
    "CRC32C": lambda: Crc(crc32c, 4),
    "CRC64NVME": lambda: Crc(crc64nvme, 8),
    "MD5": lambda: hashlib.md5(usedforsecurity=False),
    "SHA1": lambda: hashlib.sha1(usedforsecurity=False),
    "SHA256": hashlib.sha256,
    "SHA512": hashlib.sha512,
}


def stored_checksums(head: Mapping[str, Any]) -> dict[str, str]:
    """Return the checksums that S3 stores of a whole object, in base64, by their names in :data:`CHECKSUMS`.

    Parameters
    ----------
    head : mapping
        Answer to HeadObject with ``ChecksumMode="ENABLED"``.
    """
    stored = {}
    if head.get("ChecksumType") != "COMPOSITE":
        names = [name for name in CHECKSUMS if f"Checksum{name}" in head and "-" not in head[f"Checksum{name}"]]
        stored = {name: head[f"Checksum{name}"] for name in names}
    etag = head["ETag"].strip('"')
    if not stored and _is_md5(etag, head):
        stored["MD5"] = b64encode(bytes.fromhex(etag)).decode()
    return stored


def check_content(blocks: Iterable[bytes], expected: Mapping[str, str], also: Iterable[str] = ()) -> dict[str, bytes]:
    """Compare an object's content with its checksums.

    Parameters
    ----------
    blocks : iterable of bytes
        The content.
    expected : mapping of str to str
        Checksums in base64, by their names in :data:`CHECKSUMS`.
    also : iterable of str
        Further checksums to compute.

    Returns
    -------
    dict of str to bytes
        The digests of all these checksums.

    Raises
    ------
    AwsError
        If a checksum differs.
    """
    checksums = {name: CHECKSUMS[name]() for name in {*also, *expected}}
    for block in blocks:
        for checksum in checksums.values():
            checksum.update(block)
    digests = {name: checksum.digest() for name, checksum in checksums.items()}
    for name, value in expected.items():
        if (actual := b64encode(digests[name]).decode()) != value:
            raise AwsError(f"what came is not what S3 stored: expected {name} {value}, got {actual}")
    return digests


def _is_md5(etag: str, head: Mapping[str, Any]) -> bool:
    """Return whether an ETag is the MD5 of its object: it came in one piece, and no key of the user's encrypts it."""
    encrypted = head.get("ServerSideEncryption", "AES256") != "AES256" or "SSECustomerAlgorithm" in head
    return not encrypted and len(etag) == 32 and not set(etag) - set("0123456789abcdef")
