"""What a model tells of itself beside what LightGBM's Booster tells of the same model: every byte, number and type."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from lightgbm.basic import LightGBMError

import fasttrees
from tests.support.builders import (
    CATEGORICAL,
    DEFAULT_LEFT,
    MISSING_NAN,
    MISSING_ZERO,
    OUTPUTS,
    Matrix,
    Tree,
    assert_same_bits,
    chain,
    lightgbm_predict,
    load_lightgbm,
    model_text,
    one_split,
    random_tree,
)
from tests.support.cases import cases
from tests.support.paths import GOLDEN, MODELS
from tests.support.training import Case, prediction_rows, train

FIELDS = ("threshold", "split_feature")
FILES = sorted([*(GOLDEN).glob("*.txt"), *(MODELS).glob("*.txt")])

#: Which iterations, as arguments that both take.
PARTS: tuple[dict[str, Any], ...] = (
    {}, {"start_iteration": 1}, {"num_iteration": 2}, {"start_iteration": 1, "num_iteration": 1},
    {"start_iteration": 99}, {"num_iteration": 0}, {"start_iteration": -3, "num_iteration": -1},
    {"importance_type": "gain"}, {"importance_type": "gain", "start_iteration": 1, "num_iteration": 1},
)  # fmt: skip


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


def as_text(dumped: dict[str, Any]) -> str:
    """Spell a dumped model so that the order of keys and the types of numbers show."""
    return json.dumps(dumped)


def assert_same_face(text: str) -> None:
    """Compare all that both tell."""
    booster = load_lightgbm(text)
    model = fasttrees.loads(text)
    for part in PARTS:
        assert model.model_to_string(**part) == booster.model_to_string(**part), part
        try:
            expected = as_text(booster.dump_model(**part))
        except json.JSONDecodeError:  # LightGBM wrote infinity or NaN, which JSON has not
            assert re.search("Infinity|NaN", as_text(model.dump_model(**part)))
            return
        assert as_text(model.dump_model(**part)) == expected, part
    for importance_type in ("split", "gain"):
        for iteration in (None, -1, 0, 1, 2, 99):
            arguments: dict[str, Any] = {"importance_type": importance_type, "iteration": iteration}
            assert_same_bits(model.feature_importance(**arguments), booster.feature_importance(**arguments))
    try:
        frame = booster.trees_to_dataframe()
    except KeyError:  # LightGBM does not expect linear trees of one leaf
        assert "num_leaves=1\n" in text
        assert len(model.trees_to_dataframe())
    else:
        pd.testing.assert_frame_equal(model.trees_to_dataframe(), frame, check_exact=True)
    assert model.lower_bound() == booster.lower_bound()
    assert model.upper_bound() == booster.upper_bound()
    for tree in range(model.num_trees()):
        n_leaves = model.dump_model()["tree_info"][tree]["num_leaves"] if tree < 3 else 1
        for leaf in range(n_leaves):
            assert model.get_leaf_output(tree, leaf) == booster.get_leaf_output(tree, leaf)
    for name in ("num_feature", "num_trees", "num_model_per_iteration", "current_iteration", "feature_name"):
        assert getattr(model, name)() == getattr(booster, name)()
    assert model.best_iteration == booster.best_iteration
    assert model.pandas_categorical == booster.pandas_categorical


def test_files(path: Path) -> None:
    assert_same_face(path.read_bytes().decode())


@given(case=cases())
@settings(max_examples=60)
def test_trained_models(case: Case) -> None:
    try:
        text, trained_on = train(case)
    except LightGBMError:
        reject()
    assert_same_face(text)
    rows = prediction_rows(text, trained_on, 100, case.seed)
    if has_ambiguous_threshold(text):
        with pytest.raises(fasttrees.ModelFormatError, match="thresholds below 1e300"):
            fasttrees.loads(json.dumps(fasttrees.loads(text).dump_model()))
    elif not re.search("Infinity|NaN", as_text(fasttrees.loads(text).dump_model())):
        assert_json_gives_the_same(text, rows)


def has_ambiguous_threshold(text: str) -> bool:
    """Whether JSON, where 1e300 stands for all beyond, leaves a threshold open: infinite only if no value was."""
    lines = [line.partition("=") for line in text.splitlines()]
    numbers, features = (
        [cell for key, _, line in lines if key == wanted for cell in line.split()] for wanted in FIELDS
    )
    (infos,) = (line.split() for key, _, line in lines if key == "feature_infos")
    for number, feature in zip(numbers, features, strict=True):
        highest = infos[int(feature)].rpartition(":")[2].rstrip("]")
        if abs(float(number)) >= 1e300 and (float(number) != np.inf or not float(highest) < 1e300):
            return True
    return False


@given(st.integers(0, 1 << 30), st.integers(2, 40), st.sampled_from([1, 3]), st.booleans())
@settings(max_examples=25, deadline=None)
def test_random_trees(seed: int, n_leaves: int, n_classes: int, average: bool) -> None:
    rng = np.random.default_rng(seed)
    trees = [random_tree(rng, n_leaves, 4, n_sets=int(rng.integers(0, 3))) for _ in range(2 * n_classes)]
    objective = f"multiclass num_class:{n_classes}" if n_classes > 1 else "binary sigmoid:2.35592"
    text = model_text(trees, 4, n_classes, objective, average_output=average)
    model, booster = fasttrees.loads(text), load_lightgbm(text)
    assert model.model_to_string() == booster.model_to_string()
    assert as_text(model.dump_model()) == as_text(booster.dump_model())


@pytest.mark.parametrize("number", ["0", "-0", "1e-320", "5e-324", "1e+300", "-1e+300", "1e+308", "inf", "-inf", "nan"])
def test_strange_numbers(number: str) -> None:
    """Whatever stands for a number that JSON can hold, or that LightGBM makes finite for it."""
    more = {key: [float(number)] for key in ("split_gain", "internal_value", "internal_weight")}
    tree = Tree((-1.5, 2.25), (0,), (0.0,), (MISSING_NAN,), (-1,), (-2,), more=more)
    text = model_text([tree], 1, objective="regression").replace("threshold=0", f"threshold={number}")
    text = text.replace("[-1:1]", f"[{number}:{number}]")
    text = "\n".join(line for line in text.split("\n") if not line.startswith("tree_sizes"))
    model, booster = fasttrees.loads(text), load_lightgbm(text)
    parts: tuple[dict[str, Any], ...] = ({}, {"importance_type": "gain"})
    for part in parts:
        if number != "nan" and not (number == "inf" and part):  # LightGBM converts such a gain to any whole number
            assert model.model_to_string(**part) == booster.model_to_string(**part)
    try:
        expected = booster.dump_model()
    except json.JSONDecodeError:
        assert number == "nan"
        return
    assert as_text(model.dump_model()) == as_text(expected)


def test_object_hook_sees_what_json_shows() -> None:
    path = MODELS / "linear.txt"
    seen: list[list[str]] = []
    expected: list[list[str]] = []

    def note(keys: list[list[str]]) -> Any:
        def replace(node: dict[str, Any]) -> Any:
            keys.append(list(node))
            return "leaf" if "leaf_index" in node else node

        return replace

    dumped = fasttrees.load(path).dump_model(object_hook=note(seen))
    assert dumped == lightgbm.Booster(model_file=path).dump_model(object_hook=note(expected))
    assert seen == expected


def test_deep_tree() -> None:
    """LightGBM's Python package cannot read its own JSON of this."""
    depth = 20_000
    model = fasttrees.loads(model_text([chain(depth, np.arange(depth, dtype=float).tolist(), 2)], 2))
    root = model.dump_model()["tree_info"][0]["tree_structure"]
    n_nodes = 0
    while "split_index" in root:
        root = root["right_child"]
        n_nodes += 1
    assert n_nodes == depth
    assert len(model.trees_to_dataframe()) == 2 * depth + 1


@pytest.mark.parametrize("arguments", [{}, {"bins": 3}, {"bins": "auto"}, {"bins": 2, "xgboost_style": True},
                                       {"xgboost_style": True}])  # fmt: skip
def test_split_value_histogram(arguments: dict[str, Any]) -> None:
    path = MODELS / "categorical.txt"
    model, booster = fasttrees.load(path), lightgbm.Booster(model_file=path)
    for feature in (0, "Column_1", 99, "none of them"):
        actual = model.get_split_value_histogram(feature, **arguments)
        expected = booster.get_split_value_histogram(feature, **arguments)
        if isinstance(expected, tuple):
            for left, right in zip(actual, expected, strict=True):
                assert_same_bits(left, right)
        else:
            pd.testing.assert_frame_equal(actual, expected, check_exact=True)
    for side in (model, booster):
        with pytest.raises((fasttrees.InputError, LightGBMError), match="categorical feature"):
            side.get_split_value_histogram(3)


@pytest.mark.parametrize("part", [(0, None), (1, 2), (2, None), (0, 3), (-1, 0), (99, 1)])
def test_cut(path: Path, part: tuple[int, int | None]) -> None:
    """A cut model predicts what the whole model does with the same range; LightGBM reads it too."""
    model = fasttrees.load(path)
    first, count = part
    if first == 99 or not model.num_trees():  # no iteration is left, which averages to NaN
        assert model.cut(*part).num_trees() == 0
        return
    rows = prediction_rows(path.read_text(), np.zeros((1, model.num_feature())), 50, 1)
    cut = model.cut(*part)
    booster = load_lightgbm(cut.model_to_string())
    for output in OUTPUTS:
        expected = model.predict(rows, first, count, **output)
        assert_same_bits(cut.predict(rows, **output), expected)
        assert_same_bits(lightgbm_predict(booster, rows, **output), expected)


# -- reading JSON -----------------------------------------------------------------------------------------------------


def assert_json_gives_the_same(text: str, rows: Matrix) -> None:
    model, booster = fasttrees.loads(text), load_lightgbm(text)
    dumped = booster.dump_model()
    again = fasttrees.loads(json.dumps(dumped))
    for output in OUTPUTS:
        assert_same_bits(again.predict(rows, **output), lightgbm_predict(booster, rows, **output))
    redumped = again.dump_model()
    # Least and greatest values pass LightGBM's reader of numbers each time, which may change their last digit.
    assert redumped.pop("feature_infos").keys() == dumped.pop("feature_infos").keys()
    assert as_text(redumped) == as_text(dumped)
    assert again.feature_name() == model.feature_name()
    assert again.objective == model.objective


def test_json_of_files(path: Path, tmp_path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if path.stem == "v3-by-hand":
        with pytest.raises(fasttrees.ModelFormatError, match="thresholds below 1e300"):
            fasttrees.loads(json.dumps(load_lightgbm(text).dump_model()))
        return
    model = fasttrees.load(path)
    assert_json_gives_the_same(text, prediction_rows(text, np.zeros((1, model.num_feature())), 60, 2))
    file = tmp_path / "model.json"
    file.write_text(json.dumps(model.dump_model(), indent=1))
    assert as_text(fasttrees.load(file).dump_model()) == as_text(model.dump_model())


def test_json_keeps_the_split_between_missing_and_all_other_values() -> None:
    """Training writes an infinite threshold there; JSON has 1e300 in its place."""
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(300, 2))
    rows[:150, 0] = np.nan
    params = {"objective": "regression", "verbosity": -1, "num_threads": 1, "num_leaves": 4}
    booster = lightgbm.train(params, lightgbm.Dataset(rows, np.isnan(rows[:, 0]) + 0.0), 3)
    text = booster.model_to_string()
    assert "threshold=inf" in text
    strange = np.array([[np.inf, 0], [1e300, 0], [1.1e300, 0], [np.nextafter(1e300, 0), 0], [np.nan, 0], [-np.inf, 0]])
    assert_json_gives_the_same(text, np.concatenate([strange, rows]))


def dumped_model() -> dict[str, Any]:
    trees = [
        one_split(0.5, MISSING_NAN | DEFAULT_LEFT),
        one_split(0, CATEGORICAL, categories=[0, 3, 70]),
        Tree((0.5,)),
        one_split(1.0, MISSING_ZERO, 1),
    ]
    return fasttrees.loads(model_text(trees, 2, objective="regression")).dump_model()


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """List where each value of a dumped model stands."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [*([path] if path else []), *(place for key, item in items for place in places(item, (*path, key)))]


@pytest.mark.parametrize(
    "wrong", [None, -1, 1 << 40, 2.5, 1e300, float("nan"), True, "x", "1||-2", "a b\nc", [], {}, [None]]
)
def test_json_with_one_wrong_value(wrong: Any) -> None:
    """Each value replaced or left out: an error that says what is wrong, or a model that LightGBM reads as we do."""
    for place in places(dumped_model()):
        for is_left_out in (False, True):
            dumped = dumped_model()
            holder = dumped
            for key in place[:-1]:
                holder = holder[key]
            if is_left_out:
                del holder[place[-1]]
            else:
                holder[place[-1]] = wrong
            try:
                model = fasttrees.loads(json.dumps(dumped))
            except fasttrees.ModelFormatError:
                continue
            text = model.model_to_string()
            assert load_lightgbm(text).model_to_string() == text, place


@pytest.mark.parametrize(
    "text",
    ["{", "{}", '{"tree_info": 1}', "{" * 100_000, '{"a":' * 100_000, '{"name": "tree", "num_class": 1e999}', "{\xff}"],
)
def test_json_that_is_no_model(text: str) -> None:
    with pytest.raises(fasttrees.ModelFormatError):
        fasttrees.loads(text)
    with pytest.raises(fasttrees.ModelFormatError):
        fasttrees.loads(b" \n" + text.encode("latin-1"))


# -- made from boosters -----------------------------------------------------------------------------------------------


def trained(keep: bool = False, rounds: int = 12) -> tuple[lightgbm.Booster, pd.DataFrame]:
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(rng.normal(size=(400, 3)), columns=["a", "b b", "c"])
    frame["kind"] = pd.Categorical(rng.choice(["x", "y", "z"], 400))
    label = (frame["a"] + rng.normal(size=400) > 0).astype(int)
    params = {"objective": "binary", "verbosity": -1, "num_threads": 1, "num_leaves": 5, "learning_rate": 0.5}
    train_set = lightgbm.Dataset(frame[:300], label[:300])
    booster = lightgbm.train(
        params, train_set, rounds, valid_sets=[train_set.create_valid(frame[300:], label[300:])],
        callbacks=[lightgbm.early_stopping(1, verbose=False)], keep_training_booster=keep,
    )  # fmt: skip
    return booster, frame


@pytest.mark.parametrize("keep", [False, True])
def test_from_booster(keep: bool) -> None:
    booster, frame = trained(keep)
    rows = frame[["a", "b b", "c"]].assign(kind=frame["kind"].cat.codes).to_numpy(float)
    assert 0 < booster.best_iteration < 12
    model = fasttrees.Model.from_booster(booster)
    assert model.current_iteration() == booster.best_iteration
    assert model.pandas_categorical == [["x", "y", "z"]]
    assert_same_bits(model.predict(rows), np.asarray(booster.predict(frame)))
    assert model.model_to_string() == load_lightgbm(booster.model_to_string()).model_to_string()
    whole = fasttrees.Model.from_booster(booster, num_iteration=-1)
    assert whole.num_trees() == booster.num_trees()
    assert fasttrees.Model.from_booster(booster, 1, 1).num_trees() == 1


def test_from_estimator() -> None:
    rng = np.random.default_rng(5)
    rows = rng.normal(size=(200, 3))
    estimator = lightgbm.LGBMRegressor(n_estimators=4, verbosity=-1, n_jobs=1).fit(rows, rows[:, 0])
    assert_same_bits(fasttrees.Model.from_booster(estimator).predict(rows), np.asarray(estimator.predict(rows)))
    with pytest.raises(fasttrees.InputTypeError, match=r"expected a lightgbm.Booster, got list"):
        fasttrees.Model.from_booster([])


def test_constructor(path: Path, tmp_path: Path) -> None:
    text = path.read_bytes().decode()
    by_file, by_text = fasttrees.Model(model_file=path), fasttrees.Model(model_str=text)
    assert by_file.model_to_string() == by_text.model_to_string()
    file = tmp_path / "saved.txt"
    assert by_file.save_model(file) is by_file
    lightgbm.Booster(model_file=path).save_model(tmp_path / "expected.txt")
    assert file.read_bytes() == (tmp_path / "expected.txt").read_bytes()


@pytest.mark.parametrize("arguments", [{}, {"model_file": "model.txt", "model_str": "tree"}])
def test_constructor_needs_one_of_both(arguments: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="either model_file or model_str"):
        fasttrees.Model(**arguments)


def test_errors_are_of_the_kinds_of_lightgbm() -> None:
    path = MODELS / "multiclass.txt"
    model, booster = fasttrees.load(path), lightgbm.Booster(model_file=path)
    for arguments in ({"num_iteration": "1"}, {"num_iteration": 1.5}, {"start_iteration": None}):
        for side in (model, booster):
            for name in ("model_to_string", "dump_model"):
                with pytest.raises(TypeError):
                    getattr(side, name)(**arguments)
    for place in ((-1, 0), (12, 0), (0, -1), (0, 6)):
        with pytest.raises(LightGBMError):
            booster.get_leaf_output(*place)
        with pytest.raises(fasttrees.InputError, match=r"expected a (tree|leaf) from 0 to"):
            model.get_leaf_output(*place)
    for name in ("model_to_string", "dump_model", "feature_importance"):
        with pytest.raises(KeyError):
            getattr(booster, name)(importance_type="weight")
        with pytest.raises(fasttrees.InputError, match="importance_type"):
            getattr(model, name)(importance_type="weight")
    nothing = model.cut(99)
    with pytest.raises(LightGBMError, match="no trees"):
        load_lightgbm(nothing.model_to_string()).trees_to_dataframe()
    with pytest.raises(fasttrees.FastTreesError, match="no trees"):
        nothing.trees_to_dataframe()


def test_errors_of_json_have_no_lines() -> None:
    """The lines of the text that stands between JSON and a model are not the user's."""
    dumped = dumped_model()
    dumped["objective"] = "unheard of"
    with pytest.raises(fasttrees.ModelFormatError) as raised:
        fasttrees.loads(json.dumps(dumped))
    assert raised.value.line is None
    assert "unheard" in str(raised.value)
