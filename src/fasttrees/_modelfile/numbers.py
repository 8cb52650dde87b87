"""Numbers as LightGBM reads them from text and writes them to it."""

from __future__ import annotations

import math
import struct
from typing import Any

from fasttrees._engine.objective import legacy_float

__all__ = [
    "JSON_LIMIT",
    "as_gain",
    "as_json",
    "exact_text",
    "gain_in_json",
    "in_json",
    "legacy",
    "legacy_text",
    "short_text",
]

JSON_LIMIT = 1e300  # LightGBM writes thresholds beyond it as this, because JSON has no infinity
GAIN_LIMIT = 1e38  # the same for gains, which are floats

WORDS = {"inf": 1e308, "infinity": 1e308, "nan": math.nan, "na": math.nan, "null": math.nan}


def legacy(text: str) -> float:
    """Read a number with LightGBM's ``Atof``, which makes infinity finite and errs in the last bit."""
    if text[-1:].isdigit() or text[-1:] == ".":
        return legacy_float(text)
    return -WORDS[text[1:].lower()] if text[:1] == "-" else WORDS[text.lower().removeprefix("+")]


def as_gain(text: str) -> float:
    """Read a gain: LightGBM holds it as a float32."""
    try:
        return float(struct.unpack("f", struct.pack("f", legacy(text)))[0])
    except OverflowError:
        return math.copysign(math.inf, legacy(text))


def exact_text(number: float) -> str:
    """Spell a number so that it is read as the same bits."""
    return format(number, ".17g")


def legacy_text(number: float) -> str:
    """Spell a number so that ``Atof`` reads the same bits, if a spelling near it does."""
    near = number
    for _ in range(8):
        for digits in (17, 16, 15):
            text = format(near, f".{digits}g")
            if legacy(text) == number:
                return text
        near += number - legacy(exact_text(near))
    return exact_text(number)


def short_text(number: float) -> str:
    """Spell a number that only describes: six digits."""
    return format(number, "g")


def as_json(number: float) -> Any:
    """Convert a number to the type that it has in LightGBM's JSON of 17 digits: whole numbers are integers."""
    return int(number) if abs(number) < 1e17 and number == int(number) else number


def in_json(number: float) -> Any:
    """Return a number as LightGBM's JSON has it, which keeps it finite."""
    return as_json(0.0 if math.isnan(number) else max(-JSON_LIMIT, min(JSON_LIMIT, number)))


def gain_in_json(number: float) -> Any:
    """Return a gain as LightGBM writes it to JSON."""
    if math.isnan(number):
        return 0
    limit: float = struct.unpack("f", struct.pack("f", GAIN_LIMIT))[0]
    return as_json(max(-limit, min(limit, number)))
