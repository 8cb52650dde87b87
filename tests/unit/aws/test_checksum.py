"""The checksums of S3 that Python lacks."""

from __future__ import annotations

import pytest

from fasttrees._aws.checksum import crc32c, crc64nvme
from tests.support.paths import FLIGHTS

MODEL = (FLIGHTS / "model.txt").read_bytes()


def reflected_crc(data: bytes, polynomial: int, width: int) -> int:
    """Compute a checksum bit by bit, as its definition has it."""
    value = ones = (1 << width) - 1
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (polynomial if value & 1 else 0)
    return value ^ ones


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 100, 1001])
def test_checksums(size: int) -> None:
    data = MODEL[:size]
    assert crc32c(data) == reflected_crc(data, 0x82F63B78, 32)
    assert crc64nvme(data) == reflected_crc(data, 0x9A6C9329AC4BC9B5, 64)
    for cut in {0, 1, size // 2, size}:
        assert crc32c(data[cut:], crc32c(data[:cut])) == crc32c(data)
        assert crc64nvme(data[cut:], crc64nvme(data[:cut])) == crc64nvme(data)


def test_checksums_of_the_catalogue() -> None:
    """The published check values, of the digits 1 to 9."""
    assert crc32c(b"123456789") == 0xE3069283
    assert crc64nvme(b"123456789") == 0xAE8B14860A799888
