"""A strategy of hypothesis for what LightGBM trains on."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.support.training import COLUMN_KINDS, MULTICLASS, OBJECTIVES, SQRT_OBJECTIVES, Case

SEEDS = st.integers(0, 2**31 - 1)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    objective = draw(st.sampled_from(OBJECTIVES))
    params: dict[str, Any] = {
        "num_leaves": draw(st.sampled_from([2, 5, 31, 127, 255, 256, 257, 400])),
        "max_bin": draw(st.sampled_from([2, 15, 255, 256, 1000, 5000])),
        "learning_rate": draw(st.sampled_from([0.01, 0.1, 0.5, 1.0])),
        "boost_from_average": draw(st.booleans()),
        "extra_trees": draw(st.booleans()),
        "use_missing": draw(st.sampled_from([True, True, True, False])),
        "zero_as_missing": draw(st.booleans()),
        "lambda_l1": draw(st.sampled_from([0.0, 0.3])),
        "path_smooth": draw(st.sampled_from([0.0, 1.0])),
        "max_cat_to_onehot": draw(st.sampled_from([1, 4, 64])),
        "cat_smooth": draw(st.sampled_from([0.1, 10.0])),
    }
    columns = tuple(draw(st.lists(st.sampled_from(COLUMN_KINDS), min_size=1, max_size=6)))
    n_categorical = draw(st.integers(0, 2))
    boosting = draw(st.sampled_from(["gbdt", "dart", "rf", "goss"]))
    if boosting == "goss":
        params["data_sample_strategy"] = "goss"
    elif boosting == "dart":
        params |= {"boosting": "dart", "drop_rate": 0.5}
    elif boosting == "rf" and objective != "custom":  # LightGBM has no random forests with those
        params |= {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6, "feature_fraction": 0.9}
    if draw(st.booleans()) and objective != "regression_l1" and "infinite" not in columns:
        params |= {"linear_tree": True, "zero_as_missing": False, "linear_lambda": draw(st.sampled_from([0.0, 0.1]))}
    if objective in SQRT_OBJECTIVES:
        params["reg_sqrt"] = draw(st.booleans())
    if objective in ("binary", "multiclassova"):
        params["sigmoid"] = draw(st.sampled_from([1.0, 0.7, 2.35592, 0.123456789, 1e-5, 37.5, 3.3e-2]))
    monotone = objective not in ("regression_l1", "quantile", "mape") and not params.get("linear_tree")
    if monotone and not n_categorical and draw(st.booleans()):
        params["monotone_constraints"] = draw(st.lists(st.sampled_from([-1, 0, 1]), min_size=len(columns),
                                                       max_size=len(columns)))  # fmt: skip
    several = objective in MULTICLASS or (objective == "custom" and draw(st.booleans()))
    return Case(
        objective=objective,
        seed=draw(SEEDS),
        n_rows=draw(st.sampled_from([4, 7, 20, 60, 200, 600, 1500, 3000])),
        n_rounds=draw(st.integers(1, 8)),
        columns=columns,
        n_categorical=n_categorical,
        missing_share=draw(st.sampled_from([0.0, 0.0, 0.1, 0.6])),
        n_classes=draw(st.integers(2, 5)) if several else 1,
        params=params,
    )
