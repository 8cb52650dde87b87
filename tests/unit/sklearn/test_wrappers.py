"""Wrappers answer as the fitted LGBM estimators that they are made from."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.utils.validation import check_is_fitted

import fasttrees
from fasttrees.sklearn import FastTreesClassifier, FastTreesRanker, FastTreesRegressor, from_lightgbm
from tests.support.builders import Column, assert_same_bits

RNG = np.random.default_rng(3)
ROWS = RNG.normal(size=(300, 4))
SIGNAL = ROWS[:, 0] + ROWS[:, 1] ** 2
QUERY = np.vstack([ROWS[:60], np.where(RNG.random((60, 4)) < 0.3, np.nan, ROWS[:60]), [[np.inf, -np.inf, 0.0, 1e-40]]])
COMMON: dict[str, Any] = {"n_estimators": 15, "verbosity": -1, "n_jobs": 1}


def two_classes() -> Column:
    return np.where(SIGNAL > 1, "yes", "no")


def squared(labels: Any, scores: Any) -> Any:
    return scores - labels, np.ones_like(scores)


FITTED: dict[str, Any] = {
    "binary": lightgbm.LGBMClassifier(**COMMON).fit(ROWS, two_classes()),
    "multiclass": lightgbm.LGBMClassifier(**COMMON).fit(ROWS, np.digitize(SIGNAL, [0, 1, 2]) * 10 - 5),
    "one against all": lightgbm.LGBMClassifier(objective="multiclassova", **COMMON).fit(
        ROWS, np.digitize(SIGNAL, [0, 1])
    ),
    "two classes, softmax": lightgbm.LGBMClassifier(objective="multiclass", num_class=2, **COMMON).fit(
        ROWS, np.digitize(SIGNAL, [1])
    ),
    "one class": lightgbm.LGBMClassifier(**COMMON).fit(ROWS, ["a"] * len(ROWS)),
    "function": lightgbm.LGBMClassifier(objective=squared, **COMMON).fit(ROWS, SIGNAL > 1),
    "early stop": lightgbm.LGBMClassifier(
        pred_early_stop=True, pred_early_stop_freq=2, pred_early_stop_margin=0.5, **COMMON
    ).fit(ROWS, two_classes()),
    "best iteration": lightgbm.LGBMClassifier(early_stopping_round=2, learning_rate=0.9, **COMMON).fit(
        ROWS, SIGNAL > 1, eval_X=ROWS[::-1], eval_y=SIGNAL > 1
    ),
    "regressor": lightgbm.LGBMRegressor(**COMMON).fit(ROWS, SIGNAL),
    "poisson": lightgbm.LGBMRegressor(objective="poisson", **COMMON).fit(ROWS, np.abs(SIGNAL)),
    "ranker": lightgbm.LGBMRanker(**COMMON).fit(ROWS, np.digitize(SIGNAL, [0, 1]), group=[100, 200]),
}  # fmt: skip

METHODS = ["predict", "predict_proba", "decision_function"]

# What validate_data makes of each is not always what Booster.predict sees: objects become float64, for instance.
INPUTS: dict[str, Any] = {
    "float64": QUERY,
    "float32": QUERY.astype(np.float32),
    "fortran": np.asfortranarray(QUERY),
    "int64": np.array([[16777217, 0, -3, 5]]),
    "object": QUERY.astype(object),
    "object of ints": np.array([[16777217, 0, -3, 5]], dtype=object),
    "list": QUERY.tolist(),
    "list of ints": [[16777217, 0, -3, 5]],
    "tuple": tuple(map(tuple, QUERY.tolist())),
    "bool": QUERY > 0,
    "one dimension": QUERY[0],
    "three dimensions": QUERY[None],
    "no rows": QUERY[:0],
    "too narrow": QUERY[:, :3],
    "too wide": np.hstack([QUERY, QUERY]),
    "words": np.array([["a", "b", "c", "d"]]),
    "numbers as text": np.array([["1", "2", "3", "4"]]),
    "complex": QUERY.astype(complex),
    "None": None,
    "path": "rows.csv",
}


def outcome(estimator: Any, method: str, *arguments: Any, **keywords: Any) -> Any:
    """The result's type, shape, order and values, or the kind of error."""
    try:
        result = np.asarray(getattr(estimator, method)(*arguments, **keywords))
    except (ValueError, TypeError, AttributeError, lightgbm.basic.LightGBMError) as error:
        return next((kind for kind in (TypeError, AttributeError) if isinstance(error, kind)), ValueError)
    return result.dtype, result.shape, result.strides, result.tobytes()


@pytest.mark.filterwarnings("ignore:Cannot compute class probabilities")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("name", FITTED)
def test_same_outcome(name: str, kind: str, method: str) -> None:
    theirs, data = FITTED[name], INPUTS[kind]
    assert outcome(from_lightgbm(theirs), method, data) == outcome(theirs, method, data)


@pytest.mark.filterwarnings("ignore:Cannot compute class probabilities")
@pytest.mark.parametrize("name", FITTED)
def test_same_outcome_of_arguments(name: str) -> None:
    theirs, ours = FITTED[name], from_lightgbm(FITTED[name])
    stop = {"pred_early_stop": True, "pred_early_stop_freq": 1, "pred_early_stop_margin": 0.1}
    for method in METHODS:
        for keywords in (
            {"raw_score": True}, {"pred_leaf": True}, {"start_iteration": 3}, {"num_iteration": 4},
            {"num_iteration": 0}, {"start_iteration": 2, "num_iteration": 3}, stop, {"pred_early_stop": False},
            {"num_threads": 1}, {"nthread": 2}, {"n_jobs": -1}, {"pred_early_stop": 1}, {"validate_features": True},
        ):  # fmt: skip
            assert outcome(ours, method, QUERY, **keywords) == outcome(theirs, method, QUERY, **keywords), keywords


@pytest.mark.parametrize("name", FITTED)
def test_same_attributes(name: str) -> None:
    theirs, ours = FITTED[name], from_lightgbm(FITTED[name])
    for attribute in ("n_features_in_", "feature_name_", "n_iter_", "n_classes_", "classes_", "feature_names_in_"):
        if hasattr(theirs, attribute):
            assert np.array_equal(getattr(ours, attribute), getattr(theirs, attribute)), attribute
        else:
            assert not hasattr(ours, attribute), attribute
    if hasattr(fasttrees.Model, "feature_importance"):
        assert np.array_equal(ours.feature_importances_, theirs.feature_importances_)
    kinds = {"Classifier": FastTreesClassifier, "Regressor": FastTreesRegressor, "Ranker": FastTreesRanker}
    assert type(ours) is kinds[type(theirs).__name__.removeprefix("LGBM")]
    check_is_fitted(ours)


def test_names_of_features() -> None:
    theirs = lightgbm.LGBMRegressor(**COMMON)
    theirs.fit(ROWS, SIGNAL, feature_name=["a", "b", "c", "d"])
    ours = from_lightgbm(theirs)
    assert ours.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    with pytest.warns(UserWarning, match="FastTreesRegressor was fitted with feature names"):
        ours.predict(QUERY)


def test_a_function_as_objective_gets_a_warning() -> None:
    ours = from_lightgbm(FITTED["function"])
    with pytest.warns(UserWarning, match="Returning raw scores"):
        scores = ours.predict(QUERY)
    assert_same_bits(scores, ours.decision_function(QUERY))


def test_made_from_anything_trained(tmp_path: Path) -> None:
    booster = FITTED["multiclass"].booster_
    booster.save_model(tmp_path / "model.txt")
    labels = np.array(["w", "x", "y", "z"])
    for trained in (booster, fasttrees.loads(booster.model_to_string()), tmp_path / "model.txt",
                    str(tmp_path / "model.txt")):  # fmt: skip
        ours = from_lightgbm(trained, classes=labels)
        assert isinstance(ours, FastTreesClassifier)
        assert_same_bits(ours.predict_proba(QUERY), FITTED["multiclass"].predict_proba(QUERY))
        assert np.array_equal(ours.predict(QUERY), labels[FITTED["multiclass"].predict(QUERY) // 10 + 1])
    assert isinstance(from_lightgbm(FITTED["ranker"].booster_), FastTreesRanker)
    assert isinstance(from_lightgbm(FITTED["poisson"].booster_), FastTreesRegressor)
    assert from_lightgbm(FITTED["binary"].booster_).predict(QUERY).dtype == int
    with pytest.raises(fasttrees.errors.InputTypeError, match="got dict"):
        from_lightgbm({})
    with pytest.raises(NotFittedError):
        from_lightgbm(lightgbm.LGBMRegressor())


@pytest.mark.parametrize("classes", [["a", "b", "c"], [["a", "b"]], [], "ab"])
def test_classes_that_do_not_fit(classes: Any) -> None:
    ours = from_lightgbm(FITTED["binary"].booster_, classes=classes)
    with pytest.raises(fasttrees.InputError, match="expected 2 classes"):
        ours.predict(QUERY)


@pytest.mark.parametrize("name", ["binary", "multiclass", "regressor", "ranker", "early stop"])
def test_copies_answer_alike(name: str) -> None:
    ours = from_lightgbm(FITTED[name])
    expected = ours.predict(QUERY)
    for copy in (clone(ours), pickle.loads(pickle.dumps(ours)), clone(ours).set_params(n_jobs=-1)):
        assert np.array_equal(copy.predict(QUERY), expected)
    assert clone(ours).model is ours.model
    with pytest.raises(NotFittedError):
        ours.set_params(model=None).predict(QUERY)


@pytest.mark.parametrize("n_jobs", [None, 0, 1, 2, -1, -2, -1000])
def test_threads_never_matter(n_jobs: int | None) -> None:
    ours = from_lightgbm(FITTED["multiclass"]).set_params(n_jobs=n_jobs)
    rows = np.tile(QUERY, (40, 1))
    assert_same_bits(ours.predict_proba(rows), np.tile(FITTED["multiclass"].predict_proba(QUERY), (40, 1)))


def test_last_step_of_a_pipeline() -> None:
    theirs = make_pipeline(SimpleImputer(), lightgbm.LGBMClassifier(**COMMON)).fit(ROWS, two_classes())
    ours = make_pipeline(theirs[0], from_lightgbm(theirs[-1]))
    assert_same_bits(ours.predict_proba(QUERY[:-1]), theirs.predict_proba(QUERY[:-1]))
    assert ours.score(ROWS, two_classes()) == theirs.score(ROWS, two_classes())
    with pytest.raises(fasttrees.FastTreesError, match="FastTreesClassifier does not train"):
        ours.fit(ROWS, two_classes())
    frozen = make_pipeline(SimpleImputer(), FrozenEstimator(from_lightgbm(theirs[-1]))).fit(ROWS, two_classes())
    assert_same_bits(frozen.predict_proba(QUERY[:-1]), theirs.predict_proba(QUERY[:-1]))


def test_no_other_module_imports_scikit_learn() -> None:
    text = "import sys, fasttrees; fasttrees.loads; assert 'sklearn' not in sys.modules"
    subprocess.run([sys.executable, "-c", text], check=True)
