"""Train, and log a line of metrics for each iteration."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import lightgbm
from lightgbm.basic import LightGBMError
from lightgbm.callback import CallbackEnv, EarlyStopException

from fasttrees.training.contract import Schema
from fasttrees.training.errors import TrainingError
from fasttrees.training.hyperparameters import Settings, explain
from fasttrees.training.lines import metric_line
from fasttrees.training.table import ShouldStop, Table

__all__ = ["Say", "TrainingResult", "boost"]

Say = Callable[[str], None]


@dataclass
class TrainingResult:
    """A trained model and its history.

    Attributes
    ----------
    booster : lightgbm.Booster
    history : dict of str to list of float
        A value for each iteration, by the names of METRIC_DEFINITIONS.
    best_iteration : int
        From 1; the model ends with it.
    stopped : bool
        Whether SIGTERM ended training.
    """

    booster: Any = None
    history: dict[str, list[float]] = field(default_factory=dict)
    best_iteration: int = 0
    stopped: bool = False

    @property
    def n_iterations(self) -> int:
        """Number of iterations trained."""
        return int(self.booster.current_iteration())

    def metrics(self) -> dict[str, float]:
        """Return the metrics of the best iteration."""
        return {name: values[self.best_iteration - 1] for name, values in self.history.items()}


class _IterationCallback:
    """Record and log the metrics after each iteration, and stop training on request."""

    def __init__(self, trained: TrainingResult, settings: Settings, say: Say, should_stop: ShouldStop) -> None:
        self._trained, self._patience, self._say, self._should_stop = trained, settings.patience, say, should_stop
        self.order = 20  # before LightGBM's early stopping (30), which would skip this callback in the last iteration
        self._every = max(1, int(settings.parameters.get("metric_freq", 1)))
        self._best: float | None = None
        self._best_iteration = 0

    def __call__(self, env: CallbackEnv) -> None:
        iteration = env.iteration + 1
        values = {}
        validation = None
        results: Any = env.evaluation_result_list
        for data, metric, value, higher_is_better in (tuple(result)[:4] for result in results):
            values[f"{data}:{metric}"] = float(value)
            self._trained.history.setdefault(f"{data}:{metric}", []).append(float(value))
            if data == "validation" and validation is None:
                validation = float(value) if higher_is_better else -float(value)
        if values and (iteration % self._every == 0 or iteration == env.end_iteration):
            self._say(metric_line(iteration, values))
        if validation is not None and (self._best is None or validation > self._best):
            self._best, self._best_iteration = validation, iteration
        if self._should_stop():
            self._trained.stopped = True
            best = self._best_iteration if self._patience and self._best_iteration else iteration
            raise EarlyStopException(best - 1, results)


def boost(
    train: Table,
    validation: Table | None,
    settings: Settings,
    schema: Schema,
    categorical: Sequence[int],
    say: Say,
    should_stop: ShouldStop,
) -> TrainingResult:
    """Train a model.

    Raises
    ------
    TrainingError
        If LightGBM rejects the rows with these parameters.
    """
    lightgbm.register_logger(_logger(say))
    parameters = {name: value for name, value in settings.parameters.items() if name != "categorical_feature"}
    names: Any = feature_names(schema, train.rows.shape[1])
    options: dict[str, Any] = {"params": parameters, "categorical_feature": list(categorical)}
    trained = TrainingResult()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # about arguments that are among the parameters too
            # LightGBM reads the mapped file in place, and keeps only bins.
            data = lightgbm.Dataset(train.rows, train.target, feature_name=names, **options)
            data.construct()
            others = []
            if validation is not None:
                others = [lightgbm.Dataset(validation.rows, validation.target, reference=data, **options).construct()]
            if should_stop():
                raise TrainingError("stopped before the first iteration: there is no model")
            shown = [data] if settings.flag("is_provide_training_metric") else []
            trained.booster = lightgbm.train(
                parameters,
                data,
                valid_sets=[*shown, *others],
                valid_names=[*(["train"] if shown else []), *(["validation"] if others else [])],
                callbacks=[_IterationCallback(trained, settings, say, should_stop)],
                keep_training_booster=True,
            )
    except LightGBMError as error:
        raise TrainingError(explain(error, settings.given)) from error
    trained.best_iteration = trained.booster.best_iteration
    if trained.best_iteration <= 0:
        trained.best_iteration = trained.n_iterations
    return trained


def feature_names(schema: Schema, n_features: int) -> list[str]:
    """Name the features as LightGBM can: it refuses what JSON uses, and writes names with spaces between them."""
    if schema.feature_names is None:
        return [f"Column_{index}" for index in range(n_features)]
    return [re.sub(r'[\s",:\[\]{}]', "_", name) for name in schema.feature_names]


def _logger(say: Say) -> logging.Logger:
    """Forward LightGBM's messages to the log."""

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if text := record.getMessage().strip():
                say(f"LightGBM: {text}")

    logger = logging.Logger("lightgbm", logging.INFO)
    logger.addHandler(Handler())
    return logger
