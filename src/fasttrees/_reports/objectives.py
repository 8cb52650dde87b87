"""Parse objectives as models name them."""

from __future__ import annotations

import re

from fasttrees.errors import InputError

__all__ = ["kind_of", "parameter_of", "with_parameters"]

# Names in model.txt, then those of SageMaker's images of XGBoost and of the linear learner.
KINDS = {
    "binary": "binary",
    "multiclass": "multiclass",
    "multiclassova": "multiclass",
    "cross_entropy": "cross_entropy",
    "cross_entropy_lambda": "cross_entropy_lambda",
    "regression": "regression",
    "regression_l1": "regression",
    "huber": "regression",
    "fair": "regression",
    "quantile": "quantile",
    "mape": "mape",
    "poisson": "poisson",
    "gamma": "gamma",
    "tweedie": "tweedie",
    "lambdarank": "ranking",
    "rank_xendcg": "ranking",
    "binary:logistic": "binary",
    "multi:softmax": "multiclass",
    "multi:softprob": "multiclass",
    "reg:squarederror": "regression",
    "reg:squaredlogerror": "regression",
    "reg:absoluteerror": "regression",
    "reg:pseudohubererror": "regression",
    "reg:logistic": "cross_entropy",
    "count:poisson": "poisson",
    "reg:gamma": "gamma",
    "reg:tweedie": "tweedie",
    "rank:ndcg": "ranking",
    "rank:pairwise": "ranking",
    "rank:map": "ranking",
    "binary_classifier": "binary",
    "multiclass_classifier": "multiclass",
    "regressor": "regression",
}


def kind_of(objective: str) -> str:
    """Return what is predicted: ``binary``, ``multiclass``, ``regression``, ``ranking``, ...

    Parameters
    ----------
    objective : str
        As in the model, such as ``binary sigmoid:1``.

    Raises
    ------
    InputError
        If the objective is unknown.
    """
    name = objective.split(" ")[0]
    if name not in KINDS:
        raise InputError(f"objective: expected one of {', '.join(KINDS)}, got {objective!r}")
    return KINDS[name]


def with_parameters(objective: str, parameters: str | None) -> str:
    """Add to an objective the parameters that its metrics need, and that LightGBM does not write after its name.

    Parameters
    ----------
    objective : str
        ``tweedie`` becomes ``tweedie tweedie_variance_power:1.2``, ``quantile`` becomes ``quantile alpha:0.9``; others
        stay as they are.
    parameters : str or None
        The training parameters as in the model file: a line ``[alpha: 0.9]`` for each.
    """
    name = {"tweedie": "tweedie_variance_power", "quantile": "alpha"}.get(objective)
    match = re.search(rf"^\[{name}: ([^]]+)\]", parameters or "", re.MULTILINE) if name else None
    return f"{objective} {name}:{match[1]}" if match else objective


def parameter_of(objective: str, name: str) -> float | None:
    """Return the number after ``name:`` in an objective; None if there is none."""
    match = re.search(rf"(?<!\S){name}:(\S+)", objective)
    try:
        return float(match[1]) if match else None
    except ValueError as error:
        raise InputError(f"objective: expected a number for {name}, got {objective!r}") from error
