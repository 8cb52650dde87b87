"""Types of the compiled module."""

from typing_extensions import Buffer

def xxh64(data: Buffer) -> int: ...
