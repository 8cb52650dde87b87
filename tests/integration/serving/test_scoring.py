"""The work for one body, block by block."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest

from fasttrees.serving.models import ServedModel, load_model
from fasttrees.serving.scoring import QUICK_WALKS, Scoring
from fasttrees.serving.settings import Settings
from tests.support.exchange import CSV, JSON, JSON_LINES, LIBSVM, NPY
from tests.support.paths import NUMERICAL

SETTINGS = Settings(bad_row_placeholder="ERROR")


@pytest.fixture(scope="module")
def served() -> ServedModel:
    return load_model(NUMERICAL, SETTINGS)


def begin(served: ServedModel, content_type: str) -> Scoring:
    return Scoring(served, {"content-type": content_type}, SETTINGS)


def npy(n_rows: int) -> bytes:
    file = io.BytesIO()
    np.save(file, np.ones((n_rows, 5), np.int8))
    return file.getvalue()


BODIES: dict[str, tuple[str, Callable[[int], bytes]]] = {
    "csv": (CSV, lambda n: b"1,1,1,1,1\n" * n),
    "csv, CR": (CSV, lambda n: b"1,1,1,1,1\r" * n),
    "json": (JSON, lambda n: b"[" + b",".join([b"[1,1,1,1,1]"] * n) + b"]"),
    "json, objects": (JSON, lambda n: b"[" + b",".join([b'{"features": [1,1,1,1,1]}'] * n) + b"]"),
    "json lines": (JSON_LINES, lambda n: b"[1,1,1,1,1]\n" * n),
    "libsvm": (LIBSVM, lambda n: b"0:1 1:1 2:1 3:1 4:1\n" * n),
    "npy": (NPY, npy),
}


@pytest.mark.parametrize("kind", BODIES)
def test_only_few_rows_are_quick(served: ServedModel, kind: str) -> None:
    """Whatever separates the rows: what is quick keeps all other clients waiting."""
    content_type, make = BODIES[kind]
    many = QUICK_WALKS // served.n_trees + 1
    assert begin(served, content_type).is_quick(make(1)) or content_type == NPY
    assert not begin(served, content_type).is_quick(make(many))
    scoring = begin(served, content_type)
    scoring.work(make(many), True)
    assert (scoring.n_rows, scoring.n_bad_rows) == (many, 0)


def test_bad_rows_are_no_parts_of_their_own(served: ServedModel) -> None:
    scoring = begin(served, CSV)
    scoring.work(b"x\n" * 1000, False)
    scoring.work(b"x\n" * 1000, True)
    assert scoring.n_bad_rows == 2000
    assert len(scoring.parts) == 4  # before, two blocks, behind
    assert b"".join(scoring.parts) == b"ERROR\n" * 2000
