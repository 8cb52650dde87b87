"""Rows stop early exactly where LightGBM's stop, however they come: in blocks, one by one, block by block."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from itertools import product
from typing import Any

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fasttrees
from fasttrees._engine.rows import RowBuffer
from fasttrees._inputs.blocks import BlockRows
from tests.support.builders import (
    Matrix,
    assert_parity,
    assert_same_bits,
    lightgbm_predict,
    load_lightgbm,
    model_text,
    random_tree,
)
from tests.support.training import MULTICLASS, OBJECTIVES, Case, prediction_rows, train

STOPPING = {"binary", "multiclass", "multiclassova", "lambdarank", "rank_xendcg"}
SEVERAL = ["multiclass num_class:{0}", "multiclassova num_class:{0} sigmoid:1"]


@functools.cache
def trained(objective: str, **params: Any) -> tuple[str, Matrix]:
    case = Case(objective, seed=5, n_rows=400, n_rounds=25, columns=("normal",) * 3, n_categorical=1, missing_share=0.1,
                n_classes=4 if objective in MULTICLASS else 1, params={"num_leaves": 9, **params})  # fmt: skip
    text, rows = train(case)
    return text, prediction_rows(text, rows, 1500, 7)


@pytest.mark.parametrize("params", [{}, {"linear_tree": True}, {"num_leaves": 300}], ids=str)
@pytest.mark.parametrize("objective", sorted(STOPPING))
def test_same_bits(objective: str, params: dict[str, Any]) -> None:
    text, rows = trained(objective, **params)
    booster = load_lightgbm(text)
    whole = lightgbm_predict(booster, rows, raw_score=True)
    n_changed = 0
    for freq, share in product([1, 4, 10, 24, 25, 1000], [0.0, 0.2, 0.6]):
        stop = {
            "pred_early_stop": True,
            "pred_early_stop_freq": freq,
            "pred_early_stop_margin": share * np.nanmax(np.abs(np.where(np.isfinite(whole), whole, 0.0))),
        }
        assert_parity(text, rows, booster, **stop)
        n_changed += (lightgbm_predict(booster, rows, raw_score=True, **stop) != whole).sum()
    assert n_changed > 1000  # rows did stop
    for first, count in product([0, 3, 24], [None, 1, 8]):
        assert_parity(text, rows, booster, start_iteration=first, num_iteration=count, pred_early_stop=True,
                      pred_early_stop_freq=2, pred_early_stop_margin=0.3)  # fmt: skip


@pytest.mark.parametrize("objective", sorted({*OBJECTIVES} - STOPPING))
def test_other_objectives_never_stop(objective: str) -> None:
    text, rows = trained(objective)
    booster, model = load_lightgbm(text), fasttrees.loads(text)
    stop: dict[str, Any] = {"pred_early_stop": True, "pred_early_stop_freq": 0, "pred_early_stop_margin": -1.0}
    for raw_score in (False, True):
        scores = model.predict(rows, raw_score=raw_score, **stop)
        assert_same_bits(scores, lightgbm_predict(booster, rows, raw_score=raw_score, **stop))
        assert_same_bits(scores, model.predict(rows, raw_score=raw_score))


def test_forest_divides_by_all_iterations() -> None:
    text, rows = trained("binary", boosting="rf", bagging_freq=1, bagging_fraction=0.6)
    for margin in (0.0, 1.0, 5.0):
        assert_parity(text, rows, pred_early_stop=True, pred_early_stop_freq=3, pred_early_stop_margin=margin)


@given(st.data())
@settings(max_examples=60)
def test_random_forests_with_strange_leaves(data: st.DataObject) -> None:
    """Ties, infinities and NaN among the scores: which two are the largest is then a question of order."""
    n_classes = data.draw(st.integers(1, 6))
    n_iterations, n_rows = data.draw(st.integers(1, 12)), data.draw(st.sampled_from([1, 5, 13, 70, 1100, 5000]))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**31)))
    pool = data.draw(st.sampled_from([[0.0, 1.0, -1.0], [np.inf, -np.inf, 0.5, 2.0], [0.25, 0.5, 1e300]]))
    sizes = data.draw(st.sampled_from([[2, 6], [300], [6, 300]]))
    forest = [
        dataclasses.replace(random_tree(rng, n_leaves, 3, [0.0, 0.5], n_sets=2),
                            leaf_value=rng.choice(pool, n_leaves).tolist())
        for n_leaves in rng.choice(sizes, n_iterations * n_classes).tolist()
    ]  # fmt: skip
    objective = "binary sigmoid:1" if n_classes == 1 else data.draw(st.sampled_from(SEVERAL)).format(n_classes)
    text = model_text(forest, 3, n_classes, objective)
    freq, margin = data.draw(st.integers(1, 5)), data.draw(st.sampled_from([0.0, 0.5, 1.0, 3.0]))
    rows = rng.choice([-1.0, 0.0, 0.3, 2.0, 40.0, np.nan], (n_rows, 3))
    assert_parity(text, rows, pred_early_stop=True, pred_early_stop_freq=freq, pred_early_stop_margin=margin)


@pytest.mark.parametrize("n_threads", [1, 2])
def test_all_kinds_of_rows_in_threads(n_threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    text, few = trained("multiclass")
    model, booster = fasttrees.loads(text), load_lightgbm(text)
    rows = np.tile(few, (6, 1))
    stop: dict[str, Any] = {"pred_early_stop": True, "pred_early_stop_freq": 3, "pred_early_stop_margin": 0.4}
    expected = lightgbm_predict(booster, rows, **stop)
    for data in (rows, np.asfortranarray(rows), rows[::-1][::-1]):
        assert_same_bits(model.predict(data, n_threads=n_threads, **stop), expected)
    blocks = BlockRows(len(rows), rows.shape[1], 700, lambda: lambda first, last: RowBuffer(rows[first:last].data))
    monkeypatch.setattr("fasttrees._inputs.as_rows", lambda *_: blocks)
    assert_same_bits(model.predict(rows, n_threads=n_threads, **stop), expected)


VALUES: dict[str, list[Any]] = {
    "pred_early_stop": [True, False, np.True_, "true", "TRUE", "+", "-", "false", "", None, [True], np.array([False]),
                        1, 0, 1.0, "1", "yes", object(), {}],
    "pred_early_stop_freq": [1, 3, np.int64(2), "4", "+4", "", None, [3], 0, -1, 2.0, True, "2.0", "x", [1, 2],
                             object()],
    "pred_early_stop_margin": [0, 1, 0.3, np.float32(0.3), "0.3", "1e", ".5", "inf", float("inf"), "", None, 1.33e-5,
                               -1, -0.1, "-inf", float("nan"), "na", True, "x", object()],
    "num_threads": [1, 0, -3, "2", None, 1.5, "x", True],
    "predict_disable_shape_check": [True, "-", 1, "no"],
    "precise_float_parser": [True, "-", 1, "no"],
    "learning_rate": [0.1, None, object()],
    "unknown": [1, None, "x", object()],
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in VALUES.items() for value in values])
@pytest.mark.parametrize("leaf", [False, True])
@pytest.mark.filterwarnings("ignore:Unknown parameter")
def test_same_values_are_taken_and_refused(name: str, value: Any, leaf: bool) -> None:
    text, rows = trained("binary")
    keywords = {"pred_early_stop": True, "pred_early_stop_freq": 2, "pred_early_stop_margin": 0.5, name: value}
    outcomes: list[object] = []
    for predict in (fasttrees.loads(text).predict, load_lightgbm(text).predict):
        with contextlib.redirect_stdout(None):
            try:
                outcomes.append(np.asarray(predict(rows, pred_leaf=leaf, **keywords)).tobytes())
            except (TypeError, ValueError, lightgbm.basic.LightGBMError) as error:
                outcomes.append(TypeError if isinstance(error, TypeError) else ValueError)
    assert outcomes[0] == outcomes[1]
