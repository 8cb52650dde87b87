"""scikit-learn's own checks of estimators.

A wrapper of a trained model does not fit, and nearly all checks begin with a fit. So they run on wrappers that train
with LightGBM in ``fit`` and do everything else as the class they stand for; the few others run on the class itself.
"""

from __future__ import annotations

from typing import Any

import lightgbm
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from fasttrees import Model
from fasttrees.sklearn import FastTreesClassifier, FastTreesRanker, FastTreesRegressor, _Estimator, from_lightgbm

SMALL: dict[str, Any] = {"n_estimators": 20, "min_child_samples": 1, "verbosity": -1, "n_jobs": 1}


class Training(_Estimator):
    """What ``fit`` makes shows in ``trained_`` alone, because it may not touch parameters."""

    def fit(self, X: Any, y: Any = None, **fit_params: Any) -> Any:
        kind = lightgbm.LGBMClassifier if isinstance(self, FastTreesClassifier) else lightgbm.LGBMRegressor
        self.trained_ = from_lightgbm(kind(**SMALL).fit(X, y, **fit_params))
        return self

    def _fitted_model(self) -> Model:
        if not self.__sklearn_is_fitted__():
            raise NotFittedError(type(self).__name__)
        return self.trained_._fitted_model()

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "trained_")


class TrainingClassifier(Training, FastTreesClassifier):
    @property
    def classes_(self) -> Any:
        self._fitted_model()
        return self.trained_.classes_


class TrainingRegressor(Training, FastTreesRegressor):
    pass


@parametrize_with_checks([TrainingClassifier(), TrainingRegressor()])  # type: ignore[untyped-decorator]
def test_with_training(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", [FastTreesClassifier, FastTreesRegressor, FastTreesRanker])
def test_without_training(kind: type[_Estimator]) -> None:
    """Each check passes, or fails for no other reason than that it begins with a fit."""
    results = estimator_checks.check_estimator(kind(), on_fail=None, on_skip=None)
    assert sum(result["status"] == "passed" for result in results) >= 10
    for result in results:
        if result["status"] == "failed":
            causes, error = [], result["exception"]
            while error is not None:
                causes.append(str(error))
                error = error.__cause__ or error.__context__
            assert any("does not train" in cause for cause in causes), (result["check_name"], causes)
