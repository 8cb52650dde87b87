"""What is answered for a row: the keys of SAGEMAKER_INFERENCE_OUTPUT, the threshold, and how each is written."""

from __future__ import annotations

import json
from array import array

import numpy as np
import pytest

import fasttrees
from fasttrees.serving import predictions
from fasttrees.serving.answers import Answers
from fasttrees.serving.batches import Batch, as_batch
from fasttrees.serving.errors import SettingsError
from fasttrees.serving.predictions import KEYS, Selection
from tests.support.builders import Tree, model_text
from tests.support.exchange import CSV, JSON, JSON_LINES, answer, make_model, number, predicted

BINARY = make_model()
MULTICLASS = make_model(4, 3, "multiclass num_class:3")
REGRESSION = make_model(4, 1, "regression")
OWN_OBJECTIVE = make_model(4, 3, None)
ROWS = np.random.default_rng(8).normal(size=(40, 4))
BODY = "".join(",".join(map(repr, row)) + "\n" for row in ROWS.tolist()).encode()


def expected_values(model: fasttrees.Model, threshold: float = 0.5) -> list[dict[str, object]]:
    """All that a classifier can answer, from Model.predict and plain Python."""
    scores, raw = model.predict(ROWS), model.predict(ROWS, raw_score=True)
    leaves = model.predict(ROWS, pred_leaf=True).tolist()
    answers: list[dict[str, object]] = []
    for i in range(len(ROWS)):
        if model.num_class == 1:
            p, r = float(scores[i]), float(raw[i])
            label, best, best_raw, pair, raw_pair = float(p > threshold), p, r, [1.0 - p, p], [0.0 - r, r]
        else:
            pair, raw_pair = scores[i].tolist(), raw[i].tolist()
            label, best, best_raw = float(np.argmax(scores[i])), max(pair), max(raw_pair)
        answers.append({
            "predicted_label": label, "labels": list(range(max(2, model.num_class))), "probability": best,
            "probabilities": pair, "raw_score": best_raw, "raw_scores": raw_pair, "leaf_numbers": leaves[i],
        })  # fmt: skip
    return answers


def cell(value: object) -> str:
    if isinstance(value, list):
        return '"[' + ", ".join(number(item) for item in value) + ']"'
    assert isinstance(value, float)
    return number(value)


@pytest.mark.parametrize("model", [BINARY, MULTICLASS], ids=["binary", "multiclass"])
@pytest.mark.parametrize(
    "keys",
    [
        [key for key in KEYS if key != "predicted_score"], ["raw_scores", "probabilities"], ["labels"],
        ["probabilities"], ["predicted_label"], ["leaf_numbers"],
    ],
)  # fmt: skip
def test_keys(model: fasttrees.Model, keys: list[str]) -> None:
    expected = [{key: values[key] for key in keys} for values in expected_values(model)]
    asked = " , ".join(keys).upper()
    assert json.loads(answer(model, BODY, CSV, JSON, output=asked)) == {"predictions": expected}
    lines = answer(model, BODY, CSV, JSON_LINES, output=asked).splitlines()
    assert [json.loads(line) for line in lines] == expected
    assert all(list(json.loads(line)) == keys for line in lines)
    text = "".join(",".join(map(cell, values.values())) + "\n" for values in expected)
    assert answer(model, BODY, CSV, CSV, output=asked).decode() == text


def test_default_answers() -> None:
    for model in (BINARY, MULTICLASS, REGRESSION, OWN_OBJECTIVE):
        for output in (None, "", " "):
            assert answer(model, BODY, output=output) == predicted(model, ROWS)
        scores = model.predict(ROWS).tolist()
        document = {"predictions": [{"score": score} for score in scores]}
        assert json.loads(answer(model, BODY, CSV, JSON)) == document
        text = json.dumps(document).replace(".0}", "}").replace(".0,", ",").replace(".0]", "]")
        assert answer(model, BODY, CSV, JSON).decode() == text


def test_scores_of_a_regression() -> None:
    values = REGRESSION.predict(ROWS).tolist()
    text = answer(REGRESSION, BODY, output="predicted_score,raw_score")
    assert text.decode() == "".join(f"{number(value)},{number(value)}\n" for value in values)


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 1.0])
def test_threshold(threshold: float) -> None:
    labels = [b"%d" % (p > threshold) for p in BINARY.predict(ROWS)]
    assert answer(BINARY, BODY, threshold=threshold).splitlines() == labels
    both = answer(BINARY, BODY, threshold=threshold, output="predicted_label,probability").splitlines()
    assert [line.split(b",")[0] for line in both] == labels
    document = json.loads(answer(BINARY, BODY, CSV, JSON, threshold=threshold))
    assert document == {"predictions": [{"predicted_label": int(label)} for label in labels]}


def test_a_probability_equal_to_the_threshold_is_not_above_it() -> None:
    probability = float(BINARY.predict(ROWS)[0])
    first = BODY.splitlines()[0]
    assert answer(BINARY, first, threshold=probability) == b"0\n"
    assert answer(BINARY, first, threshold=float(np.nextafter(probability, 0))) == b"1\n"


@pytest.mark.parametrize(
    ("model", "text", "threshold", "message"),
    [
        (BINARY, "probablity", None, "^SAGEMAKER_INFERENCE_OUTPUT: expected keys of predicted_label, .*'probablity'"),
        (BINARY, "probability,", None, "got ''"),
        (BINARY, "probability,Probability", None, "probability again"),
        (BINARY, "predicted_score", None, "gives predicted_label, .* not predicted_score"),
        (BINARY, "score", None, "expected keys"),
        (REGRESSION, "predicted_label", None, "gives predicted_score, raw_score, leaf_numbers, not predicted_label"),
        (REGRESSION, "probabilities", None, "not probabilities"),
        (OWN_OBJECTIVE, "probability", None, "not probability"),
        (REGRESSION, None, 0.5, "^PREDICTION_THRESHOLD: expected a model with objective 'binary', got 'regression'"),
        (MULTICLASS, "predicted_label", 0.5, "^PREDICTION_THRESHOLD"),
        (BINARY, "probability", 0.5, "^PREDICTION_THRESHOLD: has no effect"),
    ],
)
def test_settings_that_are_refused(
    model: fasttrees.Model, text: str | None, threshold: float | None, message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        Selection.parse(text, threshold, model)


def test_an_own_objective_has_labels() -> None:
    labels = OWN_OBJECTIVE.predict(ROWS).argmax(axis=1)
    assert [int(line) for line in answer(OWN_OBJECTIVE, BODY, output="predicted_label").split()] == labels.tolist()


def test_scores_that_json_has_no_numbers_for() -> None:
    trees = [Tree([float("inf")]), Tree([float("-inf")]), Tree([float("nan")])]
    model = fasttrees.loads(model_text(trees, 1, 3))
    assert answer(model, b"1\n") == b"inf,-inf,nan\n"
    assert answer(model, b"1\n", CSV, JSON_LINES) == b'{"score": ["Infinity", "-Infinity", "NaN"]}\n'
    assert answer(model, b"1\n", CSV, JSON_LINES, output="predicted_label,raw_score") == (
        b'{"predicted_label": "NaN", "raw_score": "NaN"}\n'
    )


def test_many_outputs_are_computed_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = answer(MULTICLASS, BODY, output="leaf_numbers,probability")
    monkeypatch.setattr(predictions, "MAX_OUTPUTS", 20)
    assert answer(MULTICLASS, BODY, output="leaf_numbers,probability") == whole
    scores = answer(MULTICLASS, BODY)
    assert scores == predicted(MULTICLASS, ROWS)


def test_rows_in_several_batches_are_one_document() -> None:
    encoder = Answers(Selection.parse(None, None, REGRESSION)).encoder(JSON)
    batch = as_batch(array("d", ROWS[:2].ravel().tolist()), 4)
    text = encoder.begin() + encoder.encode(batch) + encoder.encode(Batch(b"", 0)) + encoder.encode(batch)
    assert len(json.loads(text + encoder.end())["predictions"]) == 4
    assert (encoder.n_rows, encoder.n_bad_rows) == (4, 0)
