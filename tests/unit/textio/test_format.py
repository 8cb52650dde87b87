"""Records of numbers with text around them, and classes from scores."""

from __future__ import annotations

import json
from array import array
from math import inf, isnan, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fasttrees._engine.classes import find_winners, pair_scores
from fasttrees._textio.format import format_records
from fasttrees.errors import InputError, InputTypeError


def test_records() -> None:
    fields: list[Any] = [array("d", [0.5, -0.0]), array("i", [1, 2, 3, -4])]
    assert format_records(fields, [b"<", b"|", b">\n"], 2, b"; ") == b"<0.5|1; 2>\n<-0|3; -4>\n"
    assert format_records([], [b"same\n"], 3, b",") == b"same\n" * 3
    assert format_records([array("d")], [b"a", b"b"], 0, b",") == b""
    values = array("d", [nan, inf, -inf, 1e22, 5e-324])
    assert format_records([values], [b"", b""], 1, b" ") == b"nan inf -inf 1e+22 5e-324"
    assert format_records([values], [b"[", b"]"], 1, b",", True) == b'["NaN","Infinity","-Infinity",1e+22,5e-324]'


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_json_reads_the_same_doubles(values: list[float]) -> None:
    text = format_records([array("d", values)], [b"[", b"]"], 1, b", ", True)
    assert array("d", map(float, json.loads(text, parse_int=float))).tobytes() == array("d", values).tobytes()


def test_room_for_the_longest_numbers() -> None:
    n_rows = 1000
    smallest, infinite = array("d", [-2.2250738585072014e-308] * n_rows * 3), array("d", [-inf] * n_rows)
    fields: list[Any] = [smallest, array("i", [-(2**31)] * n_rows), infinite]
    text = format_records(fields, [b"x" * 50, b"", b"y", b"\n"], n_rows, b", ", True)
    row = b"x" * 50 + b", ".join([b"-2.2250738585072014e-308"] * 3) + b'-2147483648y"-Infinity"\n'
    assert text == row * n_rows


def test_arguments_that_do_not_fit() -> None:
    with pytest.raises(InputError, match="expected 2 texts around 1 fields, got 1"):
        format_records([array("d", [1])], [b""], 1, b",")
    with pytest.raises(InputError, match="2 rows, got 3"):
        format_records([array("d", [1, 2, 3])], [b"", b""], 2, b",")
    with pytest.raises(InputError, match="-1 rows"):
        format_records([array("d")], [b"", b""], -1, b",")
    with pytest.raises(InputTypeError, match="got 'f'"):
        format_records([array("f", [1])], [b"", b""], 1, b",")
    with pytest.raises(InputTypeError):
        format_records([memoryview(array("d", [1, 2, 3, 4]))[::2]], [b"", b""], 1, b",")
    with pytest.raises(TypeError):
        format_records([array("d", [1])], ["", b""], 1, b",")  # type: ignore[list-item]


def test_winners() -> None:
    labels, best = array("d", [9] * 5), array("d", [9] * 5)
    scores = [0.1, 0.7, 0.2, 3, 3, 1, -inf, -inf, -inf, 1, nan, 2, nan, 5, 6]
    find_winners(array("d", scores), labels, best)
    assert labels[:3].tolist() == [1, 0, 0]
    assert best[:3].tolist() == [0.7, 3, -inf]
    assert all(map(isnan, labels[3:] + best[3:]))
    find_winners(array("d"), array("d"), array("d"))


def test_pairs() -> None:
    pairs = array("d", [0] * 4)
    pair_scores(array("d", [0.1, 1]), 1.0, pairs)
    assert pairs.tolist() == [1 - 0.1, 0.1, 0, 1]
    pair_scores(array("d", [2.5, -1]), 0.0, pairs)
    assert pairs.tolist() == [-2.5, 2.5, 1, -1]
