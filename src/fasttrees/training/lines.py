"""Lines of metrics in the log, and the patterns by which CloudWatch extracts the numbers."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["METRIC_DEFINITIONS", "metric_line"]

# LightGBM's names. CreateTrainingJob accepts at most 40 definitions, and there are two data sets; not included are the
# metrics of ranking, which is not supported here, auc_mu and cross_entropy_lambda.
METRICS = (
    "auc",
    "average_precision",
    "binary_error",
    "binary_logloss",
    "cross_entropy",
    "fair",
    "gamma",
    "gamma_deviance",
    "huber",
    "kullback_leibler",
    "l1",
    "l2",
    "mape",
    "multi_error",
    "multi_logloss",
    "poisson",
    "quantile",
    "r2",
    "rmse",
    "tweedie",
)

METRIC_DEFINITIONS = [
    {"Name": f"{data}:{metric}", "Regex": rf"^\[[0-9]+\].* {data} {metric}=([-+.0-9e]+)"}
    for data in ("train", "validation")
    for metric in METRICS
]
"""``AlgorithmSpecification.MetricDefinitions`` of CreateTrainingJob: ``train:auc``, ``validation:auc``, ..."""


def metric_line(iteration: int, values: Mapping[str, float]) -> str:
    """Write the metrics of an iteration.

    Parameters
    ----------
    iteration : int
        From 1.
    values : mapping of str to float
        By the names of METRIC_DEFINITIONS, such as ``train:auc``.

    Examples
    --------
    >>> metric_line(12, {"train:auc": 0.91, "validation:auc": 0.88})
    '[12] train auc=0.91 validation auc=0.88'
    """
    return " ".join([f"[{iteration}]", *(f"{name.replace(':', ' ', 1)}={value:.8g}" for name, value in values.items())])
