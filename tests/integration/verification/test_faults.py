"""Planted faults are found and named."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

import fasttrees
from tests.support.builders import MISSING_NAN, Matrix, chain, model_text, neighbours, random_tree
from tests.support.verifications import MODEL, Verify

TREE = 17


@pytest.fixture(scope="module")
def changed_leaf(tmp_path_factory: pytest.TempPathFactory, flights: Matrix) -> tuple[str, int]:
    """The flights' model with 1e-4 more in one leaf of a tree; its path, and the leaf."""
    leaves = fasttrees.load(MODEL).predict(flights, pred_leaf=True)[:, TREE]
    leaf = int(np.bincount(leaves).argmax())
    text = Path(MODEL).read_text()
    start = text.index("leaf_value=", text.index(f"Tree={TREE}\n")) + len("leaf_value=")
    end = text.index("\n", start)
    values = text[start:end].split(" ")
    values[leaf] = repr(float(values[leaf]) + 1e-4)
    path = tmp_path_factory.mktemp("changed") / "model.txt"
    text = text[:start] + " ".join(values) + text[end:]
    path.write_text(re.sub("^tree_sizes=.*\n", "", text, flags=re.MULTILINE))
    return str(path), leaf


def test_nothing_planted_nothing_found(against: Verify, predicted: Matrix) -> None:
    result = against(predicted)
    assert result.passed
    assert (result.n_same, result.n_failed, result.max_absolute, result.max_relative) == (10_000, 0, 0.0, 0.0)
    assert (result.order, result.findings, result.worst) == (None, [], [])


def test_nothing_planted_beside_lightgbm(against: Verify) -> None:
    result = against(None)
    assert result.passed
    assert result.n_same == 10_000
    assert result.reference == f"LightGBM, made here from {MODEL}"


def test_a_leaf_is_named_beside_the_other_model(against: Verify, changed_leaf: tuple[str, int]) -> None:
    path, leaf = changed_leaf
    result = against(None, path, reference_model=MODEL)
    assert not result.passed
    for row in result.worst:
        assert row.trees is not None
        (tree,) = row.trees
        assert (tree.tree, tree.leaf, tree.reference_leaf) == (TREE, leaf, leaf)
        assert tree.output - tree.reference_output == pytest.approx(1e-4, rel=1e-9)
    assert result.findings == [
        "In the rows that differ most, 1 tree disagrees with the reference's model: tree 17 (10 of 10 rows)."
    ]


@pytest.mark.parametrize("explain", [False, True])
def test_trees_are_named_whether_explained_or_not(
    explain: bool, against: Verify, changed_leaf: tuple[str, int], predicted: Matrix
) -> None:
    result = against(None, changed_leaf[0], reference_model=MODEL, explain=explain)
    assert result.explained is explain
    assert all(row.trees and row.trees[0].tree == TREE for row in result.worst)
    assert result.findings == [
        "In the rows that differ most, 1 tree disagrees with the reference's model: tree 17 (10 of 10 rows)."
    ]


def test_without_explain_nothing_is_guessed(
    against: Verify, changed_leaf: tuple[str, int], predicted: Matrix, flights: Matrix
) -> None:
    """The rest of the result is the same."""
    swapped = flights.copy()
    swapped[:, [2, 8]] = flights[:, [8, 2]]
    for reference, model in (
        (fasttrees.load(MODEL).predict(swapped), MODEL),
        (predicted.astype(np.float32), MODEL),
        (predicted, changed_leaf[0]),
        (np.delete(predicted, 16), MODEL),
        (np.insert(predicted, 16, predicted[15]), MODEL),
        (predicted[::-1], MODEL),
    ):
        explained = against(reference, model)
        plain = against(reference, model, explain=False)
        assert explained.findings or explained.order
        assert (plain.explained, plain.order, plain.findings) == (False, None, [])
        only = {"explained": True, "order": explained.order, "findings": explained.findings}
        assert plain.as_dict() | only | {"seconds": 0} == explained.as_dict() | {"seconds": 0}


def test_a_leaf_is_named_beside_a_file(
    against: Verify, changed_leaf: tuple[str, int], predicted: Matrix, flights: Matrix
) -> None:
    path, leaf = changed_leaf
    result = against(predicted, path)
    assert not result.passed
    assert result.n_failed == (np.abs(fasttrees.load(path).predict(flights) - predicted) > 1e-5).sum()
    (finding,) = result.findings
    assert f"tree {TREE}, leaf {leaf}: all 256 differing rows" in finding
    assert finding.endswith("raw scores are 0.0001 lower there.")
    assert result.worst[0].trees is None


def test_a_threshold_off_by_one_ulp(against: Verify, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    threshold = 0.1
    trees = [random_tree(rng, 8, 3) for _ in range(5)]
    models = []
    for name, number in (("a", threshold), ("b", float(np.nextafter(threshold, 0)))):
        path = tmp_path / f"{name}.txt"
        path.write_text(model_text([*trees, chain(1, [number], 3, MISSING_NAN)], 3))
        models.append(str(path))
    rows = rng.normal(size=(1000, 3))
    rows[[7, 400], 0] = threshold
    result = against(None, models[1], rows, reference_model=models[0])
    assert not result.passed
    assert [row.row for row in result.worst] == [8, 401]
    for row in result.worst:
        assert row.trees is not None
        assert [(tree.tree, tree.leaf, tree.reference_leaf) for tree in row.trees] == [(5, 1, 0)]
        assert row.cells["Column_0"] == threshold


def test_swapped_columns(against: Verify, flights: Matrix) -> None:
    rows = flights.copy()
    rows[:, [2, 8]] = flights[:, [8, 2]]
    result = against(fasttrees.load(MODEL).predict(rows))
    assert not result.passed
    assert result.findings == [
        "The reference is what the model gives if the columns 'dest' and 'sched_arr_minute' are swapped."
    ]


def test_a_guess_must_fit_all_rows(against: Verify, flights: Matrix) -> None:
    rows = flights.copy()
    rows[:100, [2, 8]] = flights[:100, [8, 2]]
    rows[100:, 9] += 1
    assert against(fasttrees.load(MODEL).predict(rows)).findings == []


def test_swapped_columns_and_float32(against: Verify, flights: Matrix) -> None:
    rows = flights.copy()
    rows[:, [2, 8]] = flights[:, [8, 2]]
    result = against(fasttrees.load(MODEL).predict(rows).astype(np.float32))
    assert not result.passed
    assert result.findings[1:] == [
        "The reference is what the model gives if the columns 'dest' and 'sched_arr_minute' are swapped."
    ]


def test_rows_rounded_to_float32(against: Verify, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    thresholds = rng.normal(size=40).tolist()
    path = tmp_path / "model.txt"
    path.write_text(model_text([random_tree(rng, 16, 2, thresholds) for _ in range(20)], 2))
    rows = rng.choice(neighbours(thresholds), (2000, 2))
    result = against(fasttrees.load(path).predict(rows.astype(np.float32)), str(path), rows)
    assert not result.passed
    assert result.findings == ["The reference is what the model gives if the rows are rounded to float32."]


def test_predictions_rounded_to_float32(against: Verify, predicted: Matrix) -> None:
    result = against(predicted.astype(np.float32))
    assert result.passed  # within 1e-5
    assert result.n_same < 100
    assert not against(predicted.astype(np.float32), tolerance=0.0).passed
    assert result.findings == [
        "All numbers of the reference are float32 values, those of the predictions are not: the reference is rounded "
        "to float32 somewhere."
    ]


@pytest.mark.parametrize("fault", ["raw", "iterations", "decimals", "digits", "missing"])
def test_other_mistakes(fault: str, against: Verify, flights: Matrix, predicted: Matrix) -> None:
    model = fasttrees.load(MODEL)
    reference, text = {
        "raw": (model.predict(flights, raw_score=True), "as raw scores"),
        "iterations": (model.predict(flights, num_iteration=123), "with its first 123 iterations only"),
        "decimals": (np.round(predicted, 4), "rounded to 4 decimals"),
        "digits": (np.array([float(f"{value:.6g}") for value in predicted]), "rounded to 6 significant digits"),
        "missing": (model.predict(np.nan_to_num(flights)), "if missing values are taken for 0"),
    }[fault]
    result = against(reference)
    assert result.n_same < 5000
    assert result.findings == [f"The reference is what the model gives {text}."]


def test_a_dropped_row(against: Verify, predicted: Matrix) -> None:
    result = against(np.delete(predicted, 16))
    assert not result.passed
    assert (result.n_predictions, result.n_references) == (10_000, 9_999)
    assert result.order == (
        "From row 17 on, the reference matches the predictions 1 row later: row 17 was dropped from the reference."
    )
    assert "9,999 reference predictions: their numbers must be equal" in result.verdict


@pytest.mark.parametrize("row", [1, 200, 8191, 9999])
def test_a_repeated_row(row: int, against: Verify, predicted: Matrix) -> None:
    """Also at the beginning of a block of rows."""
    result = against(np.insert(predicted, row, predicted[row - 1]))
    assert not result.passed
    assert result.order == (
        f"From row {row + 1:,} on, the reference matches the predictions 1 row earlier: the reference has 1 row too "
        f"many there: it repeats row {row:,}."
    )


def test_a_dropped_end(against: Verify, predicted: Matrix) -> None:
    result = against(predicted[:-3])
    assert not result.passed
    assert result.n_failed == 0
    assert result.order == "All rows that both have agree: the reference ends after row 9,997, 3 too early."


def test_another_order(against: Verify, predicted: Matrix) -> None:
    result = against(predicted[np.random.default_rng(1).permutation(10_000)])
    assert not result.passed
    assert result.order is not None
    assert result.order.startswith("The reference holds the same values as the predictions, in another order;")


def test_nan_and_infinity(against: Verify, predicted: Matrix) -> None:
    """NaN equals only NaN, an infinity only itself; neither has a difference, which would spoil the means."""
    reference = predicted.copy()
    reference[[3, 5, 9]] = np.nan, np.inf, -np.inf
    result = against(reference, tolerance=1e6)
    assert not result.passed
    assert (result.n_failed, result.n_unlike) == (3, 3)
    assert result.max_absolute == result.mean_relative == 0.0
    assert [row.row for row in result.worst] == [4, 6, 10]


def test_no_rows_are_no_proof(against: Verify) -> None:
    result = against(np.empty(0), rows=np.empty((0, 23)))
    assert not result.passed
    assert result.verdict == "there are no rows, so nothing is verified"


def test_each_row_needs_a_prediction_and_a_reference(against: Verify, predicted: Matrix) -> None:
    result = against(predicted)
    assert not dataclasses.replace(result, n_rows=10_001).passed
    assert not dataclasses.replace(result, n_predictions=9_999, n_references=9_999).passed
