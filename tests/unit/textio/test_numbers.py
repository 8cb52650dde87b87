"""Decimal text to doubles: the quick way of the reader rounds as Python does, and leaves alone what it cannot."""

import random
import struct
from collections.abc import Callable, Iterator
from fractions import Fraction

import pytest

import fasttrees


def read_back(spellings: list[str]) -> list[float]:
    """Each spelling as the reader reads it: a leaf value of a class of its own."""
    n = len(spellings)
    header = [
        "tree",
        "version=v4",
        f"num_class={n}",
        f"num_tree_per_iteration={n}",
        "label_index=0",
        "max_feature_idx=0",
        "feature_names=a",
        "feature_infos=[0:1]",
    ]
    blocks = [f"Tree=0\nnum_leaves=1\nnum_cat=0\nleaf_value={spelling}\n\n" for spelling in spellings]
    model = fasttrees.loads("\n".join([*header, "", *blocks, "end of trees"]))
    values: list[float] = model.predict([[0.0]])[0].tolist()
    return values


def as_decimal(number: Fraction) -> str:
    """All digits of a number whose denominator is a power of two, without an exponent."""
    places = number.denominator.bit_length() - 1
    digits = str(abs(number.numerator) * 5**places).rjust(places + 1, "0")
    return digits[: len(digits) - places] + "." + digits[len(digits) - places :] + ("0" if not places else "")


def near_midpoints(rng: random.Random) -> Iterator[str]:
    """Numbers half way between two doubles, and just above and below."""
    for _ in range(300):
        middle = Fraction(2 * (rng.getrandbits(52) | 1 << 52) + 1) * Fraction(2) ** rng.randrange(-75, 8)
        text = as_decimal(middle)
        yield text
        yield text + "1"
        yield from (text[:length] for length in range(17, 24) if "." in text[:length])
    for _ in range(200):  # short enough that the digits themselves are exact
        yield str((1 << 53) + 2 * rng.getrandbits(9) + 1) + rng.choice(["", ".0", ".5", "0", "00e-2", "e-1", "5e-1"])


def all_lengths(rng: random.Random) -> Iterator[str]:
    for before in range(1, 26):
        for after in range(1, 26):
            digits = "".join(rng.choices("0123456789", k=before + after))
            yield f"{digits[:before]}.{digits[before:]}"
            yield f"-{'0' * (before - 1)}0.{'0' * (after - 1)}{digits[:17]}"
            yield f"{digits[:before]}e{after - 13}"


def all_powers(rng: random.Random) -> Iterator[str]:
    for power in range(-330, 312):
        for n_digits in (1, 15, 16, 17, 19, 20):
            yield f"{rng.randrange(10 ** (n_digits - 1), 10**n_digits)}e{power}"


def as_lightgbm_writes(rng: random.Random) -> Iterator[str]:
    for _ in range(20_000):
        yield format(rng.gauss(0, 1) * 10.0 ** rng.randrange(-7, 5), ".17g")


@pytest.mark.parametrize("spellings", [near_midpoints, all_lengths, all_powers, as_lightgbm_writes])
def test_every_double_is_rounded_correctly(spellings: Callable[[random.Random], Iterator[str]]) -> None:
    texts = list(spellings(random.Random(1)))
    # A score is a sum that starts at zero: it has no negative zeros.
    wrong = [
        text
        for text, value in zip(texts, read_back(texts), strict=True)
        if struct.pack("d", 0.0 + float(text)) != struct.pack("d", value)
    ]
    assert not wrong
