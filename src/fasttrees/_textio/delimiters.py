"""The characters that may stand between the cells of a line."""

from __future__ import annotations

from fasttrees.errors import InputError

__all__ = ["DELIMITERS", "delimiter_byte"]

DELIMITERS = (",", "\t", ";", "|")


def delimiter_byte(delimiter: str) -> int:
    """Return the one byte of a delimiter, or raise InputError if it is none."""
    if delimiter not in DELIMITERS:
        raise InputError(f"expected a delimiter of {', '.join(map(repr, DELIMITERS))}, got {delimiter!r}")
    return ord(delimiter)
