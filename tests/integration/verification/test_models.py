"""Every kind of model, compared with LightGBM's predictions."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

import fasttrees
from fasttrees.errors import FastTreesError
from fasttrees.verification import TreeDifference, verify
from fasttrees.verification._trees import compare_trees
from tests.support.builders import chain, model_text, random_tree
from tests.support.paths import MODELS
from tests.support.verifications import MODEL, ROWS, Verify

PATHS = sorted(MODELS.glob("*.txt"))


@pytest.mark.parametrize("raw_score", [False, True])
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_all_bits_equal(path: Path, raw_score: bool, against: Verify) -> None:
    n_features = fasttrees.load(path).num_feature()
    rows = np.random.default_rng(7).normal(scale=3, size=(300, n_features)).round(1)
    result = against(None, str(path), rows, raw_score=raw_score)
    assert result.passed
    assert result.n_same == 300
    assert result.output == ("raw scores" if raw_score else "predictions")


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_difference_can_be_looked_into(path: Path, against: Verify) -> None:
    """Each of a row's numbers counts, and all trees are compared with LightGBM's."""
    model = fasttrees.load(path)
    rows = np.random.default_rng(7).normal(scale=3, size=(300, model.num_feature())).round(1)
    reference = model.predict(rows)
    reference[17] += 0.01
    reference.reshape(300, -1)[20, -1] += 0.5
    result = against(reference, str(path), rows, reference_model=str(path))
    assert [row.row for row in result.worst] == [21, 18]
    assert (result.n_failed, result.n_same) == (2, 298)
    assert result.worst[0].trees == []
    assert len(result.worst[0].prediction) == model.num_class


def test_another_leaf_of_the_same_output_is_another_leaf() -> None:
    models = []
    for threshold in (0.0, 2.0):
        tree = dataclasses.replace(chain(1, [threshold], 1), leaf_value=[0.5, 0.5])
        models.append(fasttrees.loads(model_text([tree], 1)))
    result = compare_trees(np.array([[1.0], [3.0]]), *models)
    assert result == [[TreeDifference(0, 1, 0, 0.5, 0.5)], []]


def test_fewer_iterations_in_the_reference_s_model(tmp_path: Path, against: Verify) -> None:
    rng = np.random.default_rng(2)
    trees = [random_tree(rng, 8, 3) for _ in range(6)]
    paths = []
    for n in (6, 4):
        paths.append(str(tmp_path / f"{n}.txt"))
        Path(paths[-1]).write_text(model_text(trees[:n], 3))
    result = against(None, paths[0], rng.normal(size=(100, 3)), reference_model=paths[1])
    assert not result.passed
    assert result.findings == [
        "The reference is what the model gives with its first 4 iterations only.",
        "The model has 6 iterations, the reference's model 4.",
    ]


def test_a_model_that_does_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "other.txt"
    path.write_text(model_text([random_tree(np.random.default_rng(1), 4, 2)], 2))
    with pytest.raises(
        FastTreesError, match="expected a model of 23 features and 1 trees an iteration, as the other, got 2"
    ):
        verify(MODEL, ROWS, reference_model=str(path))
    path.write_text("no model")
    with pytest.raises(FastTreesError, match=f"^{path}: "):
        verify(MODEL, ROWS, reference_model=str(path))


def test_lightgbm_does_not_read_compact_files(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "model.ft"
    fasttrees.load(MODEL).save(path)
    with pytest.raises(FastTreesError, match=f"^{path}: lightgbm cannot read the model"):
        verify(str(path), ROWS)
    assert capfd.readouterr().out == ""
    result = verify(str(path), ROWS, reference_model=MODEL, explain=True)
    assert result.n_same == 10_000
