"""Trees of one split: every decision code against every value at which a decision can turn."""

from __future__ import annotations

import numpy as np
import pytest

import fasttrees
from tests.support.builders import (
    CATEGORICAL,
    DEFAULT_LEFT,
    MISSING_NAN,
    MISSING_NONE,
    MISSING_ZERO,
    OUTPUTS,
    ZERO_THRESHOLD,
    Matrix,
    Tree,
    as_type,
    assert_same_bits,
    layouts,
    lightgbm_predict,
    load_builds,
    load_lightgbm,
    model_text,
    neighbours,
    one_split,
    strange_values,
)

N_FEATURES = 3
FEATURE = 1
DECISIONS = [
    missing | default | categorical
    for missing in (MISSING_NONE, MISSING_ZERO, MISSING_NAN)
    for default in (0, DEFAULT_LEFT)
    for categorical in (0, CATEGORICAL)
]
THRESHOLDS = [
    0.0, -0.0, 5e-324, -5e-324, 1e-310, -1e-310, 1e-36, -1e-36, *neighbours([-ZERO_THRESHOLD, ZERO_THRESHOLD]), 1e-30,
    0.1, -0.1, 3.5, -2.0, 2.35592, float(np.float32(0.3)), 1e300, -1e300, 1.7976931348623157e308,
    np.inf, -np.inf, np.nan,
]  # fmt: skip
CATEGORY_SETS: list[list[int]] = [
    [], [0], [1], [3], [31], [32], [33], [63], [64], [0, 31, 32, 63, 64, 95], list(range(96)), [95], [1000]
]  # fmt: skip


def rows_around(thresholds: list[float], dtype: str) -> Matrix:
    """Rows whose middle column holds the strange values and the thresholds with their neighbours in `dtype`.

    More rows than two blocks of the kernels, every value in several places of a block; the other columns hold values
    that a split which reads the wrong column would decide on differently.
    """
    with np.errstate(all="ignore"):
        centre = np.array(thresholds).astype(dtype)
        near = [np.nextafter(centre, -np.inf, dtype=dtype), centre, np.nextafter(centre, np.inf, dtype=dtype)]
        values = np.concatenate([strange_values().astype(dtype), *near])
    rows = np.empty((1100, N_FEATURES), dtype)
    rows[:, FEATURE] = np.resize(values, len(rows))
    rows[:, 0] = np.resize(np.array([np.nan, -1e30, 1e30, 0.0], dtype), len(rows))
    rows[:, 2] = np.resize(values[::-1], len(rows))
    return rows


def check(text: str, thresholds: list[float]) -> None:
    booster = load_lightgbm(text)
    models = load_builds(text)
    for dtype in ("float64", "float32"):
        rows = rows_around(thresholds, dtype)
        for output in OUTPUTS:
            expected = lightgbm_predict(booster, rows, **output)
            for build, model in models.items():
                for layout, same_rows in layouts(rows):
                    what = f"{build}, {dtype}, {layout}, {output}"
                    assert_same_bits(model.predict(same_rows, **output), expected, what)
                    for n_rows in (7, 8, 9, 64, 65):
                        assert_same_bits(
                            model.predict(same_rows[:n_rows], **output), expected[:n_rows], f"{what}, {n_rows} rows"
                        )
                single = [model.predict(rows[i : i + 1], **output) for i in range(200)]
                assert_same_bits(np.concatenate(single), expected[:200], f"{build}, {dtype}, single rows, {output}")


@pytest.mark.parametrize("decision", DECISIONS)
@pytest.mark.parametrize("threshold", THRESHOLDS, ids=repr)
def test_numerical_split(threshold: float, decision: int) -> None:
    # Without category sets LightGBM takes a split with the categorical bit for numerical.
    check(
        model_text([one_split(threshold, decision, FEATURE)], N_FEATURES, objective="binary sigmoid:0.7"), [threshold]
    )


@pytest.mark.parametrize("decision", [decision for decision in DECISIONS if decision & CATEGORICAL])
@pytest.mark.parametrize("categories", CATEGORY_SETS, ids=repr)
def test_categorical_split(categories: list[int], decision: int) -> None:
    tree = one_split(0.0, decision, FEATURE, categories)
    edges = [float(edge) for category in categories for edge in (category, category + 1)]
    check(model_text([tree], N_FEATURES, objective="poisson"), [*edges, 1000.5])


@pytest.mark.parametrize("decision", [decision for decision in DECISIONS if not decision & CATEGORICAL])
def test_numerical_split_in_a_tree_with_category_sets(decision: int) -> None:
    tree = Tree(
        (0.5, 1.25, -2.0), (FEATURE, FEATURE), (0.1, 1.0), (decision, CATEGORICAL), (1, -1), (-3, -2),
        category_sets=([0], [0, 3, 33]),
    )  # fmt: skip
    check(model_text([tree], N_FEATURES), [0.1])


def test_all_decisions_on_one_feature() -> None:
    """One forest in which all thresholds and all ways to treat missing values share a feature."""
    splits = [one_split(threshold, decision, FEATURE) for threshold in THRESHOLDS for decision in DECISIONS]
    sets = [one_split(0.0, CATEGORICAL, FEATURE, categories) for categories in CATEGORY_SETS]
    check(model_text(splits + sets, N_FEATURES), THRESHOLDS)


@pytest.mark.parametrize("way", [0, 2, 4, 6, 8, 10])
def test_more_thresholds_than_a_byte_tells_apart(way: int) -> None:
    """Around each limit of 255 thresholds to a byte column: 254, 255, 256, and several columns."""
    for count in (254, 255, 256, 511, 766):
        thresholds = np.linspace(-1.0, 1.0, count).tolist()
        text = model_text([one_split(threshold, way) for threshold in thresholds], 1)
        values = np.concatenate([neighbours(thresholds), strange_values()])
        booster = load_lightgbm(text)
        for dtype in ("float64", "float32"):
            rows = as_type(values.reshape(-1, 1), dtype)
            expected = lightgbm_predict(booster, rows, pred_leaf=True)
            for build, model in load_builds(text).items():
                assert_same_bits(model.predict(rows, pred_leaf=True), expected, f"{build}, {dtype}, {count}")


@pytest.mark.parametrize("decision", [12, 13, 14, 15, 16, 64, 127, 128, 255, -1, -128])
def test_codes_that_lightgbm_never_writes_are_refused(decision: int) -> None:
    with pytest.raises(fasttrees.ModelFormatError, match=r"decision_type.*missing type of None, Zero or NaN") as caught:
        fasttrees.loads(model_text([one_split(0.5, 2), one_split(0.5, decision)], 1))
    assert (caught.value.tree, caught.value.key, caught.value.got) == (1, "decision_type", str(decision))
