"""Which column of the input is the label."""

from __future__ import annotations

from fasttrees.errors import InputError

__all__ = ["find_label"]


def find_label(label: str | None, header: list[str] | None) -> int | None:
    """Turn a number, counted from 0, or a name of the header into the number of the label's column."""
    if label is None:
        return None
    if label.isdecimal():
        if header is not None and int(label) >= len(header):
            raise InputError(f"expected a label column from 0 to {len(header) - 1}, got {label}")
        return int(label)
    if header is None:
        raise InputError(f"the label column {label!r} is a name; names need --header")
    if header.count(label) != 1:
        raise InputError(f"expected the label column {label!r} once in the header, got it {header.count(label)} times")
    return header.index(label)
