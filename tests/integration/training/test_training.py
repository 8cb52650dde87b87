"""Whole jobs, in this process or in a process of their own: inputs, training and outputs."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest

import fasttrees
from fasttrees.training import METRIC_DEFINITIONS, run_training
from tests.support.training_jobs import (
    BINARY,
    CATEGORY,
    N_FEATURES,
    make_job,
    make_rows,
    read_channel,
    write_csv,
    write_json,
)

COMMAND = [sys.executable, "-m", "fasttrees.training", "--root"]


def run(root: Path, capfd: pytest.CaptureFixture[str]) -> list[str]:
    """Run a job that must succeed, and return the lines of its log."""
    status = run_training(root)
    captured = capfd.readouterr()
    assert status == 0, captured.err
    assert not captured.err
    return captured.out.splitlines()


def facts_of(root: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((root / "model/metrics.json").read_text())
    return facts


def find_metrics(lines: list[str]) -> dict[str, list[float]]:
    """Apply the definitions as CloudWatch does."""
    found: dict[str, list[float]] = {}
    for definition in METRIC_DEFINITIONS:
        for line in lines:
            if match := re.search(definition["Regex"], line):
                found.setdefault(definition["Name"], []).append(float(match.group(1)))
    return found


def test_job_writes_model_report_and_metrics(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    job = make_job(tmp_path)
    lines = run(job, capfd)
    assert sorted(path.name for path in (job / "model").iterdir()) == ["metrics.json", "model.txt", "report.html"]
    assert not (job / "output/failure").exists()
    assert "fasttrees predicts all 600 rows of validation as LightGBM does, bit for bit" in lines
    facts = facts_of(job)
    assert facts["rows"] == {"train": 600, "validation": 600}
    assert facts["features"] == N_FEATURES
    assert facts["objective"] == "binary sigmoid:1"
    assert facts["versions"]["lightgbm"] == lightgbm.__version__
    assert facts["metrics"]["validation:auc"] > 0.7
    assert facts["scores"]["validation"]["auc"] == pytest.approx(facts["metrics"]["validation:auc"])
    page = (job / "model/report.html").read_text()
    for text in ("Training of late", "bit for bit", "binary_logloss", "how_far", "ROC curve", "num_leaves"):
        assert text in page


def test_early_stopping_stops_at_the_best_iteration(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    job = make_job(tmp_path)
    found = find_metrics(run(job, capfd))
    facts = facts_of(job)
    best = facts["best_iteration"]
    losses = found["validation:binary_logloss"][:-1]
    assert best == 1 + int(np.argmin(losses))
    assert facts["iterations"] == len(losses) == best + int(BINARY["early_stopping_round"]) < 60
    model = fasttrees.load(job / "model/model.txt")
    assert model.num_trees() == best
    # The last line is that of the model, because the service keeps the last value as the job's.
    assert found["validation:binary_logloss"][-1] == pytest.approx(facts["metrics"]["validation:binary_logloss"])
    rows, target = read_channel(job, "validation")
    score = np.clip(np.asarray(model.predict(rows)), 1e-15, 1 - 1e-15)
    loss = -np.mean(np.where(target == 1, np.log(score), np.log(1 - score)))
    assert facts["metrics"]["validation:binary_logloss"] == pytest.approx(loss)


def test_model_is_what_lightgbm_trains(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Reading in blocks into a mapped file makes no difference."""
    job = make_job(tmp_path, {"objective": "binary", "num_iterations": "10", "num_leaves": "7"}, channels=["train"])
    lines = run(job, capfd)
    assert "fasttrees predicts all 600 rows of train as LightGBM does, bit for bit" in lines
    rows, target = read_channel(job, "train")
    parameters = {
        "objective": "binary",
        "num_leaves": 7,
        "deterministic": True,
        "force_col_wise": True,
        "verbosity": -1,
    }
    data = lightgbm.Dataset(rows, target, categorical_feature=[CATEGORY])
    booster = lightgbm.train(parameters, data, 10)
    expected = np.asarray(booster.predict(rows))
    assert np.array_equal(np.asarray(fasttrees.load(job / "model/model.txt").predict(rows)), expected)


def test_names_and_categories_of_the_schema(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    job = make_job(tmp_path)
    run(job, capfd)
    text = (job / "model/model.txt").read_text()
    assert "feature_names=depth how_far x colour y z\n" in text
    infos = re.search(r"^feature_infos=(.*)$", text, re.MULTILINE)
    assert infos is not None
    assert [not info.startswith("[") for info in infos.group(1).split()] == [
        index == CATEGORY for index in range(N_FEATURES)
    ]
    assert f"[categorical_feature: {CATEGORY}]" in text
    assert re.search(r"^num_cat=[1-9]", text, re.MULTILINE)


@pytest.mark.parametrize("value", ["4,3", "name:y, colour"])
def test_categories_of_the_hyperparameter_come_first(
    value: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    job = make_job(tmp_path, BINARY | {"cat_feature": value})
    for channel in ("train", "validation"):
        rows, target = make_rows(600, 3)
        rows[:, 4] = rows[:, CATEGORY]
        for path in (job / "input/data" / channel).iterdir():
            path.unlink()
        write_csv(job / "input/data" / channel / "more" / "a.csv", rows, target)
    run(job, capfd)
    assert re.search(r"^\[categorical_feature: (4,3|3,4)\]$", (job / "model/model.txt").read_text(), re.MULTILINE)


def test_without_schema_and_configuration(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    job = make_job(tmp_path, {}, schema=None, channels=["training"], n_classes=0)
    for path in (job / "input/config").iterdir():
        path.unlink()
    run(job, capfd)
    text = (job / "model/model.txt").read_text()
    assert "feature_names=Column_0 Column_1 Column_2 Column_3 Column_4 Column_5\n" in text
    assert "num_cat=1" not in text
    facts = facts_of(job)
    assert facts["objective"] == "regression"
    assert facts["best_iteration"] == facts["iterations"] == 100
    assert list(facts["metrics"]) == ["train:l2"]


def test_two_runs_same_bytes(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    parameters = BINARY | {"bagging_fraction": "0.7", "bagging_freq": "1", "feature_fraction": "0.5", "seed": "7"}
    models = []
    for name in ("a", "b"):
        job = make_job(tmp_path / name, parameters)
        run(job, capfd)
        models.append((job / "model/model.txt").read_bytes())
    assert models[0] == models[1]
    other = make_job(tmp_path / "c", parameters | {"seed": "8"})
    run(other, capfd)
    assert (other / "model/model.txt").read_bytes() != models[0]


@pytest.mark.parametrize(
    ("objective", "n_classes", "metrics"),
    [
        ("multiclass", 3, ["multi_logloss"]),
        ("multiclassova", 3, ["multi_logloss"]),
        ("regression_l1", 0, ["l1"]),
        ("quantile", 0, ["quantile"]),
        ("huber", 0, ["huber"]),
        ("cross_entropy", 2, ["cross_entropy"]),
        ("poisson", 3, ["poisson"]),
        ("tweedie", 3, ["tweedie"]),
    ],
)
def test_objectives(
    objective: str, n_classes: int, metrics: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    parameters = {"application": objective, "n_estimators": "5", "early_stopping": "3", "num_leaves": "5"}
    if n_classes and objective.startswith("multi"):
        parameters["num_class"] = str(n_classes)
    job = make_job(tmp_path, parameters, n_classes=n_classes)
    found = find_metrics(run(job, capfd))
    assert list(found) == [f"{data}:{metric}" for data in ("train", "validation") for metric in metrics]
    scores = facts_of(job)["scores"]["validation"]
    assert scores
    assert ("pinball_loss" in scores) == (objective == "quantile")
    assert ("tweedie_deviance" in scores) == (objective == "tweedie")


def test_classes_of_the_schema_are_the_number_of_classes(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    schema = {"classes": ["low", "<mid>", "high"], "target": "level"}
    job = make_job(tmp_path, {"objective": "multiclass", "num_iterations": "3"}, n_classes=3, schema=schema)
    run(job, capfd)
    assert fasttrees.load(job / "model/model.txt").num_class == 3
    page = (job / "model/report.html").read_text()
    assert "<mid>" not in page
    assert "&lt;mid&gt;" in page


def test_metrics_that_are_asked_for(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    options = {"metric": "average_precision,binary_error", "metric_freq": "4", "is_provide_training_metric": "false"}
    job = make_job(tmp_path, {"objective": "binary", "num_iterations": "10", **options})
    lines = run(job, capfd)
    assert [line.split()[0] for line in lines if line.startswith("[")] == ["[4]", "[8]", "[10]", "[10]"]
    assert list(find_metrics(lines)) == ["validation:average_precision", "validation:binary_error"]


def test_no_metric(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    job = make_job(tmp_path, {"objective": "binary", "num_iterations": "3", "metric": "None"})
    assert not [line for line in run(job, capfd) if line.startswith("[")]
    assert facts_of(job)["metrics"] == {}


def test_metric_definitions_are_what_the_service_takes() -> None:
    from botocore.loaders import Loader

    shapes = Loader().load_service_model("sagemaker", "service-2")["shapes"]
    assert len(METRIC_DEFINITIONS) <= shapes["MetricDefinitionList"]["max"]
    for definition in METRIC_DEFINITIONS:
        assert set(definition) == {"Name", "Regex"}
        assert len(definition["Regex"]) <= shapes["MetricRegex"]["max"]
        assert re.compile(definition["Regex"]).groups == 1


def test_exact_doubles(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A split between two neighbouring doubles is at the correctly rounded number."""
    from fasttrees.training.table import read_table

    text = "0.1,123456789.12345678,4.35,2.2250738585072011e-308\n1,1e23,,-0\n"
    write_json(tmp_path / "x", 0)
    (tmp_path / "a.csv").write_text(text)
    table = read_table(tmp_path, None, [], lambda: False)
    assert table.target.tolist() == [0.1, 1.0]
    assert table.rows[0].tolist() == [123456789.12345678, 4.35, 2.2250738585072011e-308]
    assert table.rows[1, 0] == 1e23
    assert np.isnan(table.rows[1, 1])


def start(job: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([*COMMAND, str(job), "train"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_sigterm_keeps_the_model_so_far(tmp_path: Path) -> None:
    job = make_job(tmp_path, {"objective": "binary", "num_iterations": "1000000"})
    with start(job) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("[3] "):
                process.send_signal(signal.SIGTERM)
                break
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    facts = facts_of(job)
    assert facts["stopped"]
    assert facts["best_iteration"] == facts["iterations"] >= 3
    assert f"stopped by SIGTERM after {facts['iterations']} iterations" in output
    assert fasttrees.load(job / "model/model.txt").num_trees() == facts["iterations"]
    assert "stopped by SIGTERM" in (job / "model/report.html").read_text()


def test_stop_keeps_the_best_iteration_where_that_is_looked_for(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    job = make_job(tmp_path, BINARY | {"early_stopping_round": "1000", "num_iterations": "1000", "eta": "0.5"})
    calls = iter(range(100_000))
    assert run_training(job, lambda: next(calls) > 30) == 0
    losses = find_metrics(capfd.readouterr().out.splitlines())["validation:binary_logloss"][:-1]
    facts = facts_of(job)
    assert facts["iterations"] == len(losses) < 40
    assert facts["best_iteration"] == 1 + int(np.argmin(losses)) < len(losses)


def test_stop_before_the_first_iteration(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    job = make_job(tmp_path)
    assert run_training(job, lambda: True) == 1
    assert (job / "output/failure").read_text() == "stopped before the first iteration: there is no model"
    assert not (job / "model").exists()


def test_interrupt_is_a_line(tmp_path: Path) -> None:
    job = make_job(tmp_path, {"objective": "binary", "num_iterations": "1000000"})
    with start(job) as process:
        assert process.stdout is not None
        while not process.stdout.readline().startswith("[3] "):
            pass
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, "fasttrees.training: interrupted\n")
    assert not (job / "model").exists()


@pytest.mark.parametrize("objective", ["binary", "regression", "multiclass"])
def test_nothing_to_learn(objective: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A target of one value, and too few rows for a split."""
    parameters = {"objective": objective, "num_iterations": "3"}
    job = make_job(tmp_path, parameters | ({"num_class": "2"} if objective == "multiclass" else {}))
    rows, _ = make_rows(12, 1)
    for channel in ("train", "validation"):
        for path in (job / "input/data" / channel).iterdir():
            path.unlink()
        write_csv(job / "input/data" / channel / "a.csv", rows, np.ones(len(rows)))
    lines = run(job, capfd)
    assert [line for line in lines if line.startswith("LightGBM: ")]
    assert (job / "model/report.html").exists()
    assert len(np.asarray(fasttrees.load(job / "model/model.txt").predict(rows))) == 12


def test_channel_that_is_not_used(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    lines = run(make_job(tmp_path, channels=["train", "validation", "test"]), capfd)
    assert "channel test: not used; expected names are train, training, validation, schema" in lines


def test_truth_values_of_python(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    job = make_job(tmp_path, BINARY | {"deterministic": "True", "is_provide_training_metric": "False"})
    assert {name.split(":")[0] for name in find_metrics(run(job, capfd))} == {"validation"}


def test_serve_says_which_image_serves(tmp_path: Path) -> None:
    run = subprocess.run([*COMMAND, str(tmp_path), "serve"], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr == "fasttrees.training: error: this image trains; the image fasttrees-serve serves\n"


def test_threads_are_those_that_the_process_may_use(tmp_path: Path) -> None:
    job = make_job(tmp_path, BINARY | {"num_iterations": "2"})
    first = min(os.sched_getaffinity(0))
    command = ["taskset", "-c", str(first), *COMMAND, str(job), "train"]
    subprocess.run(command, check=True, capture_output=True)
    assert "[num_threads: 1]" in (job / "model/model.txt").read_text()
