"""Trained models as estimators of scikit-learn: what fitted ones of lightgbm are.

The only module of the package that imports scikit-learn (1.6 or later): ``import fasttrees`` leaves it alone.
"""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import validate_data

from fasttrees._parameters import ALIASES, READERS
from fasttrees._runtime.threads import available_cpus
from fasttrees.errors import FastTreesError, InputError, InputTypeError
from fasttrees.model import Model, load, loads

__all__ = ["FastTreesClassifier", "FastTreesRanker", "FastTreesRegressor", "from_lightgbm"]

# Tables that go to Model.predict as they are, as in LightGBM; everything else goes through scikit-learn's conversions.
TABLES = {("pandas", "DataFrame"), ("polars", "DataFrame"), ("pyarrow", "Table"), ("modin", "DataFrame")}

CLASSIFYING = ("binary", "multiclass", "multiclassova")
RANKING = ("lambdarank", "rank_xendcg")


def from_lightgbm(trained: Any, classes: Any = None) -> _Estimator:
    """Make an estimator from a trained model.

    Parameters
    ----------
    trained : fitted LGBMClassifier, LGBMRegressor or LGBMRanker, or lightgbm.Booster, Model, or path of a model file
        An LGBM estimator gives an estimator of its own kind, with its `classes_`, `n_jobs`, `importance_type` and
        parameters of prediction; of the others the objective decides.
    classes : array-like or None, default None
        Labels of the classes, in the order of the model; None: the numbers from 0.

    Returns
    -------
    FastTreesClassifier, FastTreesRegressor or FastTreesRanker

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If an LGBM estimator is not fitted.
    InputTypeError
        If `trained` is something else.
    """
    if hasattr(type(trained), "booster_"):
        model = loads(trained.booster_.model_to_string())
        own = trained.get_params()
        params = {name: own[name] for name in own if ALIASES.get(name, name) in READERS and name != "n_jobs"}
        common = {"n_jobs": trained.n_jobs, "importance_type": trained.importance_type, "predict_params": params}
        if is_classifier(trained):
            return FastTreesClassifier(model, classes=trained.classes_ if classes is None else classes, **common)
        ranks = any(base.__name__ == "LGBMRanker" for base in type(trained).__mro__)
        return FastTreesRanker(model, **common) if ranks else FastTreesRegressor(model, **common)
    if isinstance(trained, (str, os.PathLike)):
        model = load(trained)
    elif isinstance(trained, Model):
        model = trained
    elif hasattr(trained, "model_to_string"):
        model = loads(trained.model_to_string())
    else:
        raise InputTypeError(f"expected a trained model or the path of one, got {type(trained).__name__}")
    objective = (model.objective or "").partition(" ")[0]
    if objective in CLASSIFYING:
        return FastTreesClassifier(model, classes=classes)
    return FastTreesRanker(model) if objective in RANKING else FastTreesRegressor(model)


class _Estimator(BaseEstimator):  # type: ignore[misc]
    """What all kinds of estimators share; FastTreesClassifier documents its parameters."""

    def __init__(
        self,
        model: Model | None = None,
        *,
        n_jobs: int | None = None,
        importance_type: str = "split",
        predict_params: dict[str, Any] | None = None,
    ) -> None:
        self.model = model
        self.n_jobs = n_jobs
        self.importance_type = importance_type
        self.predict_params = predict_params

    def fit(self, X: Any, y: Any = None, **fit_params: Any) -> Any:
        """Refuse: the model is trained already.

        In a pipeline whose other steps are to be fitted, wrap this one in ``sklearn.frozen.FrozenEstimator``.
        """
        name = type(self).__name__
        raise FastTreesError(f"{name} does not train: fit an estimator of lightgbm and give it to from_lightgbm")

    def predict(
        self,
        X: Any,
        raw_score: bool = False,
        start_iteration: int = 0,
        num_iteration: int | None = None,
        pred_leaf: bool = False,
        pred_contrib: bool = False,
        validate_features: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Score rows: the same bits as the LGBM estimator's ``predict`` with the same arguments.

        Parameters
        ----------
        X : array-like or sparse matrix, shape (n_samples, n_features), or a data frame
            Data frames are read by :meth:`Model.predict`; all else goes through scikit-learn's ``validate_data``
            first.
        raw_score, start_iteration, num_iteration, pred_leaf, pred_contrib, validate_features, **kwargs
            As in :meth:`Model.predict`; keywords win over `predict_params`.

        Returns
        -------
        numpy.ndarray
        """
        return self._scores(
            X,
            raw_score=raw_score,
            start_iteration=start_iteration,
            num_iteration=num_iteration,
            pred_leaf=pred_leaf,
            pred_contrib=pred_contrib,
            validate_features=validate_features,
            **kwargs,
        )

    def _scores(self, X: Any, **arguments: Any) -> Any:
        model = self._fitted_model()
        if not any((base.__module__.partition(".")[0], base.__name__) in TABLES for base in type(X).__mro__):
            X = validate_data(self, X, reset=False, accept_sparse=True, ensure_all_finite=False, ensure_min_samples=1)
        given = {ALIASES.get(name, name) for name in arguments}
        kept = {
            name: value for name, value in (self.predict_params or {}).items() if ALIASES.get(name, name) not in given
        }
        threads = None if "num_threads" in given | {ALIASES.get(name, name) for name in kept} else self._n_threads()
        return model.predict(X, n_threads=threads, **{**kept, **arguments})

    def _n_threads(self) -> int | None:
        if self.n_jobs is None or self.n_jobs == 0:
            return None
        return self.n_jobs if self.n_jobs > 0 else max(1, available_cpus() + 1 + self.n_jobs)

    def _fitted_model(self) -> Model:
        if not isinstance(self.model, Model):
            raise NotFittedError(f"This {type(self).__name__} has no model: make it with from_lightgbm.")
        return self.model

    def __sklearn_is_fitted__(self) -> bool:
        return isinstance(self.model, Model)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        return tags

    @property
    def n_features_in_(self) -> int:
        """Number of columns that the model wants."""
        return self._fitted_model().num_feature()

    @property
    def feature_name_(self) -> list[str]:
        """Names of the features; those that LightGBM gives where training had none, too."""
        return self._fitted_model().feature_name()

    @property
    def feature_names_in_(self) -> np.ndarray:
        """Names of the features, if training had any."""
        names = self.feature_name_
        if names == [f"Column_{i}" for i in range(len(names))]:
            raise AttributeError("feature_names_in_: the model was trained on columns without names")
        return np.array(names)

    @property
    def feature_importances_(self) -> np.ndarray:
        """The importance of each feature; see `importance_type`."""
        model: Any = self._fitted_model()
        importances: np.ndarray = model.feature_importance(self.importance_type)
        return importances

    @property
    def n_iter_(self) -> int:
        """Number of iterations that the model has."""
        return self._fitted_model().current_iteration()

    @property
    def objective_(self) -> str | None:
        """Name of the objective; None if it was a function."""
        return (self._fitted_model().objective or "").partition(" ")[0] or None


class FastTreesRegressor(RegressorMixin, _Estimator):  # type: ignore[misc]
    """A trained regression model; takes the parameters of :class:`FastTreesClassifier`, but for `classes`."""


class FastTreesRanker(_Estimator):
    """A trained ranking model; takes the parameters of :class:`FastTreesClassifier`, but for `classes`."""


class FastTreesClassifier(ClassifierMixin, _Estimator):  # type: ignore[misc]
    """A trained classification model.

    Parameters
    ----------
    model : Model or None, default None
        The trained model; an estimator without one is not fitted.
    classes : array-like or None, default None
        Labels of the classes, in the order of the model; None: the numbers from 0.
    n_jobs : int or None, default None
        Threads. None and 0: as many as the CPUs that this process may use; below 0: so many fewer, -1 being all.
    importance_type : {'split', 'gain'}, default 'split'
        What `feature_importances_` counts.
    predict_params : dict or None, default None
        Further keywords of :meth:`Model.predict`, such as ``{"pred_early_stop": True}``.
    """

    def __init__(
        self,
        model: Model | None = None,
        *,
        classes: Any = None,
        n_jobs: int | None = None,
        importance_type: str = "split",
        predict_params: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(model, n_jobs=n_jobs, importance_type=importance_type, predict_params=predict_params)
        self.classes = classes

    @property
    def classes_(self) -> np.ndarray:
        """Labels of the classes."""
        n_classes = self._fitted_model().num_class
        wanted = [n_classes] if n_classes > 1 else [2, 1]  # one: training met no other
        if self.classes is None:
            return np.arange(wanted[0])
        labels = np.asarray(self.classes)
        if labels.ndim != 1 or len(labels) not in wanted:
            raise InputError(f"expected {wanted[0]} classes, got {labels.tolist()}")
        return labels

    @property
    def n_classes_(self) -> int:
        """Number of classes."""
        return len(self.classes_)

    def predict(
        self,
        X: Any,
        raw_score: bool = False,
        start_iteration: int = 0,
        num_iteration: int | None = None,
        pred_leaf: bool = False,
        pred_contrib: bool = False,
        validate_features: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Find the label of each row's most probable class, the first of several; see :meth:`predict_proba`."""
        classes = self.classes_
        scores = self.predict_proba(
            X, raw_score, start_iteration, num_iteration, pred_leaf, pred_contrib, validate_features, **kwargs
        )
        if self.objective_ is None or raw_score or pred_leaf or pred_contrib:
            return scores
        return classes[np.argmax(scores, axis=1)]

    def predict_proba(
        self,
        X: Any,
        raw_score: bool = False,
        start_iteration: int = 0,
        num_iteration: int | None = None,
        pred_leaf: bool = False,
        pred_contrib: bool = False,
        validate_features: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Score rows by class: the same bits as ``LGBMClassifier.predict_proba`` with the same arguments.

        Returns
        -------
        numpy.ndarray, shape (n_samples, n_classes)
            With `raw_score`, `pred_leaf` or `pred_contrib` what :meth:`Model.predict` returns. So it is for a model
            whose objective was a function: these are raw scores, and a warning says so.
        """
        scores = super().predict(
            X, raw_score, start_iteration, num_iteration, pred_leaf, pred_contrib, validate_features, **kwargs
        )
        if raw_score or pred_leaf or pred_contrib:
            return scores
        if self.objective_ is None:
            warnings.warn(
                "Cannot compute class probabilities or labels due to the usage of customized objective function.\n"
                "Returning raw scores instead.",
                stacklevel=2,
            )
            return scores
        return scores if self._fitted_model().num_class > 1 else np.vstack((1.0 - scores, scores)).transpose()

    def decision_function(
        self,
        X: Any,
        *,
        start_iteration: int = 0,
        num_iteration: int | None = None,
        validate_features: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Score rows without the objective's transform."""
        return super().predict(X, True, start_iteration, num_iteration, validate_features=validate_features, **kwargs)
