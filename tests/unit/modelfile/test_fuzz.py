"""Damaged models: each gives a model or a ModelFormatError, and never anything else.

A changed digit can be as good a digit, so a damaged file may load; what loads must score rows without a crash, which
the sanitizer build (``make sanitize``) watches. Damage that changes how much there is must be refused.
"""

import random
import re

import pytest

import fasttrees
from tests.support.paths import MODELS

NAMES = ["numerical", "categorical", "linear", "multiclass", "forest"]
ROWS = [[0.3, -1.0, float("nan"), 5.0, 1e300], [0.0, -0.0, float("inf"), 66.0, 1e-36]] * 6
BYTES = b"0123456789-+.eE= \n\r\t:[]naif_\x00\xff,x"


def score_if_it_loads(text: bytes) -> bool:
    """Whether the text loads; scores rows in both ways, by walk and by blocks, if it does."""
    try:
        model = fasttrees.loads(text)
    except fasttrees.ModelFormatError:
        return False
    if model.num_feature() == 5:
        assert len(model.predict(ROWS)) == len(ROWS)
        assert len(model.predict(ROWS[:2], pred_leaf=True)) == 2
    return True


@pytest.mark.parametrize("name", NAMES)
def test_altered_bytes(name: str) -> None:
    text = (MODELS / f"{name}.txt").read_bytes()
    source = random.Random(name)
    loaded = 0
    for _ in range(20000):
        changed = bytearray(text)
        for _ in range(source.choice((1, 1, 1, 2, 5))):
            place = source.randrange(len(changed))
            action = source.randrange(4)
            if action == 0:
                changed[place] = source.choice(BYTES)
            elif action == 1:
                del changed[place : place + source.choice((1, 1, 7, 200))]
            elif action == 2:
                changed[place:place] = bytes([source.choice(BYTES)])
            else:
                changed[place:place] = changed[place : place + source.choice((1, 5, 60, 500))]
        loaded += score_if_it_loads(bytes(changed))
    assert loaded  # else nothing but the error path was tried


@pytest.mark.parametrize("name", NAMES)
def test_altered_bytes_without_sizes(name: str) -> None:
    """Without tree_sizes the proofs below it stand alone."""
    text = re.sub(rb"tree_sizes=.*\n", b"", (MODELS / f"{name}.txt").read_bytes())
    source = random.Random(name)
    start = text.index(b"Tree=0")
    for _ in range(20000):
        changed = bytearray(text)
        place = source.randrange(start, len(changed))
        changed[place : place + source.randrange(3)] = bytes(source.choices(BYTES, k=source.randrange(3)))
        score_if_it_loads(bytes(changed))


@pytest.mark.parametrize("name", NAMES)
def test_repeated_and_missing_words_are_refused(name: str) -> None:
    """Each number of each tree, once too often and once missing."""
    text = re.sub(rb"tree_sizes=.*\n", b"", (MODELS / f"{name}.txt").read_bytes())
    trees = text[: text.index(b"end of trees")]
    words = [
        match.span()
        for match in re.finditer(rb"(?<=[= ])[-+.\deinfa]+", trees)
        if match.start() > text.index(b"\nnum_leaves")
    ]
    for start, end in words:
        if text[text.rindex(b"\n", 0, start) :].startswith(b"\nTree="):
            continue  # LightGBM ignores the number behind Tree=, and so does the reader
        assert not score_if_it_loads(text[:end] + b" " + text[start:])
        assert not score_if_it_loads(text[:start] + text[end:])


@pytest.mark.parametrize("name", NAMES)
def test_repeated_missing_and_swapped_lines(name: str) -> None:
    text = (MODELS / f"{name}.txt").read_bytes()
    lines = text[: text.index(b"end of trees")].splitlines(keepends=True)
    rest = text[text.index(b"end of trees") :]
    for i, line in enumerate(lines):
        if line.strip():
            assert not score_if_it_loads(b"".join([*lines[:i], line, *lines[i:], rest]))
            if not line.startswith((b"version=", b"objective=", b"average_output", b"tree_sizes=", b"num_tree_per")):
                assert not score_if_it_loads(b"".join([*lines[:i], *lines[i + 1 :], rest]))
        score_if_it_loads(b"".join([*lines[:i], *reversed(lines[i : i + 2]), *lines[i + 2 :], rest]))
