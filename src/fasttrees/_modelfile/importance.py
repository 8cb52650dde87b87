"""Importances of features: how often each one splits, and what its splits gained."""

from __future__ import annotations

from fasttrees._modelfile.model_text import ModelText
from fasttrees._modelfile.trees import read_tree
from fasttrees.errors import InputError

__all__ = ["IMPORTANCE_TYPES", "gains_by_feature", "importances", "whole_number"]

IMPORTANCE_TYPES = ("split", "gain")


def gains_by_feature(text: ModelText, num_iteration: int, importance_type: str) -> list[float]:
    """Sum over the splits of the first iterations: 1 for each ("split"), or its gain ("gain").

    A split without gain does not count.

    Raises
    ------
    InputError
        If `importance_type` is another.
    """
    if importance_type not in IMPORTANCE_TYPES:
        raise InputError(f"importance_type: expected one of {IMPORTANCE_TYPES}, got {importance_type!r}")
    sums = [0.0] * len(text.feature_names)
    for number in text.select(num_iteration):
        tree = read_tree(text.blocks[number], ("split_feature", "split_gain"))
        for feature, gain in zip(tree["split_feature"], tree["split_gain"], strict=True):
            if gain > 0:
                sums[feature] += gain if importance_type == "gain" else 1.0
    return sums


def whole_number(value: float) -> int:
    """Cut a sum of gains to a whole number; one beyond 64 bits becomes 0, as LightGBM's builds for x86-64 have it."""
    return int(value) if value < 2.0**64 else 0


def importances(text: ModelText, num_iteration: int, importance_type: str) -> list[tuple[str, int]]:
    """List the features that matter, from the most to the least important; gains are cut to whole numbers."""
    sums = zip(text.feature_names, gains_by_feature(text, num_iteration, importance_type), strict=True)
    whole = ((name, whole_number(value)) for name, value in sums)
    return sorted((item for item in whole if item[1]), key=lambda item: -item[1])
