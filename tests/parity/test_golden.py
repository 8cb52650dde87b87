"""Models of older formats: the outputs that LightGBM gave for them are recorded beside them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import fasttrees
from tests.support.builders import Matrix, assert_same_bits, load_builds
from tests.support.paths import GOLDEN

FOLDER = GOLDEN

#: Each model of the folder; a file that is missing fails its tests.
MODELS = [
    "v2-binary-lightgbm-2.1.2",
    "v2-binary-lightgbm-2.2.3",
    "v2-by-hand",
    "v2-multiclass-lightgbm-2.2.3",
    "v2-random-forest-lightgbm-2.2.3",
    "v2-zero-as-missing-lightgbm-2.1.2",
    "v3-binary-lightgbm-3.3.5",
    "v3-by-hand",
    "v3-linear-lightgbm-3.3.5",
    "v3-multiclass-lightgbm-3.3.5",
    "v3-random-forest-lightgbm-3.3.5",
    "v4-binary-lightgbm-4.7.0",
    "v4-linear-lightgbm-4.7.0",
]


def without_tree_sizes(text: bytes) -> bytes:
    return b"\n".join(line for line in text.split(b"\n") if not line.startswith(b"tree_sizes="))


#: Other spellings of a file that mean the same.
SPELLINGS: dict[str, Callable[[bytes], bytes]] = {
    "as it is": lambda text: text,
    "CRLF": lambda text: text.replace(b"\n", b"\r\n"),
    "CR": lambda text: text.replace(b"\n", b"\r"),
    "without tree_sizes": without_tree_sizes,
    "CRLF without tree_sizes": lambda text: without_tree_sizes(text).replace(b"\n", b"\r\n"),
    "without version": lambda text: re.sub(rb"^version=v\d\n", b"", text, flags=re.MULTILINE),
    "blank lines at the end": lambda text: text + b"\n\n\n",
    # A tree block's own line end is needed: without it the file may be cut within a number.
    "no blank lines at the end": lambda text: text.rstrip(b"\n") + b"\n",
}


def doubles(values: list[str] | list[list[str]]) -> Matrix:
    return np.array([doubles(value) if isinstance(value, list) else float.fromhex(value) for value in values])


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("name", MODELS)
def test_recorded_outputs(name: str, spelling: str, tmp_path: Path) -> None:
    original = (FOLDER / f"{name}.txt").read_bytes()
    assert b"\r" not in original
    recorded = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    assert recorded["lightgbm"] == "4.7.0"
    rows = doubles(recorded["rows"])
    assert len(rows) == 48
    for build, model in load_builds(SPELLINGS[spelling](original)).items():
        for some in (slice(None), slice(0, 5)):
            assert_same_bits(model.predict(rows[some]), doubles(recorded["scores"])[some], build)
            assert_same_bits(model.predict(rows[some], raw_score=True), doubles(recorded["raw_scores"])[some], build)
            leaves = np.array(recorded["leaves"], np.int32)
            assert_same_bits(model.predict(rows[some], pred_leaf=True), leaves[some], build)
    path = tmp_path / "model.txt"
    path.write_bytes(SPELLINGS[spelling](original))
    assert_same_bits(fasttrees.load(path).predict(rows), doubles(recorded["scores"]), "load")


@pytest.mark.parametrize("name", MODELS)
def test_without_an_objective_scores_are_raw(name: str) -> None:
    original = (FOLDER / f"{name}.txt").read_bytes()
    recorded = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    text = b"\n".join(line for line in original.split(b"\n") if not line.startswith((b"objective=", b"average_output")))
    model = fasttrees.loads(text)
    assert model.objective is None
    assert_same_bits(model.predict(doubles(recorded["rows"])), doubles(recorded["raw_scores"]))


def test_every_golden_model_is_listed() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.txt")) == MODELS
    assert sorted(path.stem for path in FOLDER.glob("*.json")) == MODELS


def test_formats_are_what_the_names_say() -> None:
    for name in MODELS:
        text = (FOLDER / f"{name}.txt").read_text(encoding="utf-8")
        assert fasttrees.loads(text).version == name[:2]
        assert ("leaf_weight=" in text) == (name[:2] != "v2")
        assert ("is_linear=1" in text) == ("linear" in name)
        assert ("\naverage_output\n" in text) == ("random-forest" in name)
