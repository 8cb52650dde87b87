"""The examples of docs/reference/content-types.md."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest

import fasttrees
from fasttrees.serving.content import ALIASES, INPUT_TYPES
from fasttrees.serving.errors import RequestError
from fasttrees.serving.predictions import KEYS
from tests.support.builders import MISSING_NAN, model_text, one_split
from tests.support.exchange import CSV, JSON, JSON_LINES, LIBSVM, NPY, answer, predicted
from tests.support.paths import DOCS

TEXT = (DOCS / "reference" / "content-types.md").read_text()
TREES = [one_split(40, MISSING_NAN), one_split(1000, MISSING_NAN, 2)]
MODEL = fasttrees.loads(
    model_text(TREES, 3, 1, "binary sigmoid:1").replace("Column_0 Column_1 Column_2", "age income debt")
)
SCORES = predicted(MODEL, [[37, 52000.5, float("nan")], [41, float("nan"), 1200]]).splitlines(keepends=True)
BLOCKS = [body.encode() for body in re.findall(r"```\w*\n(.*?)```", TEXT, re.DOTALL)]


def test_bodies() -> None:
    csv, *documents, lines, libsvm = BLOCKS
    assert answer(MODEL, csv, CSV) == b"".join(SCORES)
    assert len(documents) == 5
    for document in documents:
        assert answer(MODEL, document, JSON) == b"".join(SCORES)
    assert answer(MODEL, lines, JSON_LINES) == SCORES[0] + SCORES[1] * 2
    assert answer(MODEL, libsvm, LIBSVM) == predicted(MODEL, [[37, 52000.5, 0], [41, 0, 1200]])


def npy() -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros((10, 4)))
    return file.getvalue()


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"1,2,3\n37,high,0", CSV), (b"1,2,3\n37,52000.5", CSV), (b'[[37, "52000.5", 0]]', JSON),
        (b'[{"age": 37}]', JSON), (b"[[37, 52000.5, 0]", JSON), (b"1 3:5", LIBSVM), (npy(), NPY),
    ],
)  # fmt: skip
def test_errors(body: bytes, content_type: str) -> None:
    with pytest.raises(RequestError) as error:
        answer(MODEL, body, content_type)
    assert f"`{error.value}`" in TEXT


def test_every_type_and_key_is_listed() -> None:
    for name in (*INPUT_TYPES, *ALIASES, *KEYS):
        assert f"`{name}`" in TEXT
