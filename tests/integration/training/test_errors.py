"""Rejected jobs: a line on standard error, the same in ``output/failure``, status 1."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fasttrees.training import run_training
from tests.support.training_jobs import BINARY, SCHEMA, make_job, make_rows, write_csv, write_json


def failure(root: Path, capfd: pytest.CaptureFixture[str]) -> str:
    """Run a job that must fail, and return the reason."""
    assert run_training(root) == 1
    captured = capfd.readouterr()
    assert "Traceback" not in captured.out
    reason = (root / "output/failure").read_text()
    lines = captured.err.splitlines()
    assert lines[-1] == f"fasttrees.training: error: {reason}"
    others = [line for line in lines[:-1] if line]
    assert not others or (len(others) == 1 and others[0].startswith("[LightGBM] [Fatal]"))  # the C library's own
    assert not (root / "model/model.txt").exists()
    return reason


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            {"num_leavs": "7"},
            "hyperparameter num_leavs: expected a parameter of LightGBM such as num_leaves, got 'num_le",
        ),
        ({"max_leaves": "7"}, "hyperparameter num_leaves: expected num_leaves once, got it as max_leaves, too"),
        ({"learning_rate": ""}, "hyperparameter learning_rate: expected a value, got ''"),
        ({"num_leaves": "many"}, "hyperparameter num_leaves: expected a whole number, got 'many'"),
        ({"num_leaves": "1"}, "hyperparameter num_leaves: expected > 1, got '1'"),
        ({"subsample": "1.5"}, "hyperparameter subsample: expected <= 1.0, got '1.5'"),
        (
            {"eta": "fast"},
            "hyperparameter eta: expected what LightGBM takes (Unknown token fast in data file), got 'fa",
        ),
        (
            {"boosting": "zz"},
            "hyperparameter boosting: expected what LightGBM takes (Unknown boosting type zz), got 'zz'",
        ),
        (
            {"objective": "foo"},
            "hyperparameter objective: expected what LightGBM takes (Unknown objective type name: fo",
        ),
        (
            {"objective": "multiclass"},
            "hyperparameter objective: expected what LightGBM takes (Number of classes should",
        ),
        (
            {"objective": "lambdarank"},
            "hyperparameter objective: expected what LightGBM takes (Ranking tasks require query information",
        ),
        ({"objective": "custom"}, "hyperparameter objective: expected one, got 'custom'"),
        ({"metric": "auc,oac"}, "hyperparameter metric: expected metrics of LightGBM, got 'oac'"),
        ({"deterministic": "yes"}, """hyperparameter deterministic: expected "true"/"+" or "false"/"-", got 'yes'"""),
        (
            {"label": "3"},
            "hyperparameter label: expected none, because the target is the first column, all others are fea",
        ),
        ({"num_machine": "2"}, "hyperparameter num_machine: expected none, because one instance trains, got '2'"),
        ({"task": "predict"}, "hyperparameter task: expected train, got 'predict'"),
        ({"fs": "/no/such.json"}, "hyperparameter fs: expected a file of JSON, got '/no/such.json'"),
        (
            {"boosting": "dart"},
            "hyperparameter early_stopping_round: expected 0, because dart changes earlier trees, got '5'",
        ),
        ({"num_iterations": "0"}, "hyperparameter num_iterations: expected at least 1, got '0'"),
        ({"num_iterations": "-1"}, "hyperparameter num_iterations: expected >= 0, got '-1'"),
        ({"force_row_wise": "true", "force_col_wise": "true"}, "LightGBM: Cannot set both of `force_col_wise` and"),
        (
            {"categorical_feature": "6"},
            "hyperparameter categorical_feature: expected numbers of features, from 0, got '6'",
        ),
        ({"cat_feature": "name:hue"}, "hyperparameter categorical_feature: expected names of features, got 'hue'"),
        ({"mc": "1,2"}, "hyperparameter mc: expected 6 numbers, one for each feature, got '1,2'"),
        ({"mc": "1,0,0,1,0,0"}, "hyperparameter mc: expected 0 for the categorical features 3, got '1,0,0,1,0,0'"),
        ({"mc": "2,0,0,0,0,0"}, "hyperparameter mc: expected -1, 0 or 1 for each feature, got '2,0,0,0,0,0'"),
        ({"fc": "a"}, "hyperparameter fc: expected numbers with commas between them, got 'a'"),
        ({"interaction_constraints": "[0,6]"}, "hyperparameter interaction_constraints: expected groups of numbers be"),
        ({"nthread": "100000"}, "hyperparameter nthread: expected at most 1024, got '100000'"),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_hyperparameters(
    change: dict[str, str], reason: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert failure(make_job(tmp_path, BINARY | change), capfd).startswith(reason)


def test_value_that_is_no_string(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    reason = failure(make_job(tmp_path, BINARY | {"num_leaves": 7}), capfd)
    assert reason.endswith("hyperparameters.json: num_leaves: expected a string, as SageMaker writes all values, got 7")


def test_early_stopping_without_validation(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    reason = failure(make_job(tmp_path, channels=["train"]), capfd)
    assert reason == "hyperparameter early_stopping_round: expected 0 without the channel validation, got '5'"


def test_classes_of_the_schema(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    schema = SCHEMA | {"classes": ["a", "b", "c"]}
    job = make_job(tmp_path, {"objective": "multiclass", "num_class": "4"}, schema=schema, n_classes=3)
    assert failure(job, capfd).startswith("hyperparameter num_class: expected 3, the classes of schema.json, got '4'")


CONFIGURATIONS: list[tuple[str, Any, str]] = [
    (
        "config/resourceconfig.json",
        {"hosts": ["a", "b"]},
        "hosts: expected one, got 2: set the job's InstanceCount to 1",
    ),
    ("config/hyperparameters.json", ["a"], 'hyperparameters.json: expected a JSON object, got ["a"]'),
    (
        "config/inputdataconfig.json",
        {"validation": {}},
        "channels: expected one named train, or training; got validati",
    ),
    ("config/inputdataconfig.json", {"train": {}, "test": {}}, "channel test: no folder "),
    (
        "config/inputdataconfig.json",
        {"train": {"TrainingInputMode": "Pipe"}},
        "channel train: TrainingInputMode: expected File or FastFile, got 'Pipe'",
    ),
    (
        "config/inputdataconfig.json",
        {"train": {"ContentType": "text/libsvm"}},
        "channel train: ContentType: expected text/csv, got 'text/libsvm'",
    ),
    (
        "config/inputdataconfig.json",
        {"train": {"RecordWrapperType": "RecordIO"}},
        "channel train: RecordWrapperType: expected None, got 'RecordIO'",
    ),
    ("data/schema/schema.json", {"feature_names": "depth"}, 'feature_names: expected a list of strings, got "depth"'),
    (
        "data/schema/schema.json",
        SCHEMA | {"categorical": [6]},
        "categorical: expected numbers of features, from 0, got",
    ),
    ("data/schema/schema.json", SCHEMA | {"classes": [1]}, "classes: expected a list of strings, got [1]"),
    ("data/schema/schema.json", {"feature_names": ["a"]}, "expected 2 columns, the target and 1 features, got 7"),
    ("data/schema/schema.json", SCHEMA | {"feature_names": ["a"] * 6}, "LightGBM: Feature (a) appears more than one"),
]


@pytest.mark.parametrize(("name", "value", "reason"), CONFIGURATIONS)
def test_configuration(name: str, value: Any, reason: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    job = make_job(tmp_path)
    write_json(job / "input" / name, value)
    assert reason in failure(job, capfd)


def test_configuration_that_is_no_json(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    job = make_job(tmp_path)
    (job / "input/config/hyperparameters.json").write_text("{")
    assert "hyperparameters.json: expected a JSON object: " in failure(job, capfd)


def test_train_and_training(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    job = make_job(tmp_path, channels=["train", "training", "validation"])
    assert failure(job, capfd) == "channels: expected one named train, or training; got train and training"


def first_line(text: str) -> Callable[[str], str]:
    return lambda content: text + "\n" + content


FILES: list[tuple[Callable[[str], str], str]] = [
    (first_line("late,a,b,c,d,e,f"), "line 1, column 1: expected a number, got 'late': the files have no header"),
    (first_line("1,2,3,4,5,6"), "expected 7 columns, the target and 6 features, got 6"),
    (lambda content: content + "1,2,3,4,x y,6,7\n", "line 301, column 5: expected a number, got 'x y'"),
    (lambda content: content + "1,2,3\n", "line 301: expected 7 columns, got 3"),
    (lambda content: content + ",2,3,4,5,6,7\n", "row 301: target: expected a number of at most 3.4e+38, got nothing"),
    (
        lambda content: content + "-1e39,2,3,4,5,6,7\n",
        "row 301: target: expected a number of at most 3.4e+38, got -1e+39",
    ),
    (lambda content: content + "inf,2,3,4,5,6,7\n", "row 301: target: expected a number of at most 3.4e+38, got inf"),
    (
        lambda content: content + "1,2,3,4,1.5,6,7\n",
        "row 301, column 5: feature 3 is categorical: expected a whole number",
    ),
    (
        lambda content: content + "2,2,3,4,5,6,7\n",
        "row 301 of all: target: expected 0 or 1 for the objective binary, got",
    ),
    (lambda content: "1\n2\n", "expected the target and features with commas between them, got one column"),
]


@pytest.mark.parametrize(("change", "reason"), FILES)
def test_files(change: Callable[[str], str], reason: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    job = make_job(tmp_path, schema=None if "one column" in reason else SCHEMA)
    path = job / "input/data/train/part-00000.csv"
    path.write_text(change(path.read_text()))
    found = failure(job, capfd)
    assert reason in found
    assert re.match(r".*/input/data/train", found)


def test_no_file_that_is_csv(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    job = make_job(tmp_path)
    for path in (job / "input/data/train").iterdir():
        path.rename(path.with_suffix(".txt"))
    assert failure(job, capfd).endswith("train: expected files named *.csv, got part-00000.txt, part-00001.txt")


def test_category_beyond_the_columns(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    job = make_job(tmp_path, BINARY | {"categorical_feature": "6"}, schema=None)
    assert "part-00000.csv: categorical features: expected numbers below 6, got 6" in failure(job, capfd)


def test_no_rows(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    job = make_job(tmp_path)
    for path in (job / "input/data/validation").iterdir():
        path.write_text("")
    assert failure(job, capfd).endswith("validation: expected rows, got none")


def test_class_that_is_out_of_range(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    job = make_job(tmp_path, {"objective": "multiclass", "num_class": "3"}, n_classes=4)
    assert "target: expected the number of a class, 0 to 2 for the objective multiclass, got 3" in failure(job, capfd)


def test_target_that_lightgbm_refuses(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    job = make_job(tmp_path, {"objective": "poisson"}, n_classes=0)
    assert failure(job, capfd).startswith("LightGBM: [poisson]: at least one target label is negative")


def test_long_reason_is_cut(tmp_path: Path) -> None:
    assert run_training(make_job(tmp_path, BINARY | {"objective": "x" * 3000})) == 1
    assert len((tmp_path / "output/failure").read_text()) == 1024


def test_difference_from_lightgbm_is_a_failure(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import lightgbm

    predict = lightgbm.Booster.predict

    def wrong(self: Any, rows: Any) -> Any:
        answer = np.asarray(predict(self, rows))
        answer[7] = np.nextafter(answer[7], 1)
        return answer

    monkeypatch.setattr(lightgbm.Booster, "predict", wrong)
    assert run_training(make_job(tmp_path)) == 1
    assert list((tmp_path / "model").iterdir()) == []
    assert "error: row 8 of validation: fasttrees predicts " in capfd.readouterr().err


def test_without_lightgbm(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fasttrees.training.boosting", None)
    assert run_training(make_job(tmp_path)) == 1
    captured = capfd.readouterr()
    assert "Traceback" not in captured.out
    assert captured.err.endswith("training needs pip install 'fasttrees-lightgbm[train]'\n")


def test_bug_is_a_line_and_a_traceback_in_the_log(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fasttrees.training.contract.Contract.check_hosts", lambda self: 1 / 0)
    assert run_training(make_job(tmp_path)) == 1
    captured = capfd.readouterr()
    assert captured.err == "fasttrees.training: error: unexpected ZeroDivisionError: division by zero\n"
    assert "Traceback" in captured.out


def test_rows_of_other_width_in_validation(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    job = make_job(tmp_path, schema=None)
    rows, target = make_rows(20, 5)
    write_csv(job / "input/data/validation/part-00001.csv", rows[:, :4], target)
    assert "part-00001.csv: expected 7 columns, the target and 6 features, got 5" in failure(job, capfd)
