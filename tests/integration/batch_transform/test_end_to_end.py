"""Files through a real server: the bits of ``fasttrees predict``, however they are cut."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from fasttrees.cli import main
from tests.support.paths import FLIGHTS

MODEL = str(FLIGHTS / "model.txt")
ROWS = (FLIGHTS / "rows.csv").read_bytes()


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("expected") / "scores"
    assert main(["predict", MODEL, str(FLIGHTS / "rows.csv"), "-o", str(path)]) == 0
    return path.read_bytes()


def layout(folder: Path) -> dict[str, int]:
    """Write files of many sizes; return the number of rows of each."""
    lines = ROWS.splitlines(keepends=True)
    counts = {"one.csv": 1, "all.csv": len(lines), "a/b/c/three.csv": 3, "a/many.csv": 5000, "none.csv": 0}
    for name, n in counts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"".join(lines[:n]))
    (folder / "cut.csv").write_bytes(b"".join(lines[:7])[:-1])
    (folder / "crlf.csv").write_bytes(b"".join(lines[:7]).replace(b"\n", b"\r\n"))
    return counts | {"cut.csv": 7, "crlf.csv": 7}


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--max-payload-in-mb", "1", "--max-concurrent-transforms", "4"],
        ["--max-payload-in-mb", "0"],
        ["--split-type", "None"],
        ["--assemble-with", "Line"],
    ],
    ids=" ".join,
)
def test_all_layouts(arguments: list[str], tmp_path: Path, expected: bytes) -> None:
    counts = layout(tmp_path / "in")
    job = ["transform", "--input", str(tmp_path / "in"), "--output", str(tmp_path / "out"), "--model", MODEL, "--quiet"]
    assert main([*job, *arguments]) == 0
    scores = expected.splitlines(keepends=True)
    for name, n in counts.items():
        assert (tmp_path / "out" / f"{name}.out").read_bytes() == b"".join(scores[:n]), name


def test_single_records_gzip_and_join(tmp_path: Path, expected: bytes) -> None:
    lines = ROWS.splitlines()[:50]
    (tmp_path / "rows.csv.gz").write_bytes(gzip.compress(b"\n".join(lines)))
    job = ["transform", "--input", str(tmp_path / "rows.csv.gz"), "--output", str(tmp_path / "out"), "--model", MODEL]
    options = ["--compression-type", "Gzip", "--batch-strategy", "SingleRecord", "--assemble-with", "Line"]
    assert main([*job, *options, "--join-source", "Input", "--quiet"]) == 0
    joined = [line + b"," + score + b"\n" for line, score in zip(lines, expected.splitlines(), strict=False)]
    assert (tmp_path / "out" / "rows.csv.gz.out").read_bytes() == b"".join(joined)


def test_json_lines_out(tmp_path: Path, expected: bytes) -> None:
    job = ["transform", "--input", str(FLIGHTS / "rows.csv"), "--output", str(tmp_path), "--model", MODEL, "--quiet"]
    assert main([*job, "--accept", "application/jsonlines"]) == 0
    rows = [json.loads(line) for line in (tmp_path / "rows.csv.out").read_text().splitlines()]
    assert [row["score"] for row in rows] == [float(score) for score in expected.splitlines()]


def test_a_bad_cell_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = ROWS.splitlines(keepends=True)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "bad.csv").write_bytes(b"".join([*lines[:3], lines[3].replace(b",", b",x", 1)]))
    (tmp_path / "in" / "good.csv").write_bytes(lines[0])
    job = ["transform", "--input", str(tmp_path / "in"), "--output", str(tmp_path / "out"), "--model", MODEL, "--quiet"]
    assert main(job) == 1
    first, last = capsys.readouterr().err.splitlines()
    assert first.startswith("fasttrees: error: bad.csv: lines 1 to 4: status 400 Bad Request: row 4, column 2: ")
    assert last == "fasttrees: error: 1 of 2 files failed"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.csv.out"]


def test_other_commands_do_not_pay_for_it() -> None:
    modules = "{'http.client', 'fasttrees._sagemaker.batch_transform'}"
    code = f"import sys, fasttrees.cli; print(sorted({modules} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"
