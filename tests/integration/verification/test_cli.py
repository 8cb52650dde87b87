"""``fasttrees verify``: status, text, JSON, files, and usage errors."""

from __future__ import annotations

import dataclasses
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from fasttrees.verification import TreeDifference, Verification, WorstRow, _targets
from tests.support.builders import Matrix
from tests.support.paths import DOCS, FLIGHTS
from tests.support.verifications import MODEL, ROWS, Command

REFERENCE = str(FLIGHTS / "predictions.csv")


@pytest.fixture
def shifted(predicted: Matrix, tmp_path: Path) -> str:
    reference = predicted.copy()
    reference[41] += 0.001
    reference[42] = np.nan
    np.save(tmp_path / "reference.npy", reference)
    return str(tmp_path / "reference.npy")


def test_a_good_model_passes(command: Command) -> None:
    assert command(MODEL, ROWS, "--reference", REFERENCE) == 0
    assert "PASSED: all 10,000 rows agree within 1e-05, and all in every bit" in command.out
    assert command.err == ""


def test_a_bad_one_does_not(command: Command, shifted: str) -> None:
    assert command(MODEL, ROWS, "--reference", shifted) == 1
    assert "FAILED: 2 of 10,000 rows differ by more than 1e-05, some in NaN or infinity" in command.out
    assert "  row 43: " in command.out
    assert "dep_delay=" in command.out
    assert command.err == (
        "fasttrees: error: verification failed: 2 of 10,000 rows differ by more than 1e-05, some in NaN or infinity\n"
    )


def test_explain(command: Command, shifted: str, predicted: Matrix, tmp_path: Path) -> None:
    """A failure without it says in one line what it does; a success does not."""
    hint = "--explain looks for causes: rows moved, columns swapped, numbers rounded, a leaf changed."
    cause = "The reference is what the model gives rounded to 3 decimals."
    np.save(tmp_path / "rounded.npy", np.round(predicted, 3))
    arguments = (MODEL, ROWS, "--reference", str(tmp_path / "rounded.npy"))
    assert command(*arguments) == 1
    assert command.out.count(hint) == 1
    assert cause not in command.out
    assert command(*arguments, "--explain") == 1
    assert hint not in command.out
    assert cause in command.out
    assert command(*arguments, "--explain", "--json") == 1
    assert (command.json["explained"], command.json["findings"]) == (True, [cause])
    assert command(*arguments, "--tolerance", "0.1") == 0
    assert hint not in command.out


def test_a_reference_that_ends_early_fails(command: Command, predicted: Matrix, tmp_path: Path) -> None:
    """Even if all its rows agree."""
    np.save(tmp_path / "reference.npy", predicted[:-1])
    assert command(MODEL, ROWS, "--reference", str(tmp_path / "reference.npy"), "--quiet") == 1
    assert "10,000 rows, 10,000 predictions and 9,999 reference predictions" in command.err


def test_the_tolerance_decides(command: Command, predicted: Matrix, tmp_path: Path) -> None:
    """A difference of exactly the tolerance passes."""
    reference = np.round(predicted * 1024) / 1024
    np.save(tmp_path / "reference.npy", reference)
    largest = repr(float(np.abs(reference - predicted).max()))
    smaller = repr(float(np.nextafter(np.abs(reference - predicted).max(), 0)))
    arguments = (MODEL, ROWS, "--reference", str(tmp_path / "reference.npy"), "--quiet", "--tolerance")
    assert command(*arguments, largest) == 0
    assert command(*arguments, smaller) == 1


def test_json_is_json(command: Command, shifted: str) -> None:
    assert command(MODEL, ROWS, "--reference", shifted, "--json", "--top", "1") == 1
    result = command.json
    assert (result["passed"], result["n_failed"], result["n_same"], result["n_unlike"]) == (False, 2, 9998, 1)
    (row,) = result["worst"]
    assert (row["row"], row["reference"], row["difference"]) == (43, ["nan"], "inf")
    assert sum(result["ulps"].values()) == result["n_values"] == 10_000


def test_quiet_says_nothing(command: Command) -> None:
    assert command(MODEL, ROWS, "--reference", REFERENCE, "--quiet") == 0
    assert (command.out, command.err) == ("", "")


def test_files_of_a_report(command: Command, shifted: str, tmp_path: Path) -> None:
    folder = tmp_path / "a" / "report"
    assert command(MODEL, ROWS, "--reference", shifted, "--output", str(folder)) == 1
    assert sorted(path.name for path in folder.iterdir()) == ["report.html", "verify.json", "verify.txt"]
    assert (folder / "verify.txt").read_text() == command.out
    assert json.loads((folder / "verify.json").read_text())["n_failed"] == 2
    page = (folder / "report.html").read_text()
    assert page.count("<svg") == 3
    assert "2 of 10,000 rows differ by more than 1e-05" in page
    assert "http" not in page
    assert "<script" not in page
    assert len(page) < 300_000


def test_raw_scores(command: Command) -> None:
    assert command(MODEL, ROWS, "--reference", str(FLIGHTS / "raw_scores.csv"), "--raw-score") == 0
    assert "10,000 raw scores" in command.out


def test_a_note_of_the_header(command: Command, tmp_path: Path, predicted: Matrix) -> None:
    lines = Path(ROWS).read_text().splitlines(keepends=True)[:3]
    (tmp_path / "rows.csv").write_text("".join([",".join(f"c{i}" for i in range(23)) + "\n", *lines]))
    np.save(tmp_path / "reference.npy", predicted[:3])
    arguments = (MODEL, str(tmp_path / "rows.csv"), "--header", "--reference", str(tmp_path / "reference.npy"))
    assert command(*arguments) == 0
    assert command.err == (
        "fasttrees: note: the header names no feature of the model: features are taken by their position\n"
    )


def test_without_lightgbm_a_reference_is_needed(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    assert command(MODEL, ROWS) == 1
    assert command.err.startswith("fasttrees: error: nothing to compare with: lightgbm is not installed here (")
    assert "pass that file with --reference" in command.err
    assert command(MODEL, ROWS, "--reference", REFERENCE) == 0


def test_without_what_draws_no_page(command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The error comes before the work; text output needs neither."""
    for name in ("jinja2", "matplotlib", "fasttrees._reports.page", "fasttrees._reports.plots"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "fasttrees.verification.page", raising=False)
    assert command(MODEL, ROWS, "--reference", REFERENCE, "--output", str(tmp_path / "report")) == 1
    assert command.err.endswith("install fasttrees-lightgbm[verify]\n")
    assert not (tmp_path / "report").exists()
    assert command(MODEL, ROWS, "--reference", REFERENCE) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--url", "http://localhost:1", "--server"], "not allowed with argument"),
        (["--network", "host"], "--network needs --image"),
        (["--reference-header"], "--reference-header needs --reference"),
        (["--tolerance", "-1"], "expected a number of at least 0, got '-1'"),
        (["--tolerance", "nan"], "expected a number of at least 0, got 'nan'"),
        (["--tolerance", "inf"], "expected a number of at least 0, got 'inf'"),
        (["--top", "-1"], "expected a whole number from 0 to 1000, got '-1'"),
        (["--delimiter", "x"], "expected , ; | or tab, got 'x'"),
    ],
)
def test_wrong_usage(arguments: list[str], message: str, command: Command) -> None:
    assert command(MODEL, ROWS, *arguments) == 2
    assert message in command.err


def test_standard_input_is_read_once_only(command: Command) -> None:
    assert command(MODEL, "-") == 2


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_files_that_are_not_there(missing: int, command: Command, tmp_path: Path) -> None:
    paths = [MODEL, ROWS, REFERENCE]
    paths[missing] = str(tmp_path / "none")
    assert command(paths[0], paths[1], "--reference", paths[2]) == 1
    assert command.err == f"fasttrees: error: {tmp_path / 'none'}: No such file or directory\n"


def test_the_documentation_names_all_there_is(command: Command) -> None:
    text = (DOCS / "how-to" / "verify.md").read_text()
    assert command("--help") == 0
    options = set(re.findall(r"--[a-z][a-z-]+", command.out)) - {"--help"}
    assert len(options) > 12
    assert {option for option in options if f"`{option}" not in text} == set()
    for kind in (Verification, WorstRow, TreeDifference):
        assert [field.name for field in dataclasses.fields(kind) if f"`{field.name}`" not in text] in ([], ["grid"])
    assert "numpy.save" in _targets.NO_REFERENCE
    assert 'numpy.save("reference.npy", booster.predict(rows))' in text
