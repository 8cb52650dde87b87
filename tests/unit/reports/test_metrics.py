"""The formulas agree with scikit-learn; invalid values are errors that name the row."""

from __future__ import annotations

import math

import lightgbm
import numpy as np
import pytest
import sklearn.metrics as sk
from scipy.stats import spearmanr

from fasttrees._reports.metrics import TITLES, kind_of, notes, score, with_parameters
from fasttrees.errors import InputError
from fasttrees.model import Model

RANDOM = np.random.default_rng(3)
N = 2000
PROBABILITY = RANDOM.random(N).round(2)  # with ties
BINARY = (RANDOM.random(N) < PROBABILITY).astype(float)
NUMBERS = RANDOM.gamma(2, 3, N)
PREDICTED = NUMBERS * RANDOM.lognormal(0, 0.3, N)


def test_binary() -> None:
    metrics = score("binary sigmoid:1", BINARY, PROBABILITY)
    assert metrics == pytest.approx(
        {
            "auc": sk.roc_auc_score(BINARY, PROBABILITY),
            "log_loss": sk.log_loss(BINARY, PROBABILITY),
            "accuracy": sk.accuracy_score(BINARY, PROBABILITY > 0.5),
            "brier_score": sk.brier_score_loss(BINARY, PROBABILITY),
        },
        rel=1e-12,
    )


def test_certain_and_wrong_is_a_large_loss_but_finite() -> None:
    truth, probability = [1.0, 0.0, 1.0], [0.0, 1.0, 0.5]
    assert score("binary", truth, probability)["log_loss"] == pytest.approx(sk.log_loss(truth, probability), rel=1e-12)
    rows = [[0.0, 1.0], [0.5, 0.5]]
    loss = score("multiclass num_class:2", [0, 1], rows)["log_loss"]
    assert loss == pytest.approx(sk.log_loss([0, 1], rows), rel=1e-12)


def test_classes() -> None:
    predicted = PROBABILITY > 0.35
    assert score("binary", BINARY, predicted) == pytest.approx(
        {
            "accuracy": sk.accuracy_score(BINARY, predicted),
            "precision": sk.precision_score(BINARY, predicted),
            "recall": sk.recall_score(BINARY, predicted),
            "f1": sk.f1_score(BINARY, predicted),
        },
        rel=1e-12,
    )
    assert score("binary", [0, 0], [0, 0]) == {"accuracy": 1.0}
    assert score("binary", [0, 1], [0, 0]) == {"accuracy": 0.5, "recall": 0.0, "f1": 0.0}


@pytest.mark.parametrize("objective", ["multiclass num_class:4", "multiclassova num_class:4 sigmoid:1"])
def test_multiclass(objective: str) -> None:
    probabilities = RANDOM.dirichlet([1, 2, 3, 4], N)
    truth = RANDOM.integers(0, 4, N)
    classes = probabilities.argmax(axis=1)
    assert score(objective, truth, probabilities) == pytest.approx(
        {"log_loss": sk.log_loss(truth, probabilities), "accuracy": sk.accuracy_score(truth, classes)}, rel=1e-12
    )
    assert score(objective, truth, classes) == {"accuracy": sk.accuracy_score(truth, classes)}


def test_regression() -> None:
    expected = {
        "rmse": math.sqrt(sk.mean_squared_error(NUMBERS, PREDICTED)),
        "mae": sk.mean_absolute_error(NUMBERS, PREDICTED),
        "r2": sk.r2_score(NUMBERS, PREDICTED),
    }
    for objective in ("regression", "regression_l1", "huber", "fair", "reg:squarederror", "regressor"):
        assert score(objective, NUMBERS, PREDICTED) == pytest.approx(expected, rel=1e-12)
    assert score("regression", NUMBERS, PREDICTED[:, None]) == pytest.approx(expected, rel=1e-12)
    with_pinball = {**expected, "pinball_loss": sk.mean_pinball_loss(NUMBERS, PREDICTED, alpha=0.9)}
    assert score("quantile alpha:0.9", NUMBERS, PREDICTED) == pytest.approx(with_pinball, rel=1e-12)
    assert score("quantile", NUMBERS, PREDICTED) == pytest.approx(expected, rel=1e-12)


def test_mape_is_lightgbms() -> None:
    truth, prediction = NUMBERS + 1, PREDICTED + 1  # from 1 on both definitions are the same
    expected = sk.mean_absolute_percentage_error(truth, prediction)
    assert score("mape", truth, prediction)["mape"] == pytest.approx(expected, rel=1e-12)
    assert score("mape", [0.0, 0.5], [1.0, 0.0])["mape"] == 0.75


@pytest.mark.parametrize(
    ("objective", "name", "power"),
    [
        ("poisson", "poisson_deviance", 1),
        ("gamma", "gamma_deviance", 2),
        ("tweedie tweedie_variance_power:1.3", "tweedie_deviance", 1.3),
        ("tweedie tweedie_variance_power:1", "tweedie_deviance", 1),
        ("reg:tweedie tweedie_variance_power:1.5", "tweedie_deviance", 1.5),
    ],
)
def test_deviances(objective: str, name: str, power: float) -> None:
    truth = NUMBERS.copy()
    if power < 2:
        truth[:100] = 0
    expected = sk.mean_tweedie_deviance(truth, PREDICTED, power=power)
    assert score(objective, truth, PREDICTED)[name] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("objective", "name", "value", "metric"),
    [("tweedie", "tweedie_variance_power", 1.2, "tweedie_deviance"), ("quantile", "alpha", 0.75, "pinball_loss")],
)
def test_parameters_that_a_model_does_not_write_behind_its_objective(
    objective: str, name: str, value: float, metric: str
) -> None:
    data = lightgbm.Dataset(RANDOM.random((100, 2)), NUMBERS[:100])
    parameters = {"objective": objective, name: value, "verbose": -1}
    model = Model.from_booster(lightgbm.train(parameters, data, 2))
    assert model.objective == objective
    assert metric not in score(objective, NUMBERS, PREDICTED)  # no guess
    assert name in notes(objective, NUMBERS)[0]
    complete = with_parameters(objective, model.parameters)
    assert complete == f"{objective} {name}:{value}"
    assert metric in score(complete, NUMBERS, PREDICTED)
    assert notes(complete, NUMBERS) == []
    assert with_parameters(objective, None) == objective
    assert with_parameters("binary sigmoid:1", model.parameters) == "binary sigmoid:1"


def test_cross_entropy() -> None:
    truth = RANDOM.random(N)
    inside = np.clip(PROBABILITY, 0.01, 0.99)
    loss = -np.mean(truth * np.log(inside) + (1 - truth) * np.log(1 - inside))
    assert score("cross_entropy", truth, inside)["log_loss"] == pytest.approx(loss, rel=1e-12)
    rate = -np.log(1 - inside)  # the objective's output: 1 - exp(-rate) is the probability
    assert score("cross_entropy_lambda", truth, rate)["log_loss"] == pytest.approx(loss, rel=1e-12)


def test_ranking() -> None:
    grades = RANDOM.integers(0, 5, N)
    metrics = score("lambdarank", grades, PROBABILITY)
    assert metrics == pytest.approx({"spearman": spearmanr(grades, PROBABILITY).statistic}, rel=1e-9)
    assert "NDCG" in notes("lambdarank", grades)[0]
    assert score("lambdarank", [1, 1], [0.5, 0.6]) == {}


def test_what_is_not_defined_is_left_out_and_said() -> None:
    for truth in ([0, 0, 0], [1, 1, 1]):
        assert sorted(score("binary", truth, [0.1, 0.2, 0.3])) == ["accuracy", "brier_score", "log_loss"]
        assert notes("binary", truth) == ["AUC is left out: the truth is of one class only."]
    assert notes("binary", [0, 1]) == []
    assert sorted(score("regression", [2.1, 2.1, 2.1], [1, 2, 3])) == ["mae", "rmse"]
    assert "R²" in notes("regression", [2.1, 2.1, 2.1])[0]
    assert notes("regression", [1, 2]) == []


@pytest.mark.parametrize(
    ("objective", "truth", "prediction", "message"),
    [
        ("binary", [0, math.nan], [0.5, 0.5], "truth, row 2: expected a finite number, got nan"),
        ("binary", [0, 1, 1], [0.5, 0.5, math.inf], "prediction, row 3: expected finite numbers, got inf"),
        ("regression", [0, 1], [math.nan, math.nan], "prediction, row 1: expected finite numbers, got nan"),
        ("multiclass", [0, 1], [[0.5, 0.5], [0.5, math.nan]], r"prediction, row 2: .*, got \[0\.5, nan\]"),
        ("binary", [0, 2], [0.5, 0.5], "truth, row 2: expected 0 or 1, got 2.0"),
        ("binary", [0, 1], [-1.5, 0.5], "prediction, row 1: expected probabilities from 0 to 1, got -1.5"),
        ("multiclass", [0, 2], [[0.5, 0.5], [0.5, 0.5]], "truth, row 2: expected a class below 2, .*, got 2.0"),
        ("multiclass", [0, 0.5], [[1, 0], [0.5, 0.5]], "truth, row 2: expected the number of a class, got 0.5"),
        ("multiclass", [0, 1], [0, 0.5], "prediction, row 2: expected the number of a class, got 0.5"),
        ("gamma", [0, 1], [1, 1], "truth, row 1: expected a number above 0, got 0.0"),
        ("poisson", [0, -1], [1, 1], "truth, row 2: expected 0 or more, got -1.0"),
        ("poisson", [0, 1], [1, 0], "prediction, row 2: expected a number above 0, got 0.0"),
        ("cross_entropy", [0, 1.5], [0.5, 0.5], "truth, row 2: expected 0 to 1, got 1.5"),
        ("tweedie tweedie_variance_power:3", [1], [1], "objective: expected a tweedie_variance_power of 1 to 2"),
        ("quantile alpha:x", [1], [1], "objective: expected a number for alpha, got 'quantile alpha:x'"),
        ("custom", [1], [1], "objective: expected one of binary, .*, got 'custom'"),
        ("binary", [], [], r"truth: expected one column of at least one row, got shape \(0,\)"),
        ("binary", [1, 0], [0.5], r"prediction: expected 2 rows, as of the truth, got shape \(1,\)"),
        ("binary", [1], [[0.5, 0.5]], "prediction: expected one column for a binary model, got 2"),
    ],
)
def test_errors_name_the_row(objective: str, truth: list[float], prediction: list[float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        score(objective, truth, prediction)


def test_metrics_have_titles() -> None:
    assert kind_of("multiclass num_class:5") == "multiclass"
    cases = {
        "binary": (BINARY, PROBABILITY),
        "mape": (NUMBERS, PREDICTED),
        "gamma": (NUMBERS, PREDICTED),
        "quantile alpha:0.5": (NUMBERS, PREDICTED),
        "lambdarank": (NUMBERS, PREDICTED),
    }
    names = {name for objective, rows in cases.items() for name in score(objective, *rows)}
    assert names <= set(TITLES)
