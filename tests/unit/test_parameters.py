"""Keywords of prediction, and their names in LightGBM's own table."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from lightgbm.basic import _ConfigAliases

from fasttrees import InputError
from fasttrees._parameters import ALIASES, OTHERS, READERS, Parameters
from fasttrees.errors import InputTypeError


def test_names_are_those_of_lightgbm() -> None:
    table = _ConfigAliases._get_all_param_aliases()
    ours = ALIASES | {name: name for name in READERS}
    theirs = {alias: name for name, aliases in table.items() for alias in [name, *aliases]}
    assert ours == {alias: name for alias, name in theirs.items() if name in READERS}
    assert set(theirs) == OTHERS | set(ours)
    assert OTHERS.isdisjoint(ours)
    assert all(hasattr(Parameters, name) for name in READERS)


def test_defaults() -> None:
    parameters = Parameters.read({})
    assert parameters.early_stop() == (0, 0.0)
    assert parameters.num_threads is None
    assert Parameters.read({"pred_early_stop": True}).early_stop() == (10, 10.0)


@pytest.mark.parametrize(
    ("keywords", "number", "ignored"),
    [
        ({"nthread": 2}, 2, ()),
        ({"n_jobs": 3, "num_threads": 2}, 2, ("n_jobs",)),
        ({"nthread": 3, "n_jobs": 4, "nthreads": 5}, 4, ("nthread", "nthreads")),
        ({"n_jobs": None, "nthreads": 5}, 5, ()),
        ({"n_jobs": -1}, None, ()),
        ({"num_threads": 0}, None, ()),
    ],
)
def test_one_name_of_several_counts(keywords: dict[str, Any], number: int | None, ignored: tuple[str, ...]) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert Parameters.read(keywords).num_threads == number
    assert [str(warning.message).split(" ")[0] for warning in caught] == list(ignored)


def test_unknown_names_get_a_warning_where_one_may_be_heard() -> None:
    with pytest.warns(UserWarning, match="Unknown parameter: pred_early_stopp"):
        Parameters.read({"pred_early_stopp": True})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Parameters.read({"pred_early_stopp": True, "verbose": -1})
        Parameters.read({"pred_early_stopp": None, "predict_raw_score": "?", "n_estimators": 3})


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("pred_early_stop", 1),
        ("pred_early_stop", " true"),
        ("pred_early_stop_freq", 2**31),
        ("pred_early_stop_freq", "-"),
        ("pred_early_stop_freq", "\u0663"),
        ("pred_early_stop_margin", "1 2"),
        ("nthread", 1.5),
    ],
)
def test_errors_name_the_keyword(keyword: str, value: Any) -> None:
    with pytest.raises(InputError, match=f"{keyword} should be .*{value}"):
        Parameters.read({keyword: value})
    with pytest.raises(InputTypeError, match=keyword):
        Parameters.read({keyword: object()})


@pytest.mark.parametrize(("name", "value"), [("pred_early_stop_freq", 0), ("pred_early_stop_margin", -0.5)])
def test_a_stop_without_sense_is_refused_when_asked_for(name: str, value: float) -> None:
    assert Parameters.read({name: value}).early_stop() == (0, 0.0)
    with pytest.raises(InputError, match=f"{name}: expected .*{value}"):
        Parameters.read({name: value, "pred_early_stop": True}).early_stop()
