"""The flights example: its files are whole, the library scores them to the bit, and check.py finds what differs."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fasttrees
from tests.support.paths import FLIGHTS


def write(path: Path, values: list[float]) -> Path:
    path.write_text("".join(f"{value!r}\n" for value in values), encoding="ascii")
    return path


def read(name: str) -> list[float]:
    return [float(line) for line in (FLIGHTS / name).read_text(encoding="ascii").splitlines()]


def check(tmp_path: Path, predictions: list[float], raw_scores: list[float]) -> tuple[int, str]:
    files = [write(tmp_path / "predictions.csv", predictions), write(tmp_path / "raw_scores.csv", raw_scores)]
    run = subprocess.run([sys.executable, FLIGHTS / "check.py", *files], capture_output=True, text=True, check=False)
    return run.returncode, run.stdout + run.stderr


def test_recorded_files_are_as_the_metadata_says() -> None:
    metadata = json.loads((FLIGHTS / "metadata.json").read_text(encoding="ascii"))
    for name, digest in metadata["sha256"].items():
        assert hashlib.sha256((FLIGHTS / name).read_bytes()).hexdigest() == digest, name
    model = fasttrees.load(FLIGHTS / "model.txt")
    assert model.num_trees() == metadata["num_trees"]
    assert model.feature_name() == metadata["columns"]


def test_library_scores_the_example_to_the_bit(tmp_path: Path) -> None:
    rows = np.genfromtxt(FLIGHTS / "rows.csv", delimiter=",")
    model = fasttrees.load(FLIGHTS / "model.txt")
    status, text = check(tmp_path, model.predict(rows).tolist(), model.predict(rows, raw_score=True).tolist())
    assert status == 0, text
    assert "raw scores:    equal: 10,000 rows compared with LightGBM, 10,000 equal bit for bit" in text


@pytest.mark.parametrize("output", ["predictions", "raw_scores"])
def test_check_finds_one_wrong_bit(tmp_path: Path, output: str) -> None:
    outputs = {name: read(f"{name}.csv") for name in ("predictions", "raw_scores")}
    right = outputs[output][1233]
    outputs[output][1233] = math.nextafter(right, math.inf)
    status, text = check(tmp_path, **outputs)
    assert status == 1
    assert "9,999 equal bit for bit" in text
    assert "first difference in row 1234:" in text
    assert repr(right) in text
    assert repr(outputs[output][1233]) in text


def test_check_tells_another_exp_from_a_wrong_probability(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = importlib.util.spec_from_file_location("check", FLIGHTS / "check.py")
    assert spec is not None
    assert spec.loader is not None
    checker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(checker)

    exp = math.exp
    monkeypatch.setattr(math, "exp", lambda x: math.nextafter(exp(x), math.inf))  # a C library with another last bit
    raw_scores = read("raw_scores.csv")
    here = [1.0 / (1.0 + math.exp(-score)) for score in raw_scores]
    assert here != read("predictions.csv")

    assert checker.check(here, raw_scores)
    assert "All raw scores are equal and only probabilities differ." in capsys.readouterr().out
    here[0] = math.nextafter(here[0], 1.0)
    assert not checker.check(here, raw_scores)


def test_check_wants_every_row(tmp_path: Path) -> None:
    status, text = check(tmp_path, read("predictions.csv")[:-1], read("raw_scores.csv"))
    assert status == 1
    assert "expected 10,000 rows, got 9,999" in text


def test_check_names_the_line_that_is_no_number(tmp_path: Path) -> None:
    raw_scores = write(tmp_path / "raw_scores.csv", read("raw_scores.csv"))
    predictions = tmp_path / "predictions.csv"
    predictions.write_text("0.5\nhalf\n", encoding="ascii")
    command = [sys.executable, str(FLIGHTS / "check.py"), str(predictions), str(raw_scores)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "predictions.csv, line 2: expected a number, got 'half'" in run.stderr
