"""Cells as pyarrow has them: what a column may hold, and how its cells become numbers or text.

Raw tables and single samples go through the same functions, so that a sample is encoded as its row was.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fasttrees.pipeline.errors import ConfigError

__all__ = ["FORMS", "Kind", "fits", "ordered_keys", "plain", "to_numbers", "to_text"]

Kind = Literal["number", "boolean", "time", "zoned time", "text"]

# What text is tried as, in this order; what is none of them is text.
FORMS: dict[Kind, Any] = {
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "time": pa.timestamp("us"),
    "zoned time": pa.timestamp("us", tz="UTC"),
}
SIGN = np.uint64(1 << 63)


def plain(array: Any, missing: Sequence[str], place: str) -> Any:
    """Bring a column to one of a few types: text, numbers, booleans or timestamps, null where it is missing.

    Parameters
    ----------
    array : pyarrow.Array
    missing : sequence of str
        Texts that mean: missing; among numbers, what is equal to one of them that is a number. NaN does, too.
    place : str
        For the error.

    Raises
    ------
    ConfigError
        If it holds something else, such as lists.
    """
    types = pa.types
    if types.is_dictionary(array.type):
        array = array.dictionary_decode()
    kind = array.type
    if types.is_null(kind):
        return array.cast(pa.string())
    if types.is_string(kind) or types.is_large_string(kind):
        array = array.cast(pa.string())
        given = pc.is_in(array, value_set=pa.array(missing, pa.string()))
        return pc.if_else(given, pa.scalar(None, pa.string()), array) if pc.any(given).as_py() else array
    if types.is_floating(kind) or types.is_decimal(kind):
        array = array.cast(pa.float64())
        array = pc.if_else(pc.is_nan(array), pa.scalar(None, pa.float64()), array)
    if types.is_floating(kind) or types.is_decimal(kind) or types.is_integer(kind):
        return _without(array, missing)
    if types.is_date(kind) or types.is_timestamp(kind):
        zoned = types.is_timestamp(kind) and kind.tz
        return array.cast(FORMS["zoned time" if zoned else "time"], safe=False)
    if types.is_boolean(kind):
        return array
    raise ConfigError(f"{place}: expected text, numbers, booleans or times, got {kind}; name it in prepare.drop")


def _without(array: Any, missing: Sequence[str]) -> Any:
    """Make null what is equal to a number that means: missing."""
    numbers = [text for text in missing if fits(pa.array([text]), "number")]
    if not numbers:
        return array
    given = pc.is_in(array.cast(pa.float64(), safe=False), value_set=pa.array(numbers).cast(pa.float64()))
    return pc.if_else(given, pa.scalar(None, array.type), array)


def fits(array: Any, kind: Kind) -> bool:
    """Return whether all cells of a plain column are of a kind."""
    if kind == "text" or array.null_count == len(array):
        return True
    if pa.types.is_string(array.type):
        try:
            array.cast(FORMS[kind])
        except pa.ArrowInvalid:
            return False
        return True
    if kind == "number":
        return bool(pa.types.is_integer(array.type) or pa.types.is_floating(array.type))
    return bool(array.type == FORMS[kind])


def to_numbers(array: Any, kind: Kind) -> np.ndarray:
    """Read a plain column of numbers or booleans.

    Returns
    -------
    ndarray of float64
        NaN where it is missing.

    Raises
    ------
    pyarrow.ArrowInvalid
        If a cell is of another kind.
    """
    if kind == "boolean" and not pa.types.is_boolean(array.type):
        array = to_text(array).cast(pa.bool_())
    return np.asarray(array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False))


def to_text(array: Any) -> Any:
    """Write a plain column as text; text stays as it is, and a number without a fraction has none."""
    return array.cast(pa.string())


def ordered_keys(array: Any, kind: Kind) -> np.ndarray:
    """Map a plain column of numbers or times, none missing, to integers of the same order.

    Returns
    -------
    ndarray of uint64
        Equal where the cells are equal.
    """
    if kind == "number":
        bits = (to_numbers(array, kind) + 0.0).view(np.uint64)  # -0.0 + 0.0 is 0.0
        return np.where(bits & SIGN, ~bits, bits | SIGN)
    times = array.cast(FORMS[kind]).cast(pa.int64())
    return np.asarray(times.to_numpy()).view(np.uint64) ^ SIGN
