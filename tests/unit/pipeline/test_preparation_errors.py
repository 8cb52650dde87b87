"""What prepare says about a table or settings that do not fit; and what is left when it fails."""

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fasttrees.pipeline import ConfigError, PipelineError, Silent
from fasttrees.pipeline.config import PrepareSettings
from fasttrees.pipeline.preparation import Schema, prepare_table, read_samples
from tests.support.lines import Lines
from tests.support.tables import prepare, write_table

GOOD = {"x": ["1", "2", "3"] * 10, "word": ["a", "b"] * 15, "target": ["0", "1"] * 15}


def with_cell(column: str, row: int, text: str) -> dict[str, list[str]]:
    return GOOD | {column: [*GOOD[column][:row], text, *GOOD[column][row + 1 :]]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", "expected a header and rows, got an empty file"),
        (b"\n", "expected a header and rows, got an empty file"),
        (b"x,target\n", "expected rows below the header, got none"),
        (b"x,x,target\n1,2,0\n", "expected each column once, got 'x' again"),
        (b"x;target\n1;0\n", "got one column 'x;target'"),
        (b"x,target\n1,0\n1\n", "row 2 (the header not counted): Expected 2 columns, got 1"),
        (b"x,target\n1,0\n1,0,5\n", "Expected 2 columns, got 3"),
        (b'x,target\n"1,0\n1,0\n' + b"1,0\n" * 100, "is a quote left open"),
        (b"x,target\n" + b"1,0\n" * 600_000 + b"1,0,5\n", "row 600001 (the header not counted): Expected 2 columns"),
        (b"x,target\n\xff\xfe,0\n", "UTF-8"),
        (b"x,target\n1,0\n", "expected 3 rows or more, for as many splits, got 1"),
        (b"x,target\n1,a\n2,a\n3,a\n", "expected two classes or more, got ['a']"),
        (b"x,target\n1,0\n2,\n3,NA\n", "'target': missing in 2 rows, the first is {raw}, row 2 "),
        (b"x,target\n1,0\n2,inf\n3,1\n", "'target': expected a finite number, got inf in {raw}, row 2 "),
        (b"x,target\n1,2025-01-01\n2,2025-01-02\n3,2025-01-03\n", "expected a target of numbers or classes, got times"),
        (b"x,target\n2025-01-01,1\n2025-01-02,1\n,0\n", "'x': a column of times cannot be a feature"),
        (b"target,x\n" + b"1," + b"9" * 5_000_000 + b"\n", "a row is longer than"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_tables_that_are_refused(tmp_path: Path, text: bytes, expected: str) -> None:
    raw = tmp_path / "raw.csv"
    raw.write_bytes(text)
    with pytest.raises(ConfigError) as caught:
        prepare(raw, tmp_path)
    assert expected.format(raw=raw) in str(caught.value) if "{raw}" in expected else expected in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"target": "targt"}, "prepare.target: the table has no column 'targt'; there are 'target'"),
        ({"drop": ["wrd"]}, "prepare.drop: the table has no column 'wrd'; there are 'word'"),
        ({"drop": ["target"]}, "prepare.drop: 'target' is the target"),
        ({"drop": ["x", "word"]}, "no column is left beside the target"),
        ({"categorical": ["y"]}, "prepare.categorical: the table has no column 'y'; there are 'x', 'word', 'target'"),
        ({"split": "group", "split_column": "user"}, "prepare.split_column: the table has no column 'user'"),
        ({"split": "time", "split_column": "target"}, "expected another column than the target"),
        ({"split": "time", "split_column": "word"}, "'word': expected times such as"),
        ({"classes": ["0", "2"]}, "expected one of prepare.classes ['0', '2'], got '1' in {raw}, row 2"),
        ({"classes": ["0", "0"]}, "expected each class once"),
    ],
    ids=repr,
)
def test_settings_that_do_not_fit(tmp_path: Path, settings: dict[str, Any], expected: str) -> None:
    raw = write_table(tmp_path / "raw.csv", GOOD)
    with pytest.raises(ConfigError) as caught:
        prepare(raw, tmp_path, **settings)
    assert expected.replace("{raw}", str(raw)) in str(caught.value)


def test_files_that_are_not_there_or_differ(tmp_path: Path) -> None:
    raw = write_table(tmp_path / "raw.csv", GOOD)
    other = write_table(tmp_path / "other.csv", {name: GOOD[name] for name in ("x", "target")})
    with pytest.raises(ConfigError, match=r"other\.csv: .* 'word' of .*raw\.csv is missing"):
        prepare([raw, other], tmp_path)
    with pytest.raises(ConfigError, match=r"other\.csv: .* 'word' of .*raw\.csv is missing"):
        prepare([other, raw], tmp_path)
    with pytest.raises(ConfigError, match=r"none\.csv: no such file"):
        prepare([raw, tmp_path / "none.csv"], tmp_path)
    with pytest.raises(ConfigError, match="expected a name that ends in"):
        prepare(raw.rename(tmp_path / "raw.xlsx"), tmp_path)


def test_a_cut_gzip_file_is_no_shorter_table(tmp_path: Path) -> None:
    raw = tmp_path / "raw.csv.gz"
    whole = gzip.compress(write_table(tmp_path / "raw.csv", GOOD).read_bytes())
    for size in (len(whole) - 1, len(whole) - 9, len(whole) // 2):
        raw.write_bytes(whole[:size])
        with pytest.raises(ConfigError, match=r"raw\.csv\.gz: "):
            prepare(raw, tmp_path)


@pytest.mark.parametrize("name", ["raw.parquet", "raw.csv.gz"])
def test_files_of_another_form(tmp_path: Path, name: str) -> None:
    raw = tmp_path / name
    raw.write_bytes(b"x,target\n1,0\n" * 10)
    with pytest.raises(ConfigError, match=name):
        prepare(raw, tmp_path)


def test_parquet_columns_that_no_feature_can_be(tmp_path: Path) -> None:
    raw = tmp_path / "raw.parquet"
    pq.write_table(pa.table({"target": [0, 1] * 50, "x": [1.5] * 100, "list": [[1]] * 100}), raw)
    with pytest.raises(ConfigError, match=r"list: expected text, numbers, .* got list<.*>; name it in prepare\.drop"):
        prepare(raw, tmp_path)


def test_missing_values_of_the_split_column(tmp_path: Path) -> None:
    raw = write_table(tmp_path / "raw.csv", with_cell("x", 4, ""))
    with pytest.raises(ConfigError, match=r"'x': missing in 1 rows, the first is .*raw\.csv, row 5"):
        prepare(raw, tmp_path, split="time", split_column="x")
    raw = write_table(tmp_path / "raw.csv", with_cell("x", 4, "nan"))
    with pytest.raises(ConfigError, match=r"'x': expected a time, got nan in .*raw\.csv, row 5"):
        prepare(raw, tmp_path, split="time", split_column="x", missing=[])


def test_too_many_categories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fasttrees.pipeline.preparation.profile.MOST_CATEGORIES", 20)
    table = GOOD | {"word": [f"word {i}" for i in range(30)]}
    with pytest.raises(ConfigError, match=r"'word': expected at most 20 categories"):
        prepare(write_table(tmp_path / "raw.csv", table), tmp_path)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_failed_run_leaves_the_former_result(tmp_path: Path) -> None:
    folder = tmp_path / "prepared"
    prepare(write_table(tmp_path / "raw.csv", GOOD), folder)
    former = contents(folder)
    with pytest.raises(ConfigError):
        prepare(write_table(tmp_path / "bad.csv", with_cell("target", 29, "inf")), folder)
    assert contents(folder) == former

    class Stop(Silent):
        def advance(self, what: str, done: int, total: int | None, unit: str, n_rows: int | None = None) -> None:
            if what == "writing":
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare_table([tmp_path / "raw.csv"], PrepareSettings(seed=5), folder, Stop())
    assert contents(folder) == former
    (folder / "data").rename(folder / ".data.old")  # as if ended between the two renames
    (folder / ".data.part").mkdir()
    (folder / ".data.part" / "left").touch()
    with pytest.raises(ConfigError):
        prepare(tmp_path / "bad.csv", folder)
    assert contents(folder) == former
    prepare(tmp_path / "raw.csv", folder, seed=5)
    assert contents(folder) != former
    assert sorted(path.name for path in folder.iterdir()) == ["data"]


def test_a_table_that_changes_while_it_is_read(tmp_path: Path) -> None:
    raw = write_table(tmp_path / "raw.csv", GOOD)
    longer = write_table(tmp_path / "longer.csv", {name: cells * 2 for name, cells in GOOD.items()})

    class Change(Lines):
        def advance(self, what: str, done: int, total: int | None, unit: str, n_rows: int | None = None) -> None:
            if what == "reading categories":
                shutil.copy(longer, raw)

    with pytest.raises(PipelineError, match="has it changed"):
        prepare_table([raw], PrepareSettings(), tmp_path / "out", Change())


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"colour": "red"}, "'colour': no such column"),
        ({"wrd": "a"}, "'wrd': no such column; is it 'word'?"),
        ({"x": "many"}, "'x': expected a number, got 'many'"),
        ({"x": True}, "'x': expected a number, got True"),
        ({"x": [1]}, r"'x': expected a number, got [1]"),
        ({"word": ...}, "'word': expected a cell, got none"),
    ],
    ids=repr,
)
def test_samples_that_are_refused(tmp_path: Path, change: dict[str, object], expected: str) -> None:
    schema = prepare(write_table(tmp_path / "raw.csv", GOOD), tmp_path).schema
    sample: dict[str, object] = {"x": "1", "word": "a", "target": None} | change
    with pytest.raises(ConfigError) as caught:
        schema.encode({name: cell for name, cell in sample.items() if cell is not ...})
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("cells", "line"),
    [
        ({"x": 2, "word": "b"}, "2,1"),
        ({"x": "1e3", "word": "c"}, "1000,"),
        ({"x": "NA", "word": None}, ","),
        ({"x": float("nan"), "word": 5}, ","),
        ({"x": 2**80, "word": "a"}, "1.2089258196146292e+24,0"),
    ],
    ids=repr,
)
def test_cells_of_samples(tmp_path: Path, cells: dict[str, object], line: str) -> None:
    schema = prepare(write_table(tmp_path / "raw.csv", GOOD), tmp_path).schema
    assert schema.csv_line(schema.encode(cells)) == line


@pytest.mark.parametrize("text", ["", "NA", "a", "2", "nan"])
def test_truths_that_are_none(tmp_path: Path, text: str) -> None:
    table = GOOD | {"target": ["yes", "no"] * 15}
    schema = prepare(write_table(tmp_path / "raw.csv", table), tmp_path).schema
    assert schema.truth("yes") == 1
    with pytest.raises(ConfigError, match="'target': expected one of"):
        schema.truth(text)


def test_files_that_prepare_has_not_written(tmp_path: Path) -> None:
    path = tmp_path / "schema.json"
    loaders: list[Callable[[Path], object]] = [Schema.load, read_samples]
    for load in loaders:
        with pytest.raises(ConfigError, match="no such file"):
            load(path.with_name("none.json"))
        for text in ("", "{}", '{"version": 2}', '[{"cells": 1}]'):
            path.write_text(text)
            with pytest.raises(ConfigError, match=r"schema\.json: .*run `fasttrees pipeline prepare` again"):
                load(path)
