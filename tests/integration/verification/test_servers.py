"""The same rows through a server: its answers are verified, and its mistakes are found."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import fasttrees
from fasttrees._sagemaker.batch_transform import local_server
from fasttrees.errors import FastTreesError
from fasttrees.verification import RowFormat, Target, verify
from tests.support.builders import Matrix
from tests.support.paths import FLIGHTS
from tests.support.verifications import MODEL, ROWS, Command

REFERENCE = str(FLIGHTS / "predictions.csv")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with local_server(MODEL, {}, lambda line: None) as server:
        yield server.url


def test_our_own_server(command: Command) -> None:
    assert command(MODEL, ROWS, "--server", "--reference", REFERENCE) == 0
    assert "verified   fasttrees serve: 10,000 predictions" in command.out
    assert "and all in every bit" in command.out


def test_raw_scores_of_our_own_server() -> None:
    target = Target(server=True)
    result = verify(MODEL, ROWS, reference=str(FLIGHTS / "raw_scores.csv"), target=target, raw_score=True)
    assert (result.passed, result.n_same) == (True, 10_000)


@pytest.mark.parametrize("kind", ["header", "npy", "tsv"])
def test_files_that_are_made_csv_first(kind: str, url: str, flights: Matrix, tmp_path: Path) -> None:
    """Doubles arrive unchanged, missing values too."""
    path, form = tmp_path / f"rows.{kind}", RowFormat(has_header=kind == "header")
    if kind == "npy":
        np.save(path, flights)
    else:
        text = Path(ROWS).read_bytes()
        names = ",".join(fasttrees.load(MODEL).feature_name()).encode() + b"\n"
        path.write_bytes(names + text if kind == "header" else text.replace(b",", b"\t"))
    result = verify(MODEL, str(path), reference=REFERENCE, target=Target(url=url), form=form)
    assert (result.passed, result.n_same) == (True, 10_000)
    assert result.target == f"server at {url}"


def test_a_server_with_another_model(url: str, tmp_path: Path) -> None:
    """The library's own predictions tell which of the two is wrong."""
    model = fasttrees.load(MODEL)
    model.cut(0, 200).save_model(tmp_path / "fewer.txt")
    fewer = str(tmp_path / "fewer.txt")
    with local_server(fewer, {}, lambda line: None) as server:
        result = verify(MODEL, ROWS, reference=REFERENCE, target=Target(url=server.url), explain=True)
    assert not result.passed
    assert result.findings == ["The predictions are what the model gives with its first 200 iterations only."]
    assert result.worst[0].library == result.worst[0].reference != result.worst[0].prediction


def test_a_server_that_refuses_rows(url: str, tmp_path: Path) -> None:
    """The library would refuse them as well, but the server is asked first."""
    lines = Path(ROWS).read_text().splitlines(keepends=True)[:5]
    (tmp_path / "rows.csv").write_text("".join([*lines[:3], lines[3].replace(",", ",x", 1)]))
    with pytest.raises(FastTreesError, match="status 400 Bad Request: row 4, column 2"):
        verify(MODEL, str(tmp_path / "rows.csv"), reference=REFERENCE, target=Target(url=url))


def test_a_server_that_is_not_there(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fasttrees.verification._targets.START_TIMEOUT", 0.2)
    assert command(MODEL, ROWS, "--url", "http://127.0.0.1:9", "--reference", REFERENCE) == 1
    assert "the server was not ready after 0.2 s" in command.err
