"""Hyperparameters about features, checked when their number is known.

LightGBM would read past the end of some of them, ignore what it cannot parse, or abort the process.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence

from fasttrees.training.errors import TrainingError
from fasttrees.training.hyperparameters import Settings

__all__ = ["categorical_features", "check_features"]

ONE_EACH = (
    "cegb_penalty_feature_coupled",
    "cegb_penalty_feature_lazy",
    "feature_contri",
    "max_bin_by_feature",
    "monotone_constraints",
)


def categorical_features(text: str, names: Sequence[str] | None) -> list[int]:
    """Parse ``categorical_feature``: ``0,3`` or ``name:colour,shape``.

    Raises
    ------
    TrainingError
        If a feature is not among `names`; None: the features are unnamed and of any number.
    """
    features = []
    by_name = text.startswith("name:")
    for word in filter(None, map(str.strip, text.removeprefix("name:").split(","))):
        if by_name and names is not None and word in names:
            features.append(names.index(word))
        elif not by_name and word.isdecimal() and (names is None or int(word) < len(names)):
            features.append(int(word))
        else:
            expected = "names of features" if by_name else "numbers of features, from 0"
            raise TrainingError(f"hyperparameter categorical_feature: expected {expected}, got {word!r}")
    return features


def check_features(settings: Settings, n_features: int, categorical: Collection[int]) -> None:
    """Check hyperparameters with a value for each feature, or with numbers of features.

    Raises
    ------
    TrainingError
        With the name as it was given, what was expected, and what was got.
    """
    for name, (alias, text) in settings.given.items():
        expected = ""
        if name in ONE_EACH:
            expected = _expected_of_each(name, text, n_features, categorical)
        elif name == "interaction_constraints" and not _are_groups(text, n_features):
            expected = f"groups of numbers below {n_features} such as [0,1],[2,3]"
        elif name.startswith("forced") and not _is_json_file(text):
            expected = "a file of JSON"
        if expected:
            raise TrainingError(f"hyperparameter {alias}: expected {expected}, got {text!r}")


def _expected_of_each(name: str, text: str, n_features: int, categorical: Collection[int]) -> str:
    """Return what was expected, or nothing if the value is valid."""
    try:
        values = [float(word) for word in text.split(",")]
    except ValueError:
        return "numbers with commas between them"
    if len(values) != n_features:
        return f"{n_features} numbers, one for each feature"
    if name == "monotone_constraints":
        if not set(values) <= {-1, 0, 1}:
            return "-1, 0 or 1 for each feature"
        if any(values[index] for index in categorical):
            return f"0 for the categorical features {', '.join(map(str, sorted(categorical)))}"
    return ""


def _are_groups(text: str, n_features: int) -> bool:
    try:
        groups = json.loads(f"[{text}]")
    except ValueError:
        return False
    return all(
        isinstance(group, list) and all(isinstance(index, int) and 0 <= index < n_features for index in group)
        for group in groups
    )


def _is_json_file(name: str) -> bool:
    try:
        with open(name, encoding="utf-8") as file:
            json.load(file)
    except (OSError, ValueError):
        return False
    return True
