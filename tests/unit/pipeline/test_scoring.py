"""Answers are joined with the rows that they are of, or not at all."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score

from fasttrees.pipeline import PipelineError
from fasttrees.pipeline.scoring import score_transform

RANDOM = np.random.default_rng(20)
N = 500
SCORES = RANDOM.random(N)
BINARY = (RANDOM.random(N) < SCORES).astype(int)


def write(folder: Path, targets: list[str], answers: list[str], parts: int = 2) -> tuple[list[Path], list[Path]]:
    """Write rows and answers (lines) as files of about equal size."""
    folder.mkdir(exist_ok=True)
    files: tuple[list[Path], list[Path]] = ([], [])
    for i in range(parts):
        cut = slice(i * len(targets) // parts, (i + 1) * len(targets) // parts)
        labelled, answer = folder / f"part-{i:05}.csv", folder / f"part-{i:05}.csv.out"
        labelled.write_text("".join(f"{target},1,,x\n" for target in targets[cut]))
        answer.write_text("".join(f"{text}\n" for text in answers[cut]))
        files[0].append(labelled)
        files[1].append(answer)
    return files


def score(
    folder: Path, targets: list[str], answers: list[str], objective: str, class_names: tuple[str, ...] = ()
) -> tuple[dict[str, float], str, list[list[str]]]:
    metrics, report, joined = score_transform(
        *write(folder, targets, answers), objective, class_names, {"job": "j-<1>"}, folder / "scored"
    )
    with joined.open(newline="") as file:
        return metrics, report.read_text(), list(csv.reader(file))


def as_json(values: object) -> str:
    return json.dumps({"score": values, "predicted_label": 1})


@pytest.mark.parametrize("form", [repr, as_json], ids=["csv", "json"])
def test_binary(tmp_path: Path, form: Callable[[float], str]) -> None:
    targets = list(map(str, BINARY))
    metrics, report, joined = score(
        tmp_path, targets, [form(float(x)) for x in SCORES], "binary sigmoid:1", ("no", "yes")
    )
    assert metrics["auc"] == pytest.approx(roc_auc_score(BINARY, SCORES), rel=1e-12)
    assert metrics["log_loss"] == pytest.approx(log_loss(BINARY, SCORES), rel=1e-12)
    assert joined[0] == ["target", "prediction"]
    assert joined[1:] == [[str(t), repr(float(x))] for t, x in zip(BINARY, SCORES, strict=True)]  # the very digits
    for text in ("j-&lt;1&gt;", "binary sigmoid:1", "AUC", "Calibration", "500", "true class yes"):
        assert text in report


def test_all_predictions_of_a_request_in_one_line(tmp_path: Path) -> None:
    answers = [json.dumps({"predictions": [{"score": x} for x in half]}) for half in np.split(SCORES, 2)]
    labelled, out = write(tmp_path, list(map(str, BINARY)), ["x"] * N)
    for path, line in zip(out, answers, strict=True):
        path.write_text(f"{line}\n\n")  # and a blank line, as AssembleWith = Line may add
    metrics, _, _ = score_transform(labelled, out, "binary_classifier", (), {}, tmp_path / "scored")
    assert metrics["auc"] == pytest.approx(roc_auc_score(BINARY, SCORES), rel=1e-12)


def test_classes_by_a_threshold(tmp_path: Path) -> None:
    labels = (SCORES > 0.35).astype(int)
    metrics, report, _ = score(tmp_path, list(map(str, BINARY)), list(map(str, labels)), "binary", ("no", "yes"))
    assert sorted(metrics) == ["accuracy", "f1", "precision", "recall"]
    assert metrics["accuracy"] == accuracy_score(BINARY, labels)
    assert "Which classes" in report
    assert "log loss" not in report
    assert ">yes<" in report.replace("\n", "")


@pytest.mark.parametrize("form", ["csv", "json", "list"])
def test_multiclass(tmp_path: Path, form: str) -> None:
    scores = RANDOM.dirichlet([1, 1, 1], N)
    truth = RANDOM.integers(0, 3, N)
    rows = [list(map(float, row)) for row in scores]
    answers = {
        "csv": [",".join(map(repr, row)) for row in rows],
        "json": [as_json(row) for row in rows],
        "list": [json.dumps(row) for row in rows],
    }[form]
    metrics, report, joined = score(tmp_path, list(map(str, truth)), answers, "multiclass num_class:3", ("red", "<b>"))
    assert metrics["log_loss"] == pytest.approx(log_loss(truth, scores), rel=1e-12)
    assert metrics["accuracy"] == accuracy_score(truth, scores.argmax(axis=1))
    assert joined[0] == ["target", "prediction_0", "prediction_1", "prediction_2"]
    assert joined[-1] == [str(truth[-1]), *map(repr, rows[-1])]
    assert "&lt;b&gt;" in report


def test_numbers(tmp_path: Path) -> None:
    metrics, report, _ = score(tmp_path, ["1.5", "-2", "4"], ["1", "-2", "2e0"], "regression")
    assert metrics["mae"] == pytest.approx(2.5 / 3)
    assert metrics["rmse"] == pytest.approx(math.sqrt(4.25 / 3))
    assert "Residuals" in report


def test_an_unknown_objective_loses_nothing(tmp_path: Path) -> None:
    metrics, report, joined = score(tmp_path, ["1", "2"], ["3", "4"], "custom")
    assert metrics == {}
    assert "the objective &#39;custom&#39; is not known" in report
    assert joined == [["target", "prediction"], ["1", "3"], ["2", "4"]]


def test_one_class_only_is_said(tmp_path: Path) -> None:
    metrics, report, _ = score(tmp_path, ["1", "1"], ["0.5", "0.25"], "binary")
    assert "auc" not in metrics
    assert "AUC is left out" in report


def test_scored_again_the_same_bytes(tmp_path: Path) -> None:
    pages = {score(tmp_path, ["1", "0"], ["0.5", "0.25"], "binary")[1] for _ in range(2)}
    assert len(pages) == 1


@pytest.mark.parametrize(
    ("targets", "answers", "message"),
    [
        (["1", "0"], ["0.5", "x", "0.5"], None),
        (
            ["1"],
            ["ERROR"],
            r"part-00000\.csv\.out, row 1: expected a finite number, got 'ERROR'; .*BAD_ROW_PLACEHOLDER",
        ),
        (["1"], ["nan"], r"row 1: expected a finite number, got 'nan'"),
        (["1"], ["1_0"], r"row 1: expected a finite number, got '1_0'"),
        (["1"], ['1,"[0.4, 0.6]"'], r"row 1: expected a finite number, got '\"\[0\.4'"),
        (["1"], ['{"label": 1}'], r"row 1: expected \{\"score\": a number or a list\}, got '\{\"label\": 1\}'"),
        (["1"], ['{"score": NaN}'], r"row 1: expected a finite number, got 'NaN'"),
        (["1"], ['{"score": null}'], r'row 1: expected \{"score"'),
        (["1"], ['{"score": 0.5'], r"row 1: expected JSON, got"),
        ([""], ["0.5"], r"part-00000\.csv, row 1: expected a finite number, got ''; prepare the data again"),
        (["1", "0"], ["0.5", "0.5,0.5"], r"row 2: expected as many numbers as before, 1, got 2"),
        (["1", "2"], ["0.5", "0.5"], r"joined\.csv: truth, row 2: expected 0 or 1, got 2\.0; .*after the header"),
        (["1", "0"], ["0.5", "1.5"], r"joined\.csv: prediction, row 2: expected probabilities from 0 to 1, got 1\.5"),
        ([], [], "expected rows to score, got none"),
    ],
)
def test_what_cannot_be_scored(tmp_path: Path, targets: list[str], answers: list[str], message: str | None) -> None:
    labelled, out = write(tmp_path, targets, answers, parts=1)
    if message is None:
        out[0].write_text("0.5\n0.5\n0.5\n")
        message = r"part-00000\.csv\.out: expected 2 rows, as in .*part-00000\.csv, got 3; .*run the transform again"
    with pytest.raises(PipelineError, match=message) as caught:
        score_transform(labelled, out, "binary", (), {}, tmp_path / "scored")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "scored" / "report.html").exists()
    assert not list(tmp_path.rglob("*.part"))


def test_too_few_answers(tmp_path: Path) -> None:
    labelled, out = write(tmp_path, ["1", "0", "1", "1"], ["0.5"] * 4)
    out[1].write_text("0.5\n")
    with pytest.raises(PipelineError, match=r"part-00001\.csv\.out: expected 2 rows, .*, got 1"):
        score_transform(labelled, out, "binary", (), {}, tmp_path / "scored")
    for files, message in (
        (out[:1], "expected 2 files, .* got 1 without part-00001.csv.out"),
        (out[::-1], "got 2 in another order"),
        ([out[0], labelled[0]], "got 2 without part-00001.csv.out and with part-00000.csv"),
    ):
        with pytest.raises(PipelineError, match=message):
            score_transform(labelled, files, "binary", (), {}, tmp_path / "scored")
    assert not (tmp_path / "scored" / "joined.csv").exists()
