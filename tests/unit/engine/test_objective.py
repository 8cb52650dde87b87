"""The objective line, and LightGBM's own way to read a number from it."""

import math
import pickle

import pytest

from fasttrees._engine.objective import Objective, legacy_float
from fasttrees.errors import ModelFormatError


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (None, None),
        ("custom", None),
        ("none", None),
        ("na", None),
        ("regression", "regression"),
        ("l2", "regression"),
        ("mae", "regression_l1"),
        ("regression sqrt", "regression"),
        ("xentlambda", "cross_entropy_lambda"),
        ("binary sigmoid:1", "binary"),
        ("quantile alpha:0.9", "quantile"),
    ],
)
def test_names(text: str | None, name: str | None) -> None:
    objective = Objective(text, 1)
    assert (objective.text, objective.name) == (text, name)
    again = pickle.loads(pickle.dumps(objective))
    assert (again.text, again.name, again.sigmoid) == (text, name, objective.sigmoid)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "l2 sqrt",
        "logistic",
        "binary",
        "binary sigmoid:",
        "binary sigmoid:0",
        "binary sigmoid:-1",
        "binary sigmoid:nan",
        "binary sigmoid:inf",
        "binary sigmoid:1x",
        "binary sigmoid",
        "regression sqrd",
        "multiclass num_class:3",
        "multiclass",
    ],
)
def test_lines_that_are_refused(text: str) -> None:
    with pytest.raises(ModelFormatError) as caught:
        Objective(text, 1)
    assert caught.value.key == "objective"


def test_classes_must_fit() -> None:
    assert Objective("multiclass num_class:3", 3).n_classes == 3
    assert Objective("custom", 3).name is None
    for text in ("binary sigmoid:1", "regression", "multiclassova num_class:2 sigmoid:1"):
        with pytest.raises(ModelFormatError):
            Objective(text, 3)


def test_numbers_round_as_lightgbm_rounds_them() -> None:
    """Values worked out by LightGBM's algorithm, some of them one bit away from the correctly rounded ones."""
    assert legacy_float("1") == 1.0
    assert legacy_float("-2.5") == -2.5
    assert legacy_float("0.7") == 0.7
    assert legacy_float("2.5e2") == 250.0
    assert legacy_float(".5") == 0.5
    assert legacy_float("1e400") == math.prod([1e50] * 6 + [1e8])
    assert legacy_float("2.35592") == 2.0 + 35592 / 1e5
    assert legacy_float("2.35592") != float("2.35592")
    assert legacy_float("2.74937e-05") == (2.0 + 74937 / 1e5) / 1e5
    assert legacy_float("2.74937e-05") != float("2.74937e-05")
    assert math.isclose(legacy_float("3.14159265358979323846"), math.pi, rel_tol=1e-15)


@pytest.mark.parametrize("text", ["", "-", ".", "e5", "1 ", "0x1", "1e5.0", "na"])
def test_text_that_is_no_number(text: str) -> None:
    with pytest.raises(ModelFormatError):
        legacy_float(text)
