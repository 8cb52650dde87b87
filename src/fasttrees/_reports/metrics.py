"""Metrics of predictions, by the objective of the model.

They are computed with numpy alone: scikit-learn and its dependencies would be many times the size of the rest of a
training image, for a dozen lines. The tests compare the results with scikit-learn's.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fasttrees._reports.objectives import kind_of, parameter_of, with_parameters
from fasttrees.errors import InputError

__all__ = ["TITLES", "is_classes", "kind_of", "notes", "score", "with_parameters"]

Array = NDArray[np.float64]

#: Names of the metrics in reports.
TITLES = {
    "accuracy": "accuracy",
    "auc": "AUC",
    "brier_score": "Brier score",
    "f1": "F1",
    "gamma_deviance": "mean gamma deviance",
    "log_loss": "log loss",
    "mae": "MAE",
    "mape": "MAPE",
    "pinball_loss": "pinball loss",
    "poisson_deviance": "mean Poisson deviance",
    "precision": "precision",
    "r2": "R²",
    "recall": "recall",
    "rmse": "RMSE",
    "spearman": "Spearman's rank correlation",
    "tweedie_deviance": "mean Tweedie deviance",
}
EPSILON = float(np.finfo(np.float64).eps)  # scikit-learn's bound for the logarithm of a probability


def is_classes(prediction: ArrayLike) -> bool:
    """Return whether predictions of a binary model are only 0 and 1: classes, not probabilities."""
    values = np.asarray(prediction, np.float64)
    return bool(((values == 0) | (values == 1)).all())


def score(objective: str, truth: ArrayLike, prediction: ArrayLike) -> dict[str, float]:
    """Compute the metrics that fit an objective.

    Parameters
    ----------
    objective : str
        As in the model, such as ``binary sigmoid:1`` or ``multiclass num_class:5``; :func:`with_parameters` makes
        those of ``tweedie`` and ``quantile`` complete.
    truth : array_like of float of shape (n_rows,)
        For classes their numbers, from 0.
    prediction : array_like of float of shape (n_rows,) or (n_rows, n_classes)
        Output of the model: probabilities of classes, or numbers. Predictions of a model of classes that are classes
        themselves (0 and 1 for binary ones; one column for multiclass ones) get the metrics of classes.

    Returns
    -------
    dict of str to float
        By the names of :data:`TITLES`. Metrics undefined for these rows are left out; :func:`notes` lists them.

    Raises
    ------
    InputError
        With the first invalid row: what was expected, and what was found.
    """
    kind = kind_of(objective)
    truth = np.asarray(truth, np.float64)
    prediction = np.asarray(prediction, np.float64)
    if prediction.ndim == 2 and prediction.shape[1] == 1:
        prediction = prediction[:, 0]
    _check_shapes(kind, truth, prediction)
    _check(np.isfinite(truth), "truth", "a finite number", truth)
    _check(np.isfinite(prediction), "prediction", "finite numbers", prediction)
    if kind == "binary":
        return _score_binary(truth, prediction)
    if kind == "multiclass":
        return _score_classes(truth, prediction)
    if kind in ("cross_entropy", "cross_entropy_lambda"):
        _check((truth >= 0) & (truth <= 1), "truth", "0 to 1", truth)
        probability = -np.expm1(-prediction) if kind == "cross_entropy_lambda" else prediction
        _check_probabilities(probability)
        return {"log_loss": _log_loss(truth, probability), "rmse": _rmse(truth, probability)}
    if kind == "ranking":
        return _score_ranks(truth, prediction)
    return _score_numbers(kind, objective, truth, prediction)


def notes(objective: str, truth: ArrayLike) -> list[str]:
    """Describe which metrics :func:`score` leaves out for this truth, and why."""
    kind = kind_of(objective)
    truth = np.asarray(truth, np.float64)
    constant = bool((truth == truth[:1]).all())
    if kind == "binary" and constant:
        return ["AUC is left out: the truth is of one class only."]
    if kind == "ranking":
        return ["NDCG and MAP are left out: the rows have no query ids."]
    texts = []
    for of_kind, name, title in (
        ("tweedie", "tweedie_variance_power", "deviance"),
        ("quantile", "alpha", "pinball loss"),
    ):
        if kind == of_kind and parameter_of(objective, name) is None:
            texts.append(f"The {title} is left out: the objective has no {name}.")
    if constant and kind in ("regression", "quantile", "mape", "poisson", "gamma", "tweedie"):
        texts.append("R² is left out: the truth is the same in all rows.")
    return texts


def _score_binary(truth: Array, prediction: Array) -> dict[str, float]:
    _check((truth == 0) | (truth == 1), "truth", "0 or 1", truth)
    _check_probabilities(prediction)
    positive = truth == 1
    predicted = prediction > 0.5
    accuracy = {"accuracy": float(np.mean(positive == predicted))}
    n_positive = int(positive.sum())
    n_negative = len(truth) - n_positive
    if is_classes(prediction):
        hits = int(np.sum(positive & predicted))
        n_predicted = int(predicted.sum())
        of = {
            "precision": (hits, n_predicted),
            "recall": (hits, n_positive),
            "f1": (2 * hits, n_predicted + n_positive),
        }
        return accuracy | {name: part / whole for name, (part, whole) in of.items() if whole}
    result = {}
    if n_positive and n_negative:  # of ranks: Mann and Whitney's U
        u = float(_rank(prediction)[positive].sum()) - n_positive * (n_positive + 1) / 2
        result["auc"] = u / n_positive / n_negative
    result["log_loss"] = _log_loss(truth, prediction)
    result["brier_score"] = float(np.mean((prediction - truth) ** 2))
    return result | accuracy


def _score_classes(truth: Array, prediction: Array) -> dict[str, float]:
    _check((truth >= 0) & (truth == np.floor(truth)), "truth", "the number of a class", truth)
    if prediction.ndim == 1:
        is_class = (prediction >= 0) & (prediction == np.floor(prediction))
        _check(is_class, "prediction", "the number of a class", prediction)
        return {"accuracy": float(np.mean(truth == prediction))}
    n_classes = prediction.shape[1]
    _check(truth < n_classes, "truth", f"a class below {n_classes}, as there are columns", truth)
    _check_probabilities(prediction)
    of_truth = prediction[np.arange(len(truth)), truth.astype(np.int64)]
    return {
        "accuracy": float(np.mean(prediction.argmax(axis=1) == truth)),
        "log_loss": float(-np.mean(np.log(np.clip(of_truth, EPSILON, 1)))),
    }


def _score_ranks(truth: Array, prediction: Array) -> dict[str, float]:
    ranks = [_rank(values) - (len(values) + 1) / 2 for values in (truth, prediction)]
    size = float(np.sqrt(np.sum(ranks[0] ** 2) * np.sum(ranks[1] ** 2)))
    return {"spearman": float(np.sum(ranks[0] * ranks[1])) / size} if size else {}


def _score_numbers(kind: str, objective: str, truth: Array, prediction: Array) -> dict[str, float]:
    error = truth - prediction
    result = {"rmse": _rmse(truth, prediction), "mae": float(np.mean(np.abs(error)))}
    spread = float(np.sum((truth - truth.mean()) ** 2))
    if not (truth == truth[0]).all():
        result["r2"] = 1 - float(np.sum(error**2)) / spread
    if kind == "mape":  # LightGBM's: no division by less than 1
        result["mape"] = float(np.mean(np.abs(error) / np.maximum(1, np.abs(truth))))
    alpha = parameter_of(objective, "alpha")
    if kind == "quantile" and alpha is not None:
        result["pinball_loss"] = float(np.mean(np.maximum(alpha * error, (alpha - 1) * error)))
    power = {"poisson": 1.0, "gamma": 2.0, "tweedie": parameter_of(objective, "tweedie_variance_power")}.get(kind)
    if power is not None:
        if not 1 <= power <= 2:
            raise InputError(f"objective: expected a tweedie_variance_power of 1 to 2, got {objective!r}")
        result[f"{kind}_deviance"] = _deviance(truth, prediction, power)
    return result


def _deviance(truth: Array, prediction: Array, power: float) -> float:
    """Return the mean deviance of Tweedie's distributions, including Poisson's (1) and the gamma distribution (2)."""
    allowed, least = (truth > 0, "a number above 0") if power == 2 else (truth >= 0, "0 or more")
    _check(allowed, "truth", least, truth)
    _check(prediction > 0, "prediction", "a number above 0", prediction)
    if power == 2:
        return float(2 * np.mean(np.log(prediction / truth) + truth / prediction - 1))
    if power == 1:
        logarithm = np.log(np.where(truth > 0, truth, prediction) / prediction)  # 0 log 0 is 0
        return float(2 * np.mean(truth * logarithm - truth + prediction))
    return float(
        2
        * np.mean(
            truth ** (2 - power) / ((1 - power) * (2 - power))
            - truth * prediction ** (1 - power) / (1 - power)
            + prediction ** (2 - power) / (2 - power)
        )
    )


def _rmse(truth: Array, prediction: Array) -> float:
    return float(np.sqrt(np.mean((truth - prediction) ** 2)))


def _log_loss(truth: Array, probability: Array) -> float:
    inside = np.clip(probability, EPSILON, 1 - EPSILON)
    return float(-np.mean(truth * np.log(inside) + (1 - truth) * np.log1p(-inside)))


def _rank(values: Array) -> Array:
    """Return ranks from 1; equal values get the mean of their ranks."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: Array = (last - (counts - 1) / 2)[inverse.reshape(-1)]
    return ranks


def _check_shapes(kind: str, truth: Array, prediction: Array) -> None:
    if truth.ndim != 1 or not len(truth):
        raise InputError(f"truth: expected one column of at least one row, got shape {truth.shape}")
    if prediction.ndim > 2 or len(prediction) != len(truth):
        raise InputError(f"prediction: expected {len(truth)} rows, as of the truth, got shape {prediction.shape}")
    if prediction.ndim == 2 and kind != "multiclass":
        raise InputError(f"prediction: expected one column for a {kind} model, got {prediction.shape[1]}")


def _check_probabilities(values: Array) -> None:
    _check((values >= 0) & (values <= 1), "prediction", "probabilities from 0 to 1", values)


def _check(good: NDArray[np.bool_], name: str, expected: str, values: Array) -> None:
    if not good.all():
        row = int(np.argwhere(~good)[0, 0])
        got = values[row].tolist()
        raise InputError(f"{name}, row {row + 1}: expected {expected}, got {got!r}")
