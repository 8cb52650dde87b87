"""Answers joined in the order of the manifest, or not at all."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from fasttrees.cli import main
from fasttrees.sharding import Options, shard

N_ROWS = 100
ROWS = [f"{i},{i / 7!r}" for i in range(N_ROWS)]
ANSWERS = [f"{i / 3!r}" for i in range(N_ROWS)]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Return the folder of answers to four parts in ``tmp_path / "shard"``."""
    (tmp_path / "table.csv").write_text("\n".join(ROWS))
    answer(tmp_path, shard_of(tmp_path, "shard"))
    return tmp_path / "out"


def shard_of(folder: Path, name: str, packed: bool = False) -> list[int]:
    source = folder / "table.csv"
    options = Options(-(-source.stat().st_size // 4), gzip=packed)
    return [part.rows for part in shard(str(source), str(folder / name), options).manifest.parts]


def answer(folder: Path, counts: list[int], ending: str = ".csv.out") -> None:
    (folder / "out").mkdir()
    begin = 0
    for number, count in enumerate(counts):
        lines = ANSWERS[begin : begin + count]
        (folder / "out" / f"part-{number:05}{ending}").write_text("\n".join(lines) + "\n" * (number % 2))
        begin += count


def run(tmp_path: Path, *options: str) -> int:
    return main(["gather", f"{tmp_path}/shard", f"{tmp_path}/out", "-o", f"{tmp_path}/all", "--quiet", *options])


def test_in_order(tmp_path: Path, out: Path) -> None:
    assert len(list(out.iterdir())) == 4
    assert run(tmp_path) == 0
    assert (tmp_path / "all").read_text().splitlines() == ANSWERS
    assert (tmp_path / "all").read_text().endswith("\n")


def test_order_is_the_manifests(tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names of more than five digits no longer sort as their numbers do."""
    text = (tmp_path / "shard" / "manifest.json").read_text()
    (tmp_path / "shard" / "manifest.json").write_text(text.replace("part-00002", "part-100002"))
    (out / "part-00002.csv.out").rename(out / "part-100002.csv.out")
    assert run(tmp_path) == 0
    assert (tmp_path / "all").read_text().splitlines() == ANSWERS
    monkeypatch.chdir(tmp_path / "shard")
    assert main(["gather", "manifest.json", f"{tmp_path}/out", "-o", f"{tmp_path}/again", "--quiet"]) == 0
    assert (tmp_path / "again").read_bytes() == (tmp_path / "all").read_bytes()


@pytest.mark.parametrize("packed", [False, True])
def test_join_input(tmp_path: Path, packed: bool) -> None:
    (tmp_path / "table.csv").write_text("\r\n".join(ROWS))
    answer(tmp_path, shard_of(tmp_path, "shard", packed), ".csv.gz.out" if packed else ".csv.out")
    assert run(tmp_path, "--join-input") == 0
    expected = [f"{row},{score}" for row, score in zip(ROWS, ANSWERS, strict=True)]
    assert (tmp_path / "all").read_text().splitlines() == expected


def test_all_that_is_missing_or_foreign_is_named(tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "all").write_text("of before")
    (out / "part-00000.csv.out").unlink()
    (out / "part-00002.csv.out").unlink()
    (out / "part-00004.csv.out").write_text("1\n")
    (out / "sub").mkdir()
    (out / "sub" / "part-00001.csv.out").write_text("1\n")
    assert run(tmp_path) == 1
    lines = capsys.readouterr().err.splitlines()
    assert [line.removeprefix("fasttrees: error: ").partition(":")[0] for line in lines[:-1]] == [
        "part-00000.csv.out",
        "part-00002.csv.out",
        "part-00004.csv.out",
        "sub/part-00001.csv.out",
    ]
    assert lines[-1] == f"fasttrees: error: {out}: 4 problems; nothing is gathered"
    assert (tmp_path / "all").read_text() == "of before"


@pytest.mark.parametrize("change", [1, -1])
def test_all_wrong_counts_are_named(tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str], change: int) -> None:
    counts = {}
    for number in (1, 3):
        path = out / f"part-{number:05}.csv.out"
        lines = path.read_text().splitlines()
        counts[path.name] = len(lines)
        path.write_text("\n".join([*lines, "1"] if change > 0 else lines[:-1]))
    assert run(tmp_path) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[:-1] == [
        f"fasttrees: error: {name}: expected {count} rows, got {count + change}" for name, count in counts.items()
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "shard", "table.csv"]


def test_standard_output_stops_before_a_wrong_part(
    tmp_path: Path, out: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert main(["gather", f"{tmp_path}/shard", str(out)]) == 0
    captured = capfdbinary.readouterr()
    assert captured.out.decode().splitlines() == ANSWERS
    assert captured.err == b"4 parts, 100 rows\n"
    good = (out / "part-00000.csv.out").read_bytes()
    (out / "part-00001.csv.out").write_bytes(b"1\n")
    assert main(["gather", f"{tmp_path}/shard", str(out)]) == 1
    assert capfdbinary.readouterr().out.split() == good.split()


def test_changed_part_is_not_joined(tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    part = tmp_path / "shard" / "parts" / "part-00002.csv"
    before = part.stat()
    part.write_bytes(part.read_bytes().replace(b"5", b"6"))
    os.utime(part, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert run(tmp_path) == 0
    (tmp_path / "all").unlink()
    assert run(tmp_path, "--join-input") == 1
    assert "part-00002.csv: expected SHA-256 " in capsys.readouterr().err
    assert not (tmp_path / "all").exists()


def test_answers_of_an_earlier_job(tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The next table has as many rows in each part, and its job ends after the first two."""
    table = tmp_path / "table.csv"
    for path in out.iterdir():
        os.utime(path, (1_700_000_000, 1_700_000_000))
    for path in (tmp_path / "shard" / "parts").iterdir():
        os.utime(path, (1_600_000_000, 1_600_000_000))
    assert run(tmp_path) == 0
    (tmp_path / "all").unlink()
    table.write_text("".join("9" if digit.isdigit() else digit for digit in table.read_text()))
    assert sum(shard_of(tmp_path, "shard")) == N_ROWS
    for number in (0, 1):
        (out / f"part-{number:05}.csv.out").touch()
    assert run(tmp_path) == 1
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(", so ")[0] for line in lines[:-1]] == [
        f"fasttrees: error: part-0000{number}.csv.out: is older than {tmp_path}/shard/parts/part-0000{number}.csv"
        for number in (2, 3)
    ]
    assert not (tmp_path / "all").exists()
    shutil.rmtree(tmp_path / "shard" / "parts")  # nothing to compare with
    assert run(tmp_path) == 0


def test_without_a_complete_manifest(tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = tmp_path / "shard" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"complete": true', '"complete": false'))
    assert run(tmp_path) == 1
    assert "the shard did not end; run it again" in capsys.readouterr().err
    shutil.rmtree(tmp_path / "shard")
    assert run(tmp_path) == 1
    assert "has no manifest.json" in capsys.readouterr().err


def test_no_answers(tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(out)
    assert run(tmp_path) == 1
    assert capsys.readouterr().err.startswith(f"fasttrees: error: {out}: has no answers; expected ")


def test_no_parts(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_bytes(b"")
    assert main(["shard", f"{tmp_path}/table.csv", f"{tmp_path}/shard", "--quiet"]) == 0
    assert run(tmp_path) == 0
    assert (tmp_path / "all").read_bytes() == b""
