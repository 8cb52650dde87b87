"""prepare_table on tables of all kinds, compared with plain Python."""

import gzip
import math
import statistics
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fasttrees.pipeline.config import PrepareSettings
from fasttrees.pipeline.preparation import prepare_table, raw_table
from tests.support.lines import Lines
from tests.support.profiles import examples
from tests.support.tables import SIDES, Outcome, prepare, write_table

NUMBERS = st.one_of(
    st.floats().map(repr),
    st.sampled_from(["inf", "-inf", "-0.0", "0.0", "1e308", "-1e-320", "5", "+1", "100000", "1e400", ".5", "7.0"]),
    st.integers(-(2**70), 2**70).map(str),
    st.sampled_from(["", "NA"]),
)
WORDS = st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(
    ["a,b", 'say "x"', "line\nline", "ü", "NA", "", " a", "a ", "日本"]
)
MISSING = {"", "NA", "NaN", "nan", "null", "None"}


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.strip() == text and "_" not in text


@st.composite
def tables(draw: Any) -> dict[str, list[str]]:
    n = draw(st.integers(8, 30))
    cells = {"target": [str(i % 2) for i in range(n)], "row": [str(i) for i in range(n)]}
    for k in range(draw(st.integers(0, 3))):
        cells[f"number {k}"] = draw(st.lists(NUMBERS, min_size=n, max_size=n))
    for k in range(draw(st.integers(0, 2))):
        cells[f"word, {k}"] = ["x", *draw(st.lists(WORDS, min_size=n - 1, max_size=n - 1))]  # at least one is a word
    return cells


def expected_lines(cells: dict[str, list[str]]) -> list[str]:
    """What the rows become, in plain Python, with the text that ``repr`` gives."""
    columns = []
    for name, texts in cells.items():
        if name.startswith("word"):
            codes = {text: float(code) for code, text in enumerate(sorted(set(texts) - MISSING))}
            columns.append([codes.get(text, math.nan) for text in texts])
        else:
            columns.append([math.nan if text in MISSING else float(text) for text in texts])
    return [",".join("" if math.isnan(value) else repr(value) for value in row) for row in zip(*columns, strict=True)]


def values(line: str) -> str:
    return ",".join(repr(float(cell)) if cell else "" for cell in line.split(","))


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cells=tables())
def test_rows_are_those_of_plain_python(cells: dict[str, list[str]], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("table")
    raw = write_table(folder / "raw.csv", cells)
    outcome = prepare(raw, folder, split="stratified", test_fraction=0.3, validation_fraction=0.2)
    expected = expected_lines(cells)
    row_of = {line.split(",")[1]: line for line in expected}
    written = 0
    for side in SIDES:
        lines = outcome.side(side)
        rows = [values(line) for line in lines]
        assert rows == [row_of[row.split(",")[1]] for row in rows]
        numbers = [float(row.split(",")[1]) for row in rows]
        assert numbers == sorted(numbers)
        written += len(rows)
        for line, number in zip(lines, numbers, strict=True):
            sample = {name: texts[int(number)] for name, texts in cells.items() if name != "target"}
            encoded = outcome.schema.encode(sample)
            assert outcome.schema.csv_line(encoded) == line.partition(",")[2]
    assert written == len(expected)
    assert outcome.features == [line.partition(",")[2] for line in outcome.side("test")]


def simple(n: int = 60) -> dict[str, list[str]]:
    return {
        "id": [str(i) for i in range(n)],
        "size": [repr(i / 7) if i % 5 else "" for i in range(n)],
        "colour": [("red", "green", "blue")[i % 3] for i in range(n)],
        "target": [str(i * i % 2) for i in range(n)],
    }


def test_samples_and_schema(tmp_path: Path) -> None:
    outcome = prepare(write_table(tmp_path / "raw.csv", simple(200)), tmp_path, drop=["id"])
    assert outcome.schema.feature_names == ["size", "colour"]
    assert outcome.schema.categorical == [1]
    assert outcome.schema.target == "target"
    assert outcome.schema.classes == []
    assert outcome.schema.features[1].categories == ["blue", "green", "red"]
    assert outcome.schema.features[0].n_missing == 40
    assert len(outcome.samples) == 20
    for sample, line in zip(outcome.samples, outcome.side("test"), strict=False):
        assert sample.line == line.partition(",")[2]
        assert outcome.schema.csv_line(outcome.schema.encode(sample.cells)) == sample.line
        assert outcome.schema.truth(sample.truth) == float(line.partition(",")[0])
    assert None in {sample.cells["size"] for sample in outcome.samples}
    assert (outcome.prepared.n_features, outcome.prepared.n_classes) == (2, 0)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_same_bytes_again_from_gzip_several_files_and_other_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = simple(5000)
    raw = write_table(tmp_path / "raw.csv", table)
    options: dict[str, Any] = {"split": "stratified"}
    prepare(raw, tmp_path / "once", **options)
    once = contents(tmp_path / "once")
    prepare(raw, tmp_path / "once", **options)
    assert contents(tmp_path / "once") == once
    packed = tmp_path / "raw.csv.gz"
    packed.write_bytes(gzip.compress(raw.read_bytes()))
    monkeypatch.setattr(raw_table, "BLOCK_BYTES", 1000)
    prepare(packed, tmp_path / "packed", **options)
    assert contents(tmp_path / "packed") == once
    parts = []
    for number, (start, stop) in enumerate([(0, 1), (1, 3000), (3000, 3000), (3000, 5000)]):
        part = {name: texts[start:stop] for name, texts in table.items()}
        if number == 1:
            part = dict(reversed(part.items()))
        parts.append(write_table(tmp_path / f"{number}.csv", part))
    prepare(parts, tmp_path / "parts", **options)
    assert contents(tmp_path / "parts") == once


def test_a_column_that_turns_to_text_late(tmp_path: Path) -> None:
    n = 400_000
    cells = [str(i % 50) for i in range(n)]
    cells[-7] = "unknown"
    raw = write_table(tmp_path / "raw.csv", {"target": ["0", "1"] * (n // 2), "x": cells, "y": ["1.5"] * n})
    assert raw.stat().st_size > raw_table.BLOCK_BYTES
    progress = Lines()
    prepared = prepare_table([raw], PrepareSettings(), tmp_path, progress)
    outcome = Outcome(tmp_path, prepared)
    assert outcome.schema.features[0].categories == sorted({*map(str, range(50)), "unknown"})
    assert any(f"'unknown' in {raw}, row {n - 6}" in line for line in progress.lines), progress.lines
    assert progress.advances[-1] == ("writing", raw.stat().st_size, raw.stat().st_size, "B")
    outcome = prepare(raw, tmp_path, missing=["unknown"])
    assert outcome.schema.features[0].kind == "number"
    assert outcome.schema.features[0].n_missing == 1


@pytest.mark.parametrize("text", [str(2**53 + 1), "-" + "1" * 400])
def test_integers_that_no_double_holds_are_told(tmp_path: Path, text: str) -> None:
    table = simple()
    table["id"][5:8] = ["1e300", str(2**60), text]
    progress = Lines()
    raw = write_table(tmp_path / "raw.csv", table)
    prepare_table([raw], PrepareSettings(), tmp_path, progress)
    assert any("'id': integers beyond 2^53" in line and f"{raw}, row 8" in line for line in progress.lines)


def test_what_may_surprise_is_told(tmp_path: Path) -> None:
    table = simple() | {"": ["1"] * 60, "spaced": [" 1", "2"] * 30, "nothing": [""] * 60}
    progress = Lines()
    prepared = prepare_table([write_table(tmp_path / "raw.csv", table)], PrepareSettings(), tmp_path, progress)
    outcome = Outcome(tmp_path, prepared)
    assert outcome.schema.feature_names == ["id", "size", "colour", "", "spaced", "nothing"]
    assert progress.lines == [
        f"60 rows: {prepared.n_train} to train, {prepared.n_validation} to validate, {prepared.n_test} to test; "
        "6 features, 2 of them with 5 categories; 72 cells missing",
        "'spaced' is taken as categories, because there are spaces around its numbers; remove them",
        "'nothing' is missing in all rows",
    ]


def test_number_categories_keep_the_order_of_numbers(tmp_path: Path) -> None:
    table = simple()
    table["id"] = [("10", "9", "9.0", "-1", "-0", "0", "")[i % 7] for i in range(60)]
    outcome = prepare(write_table(tmp_path / "raw.csv", table), tmp_path, categorical=["id"])
    assert outcome.schema.features[0].categories == ["-1", "0", "9", "10"]
    assert outcome.schema.categorical == [0, 2]
    encode = outcome.schema.encode
    codes = [encode({"id": cell, "size": None, "colour": None})[0] for cell in ("10", "9.00", 9, -1.0, "-0", 0)]
    assert codes == [3, 2, 2, 0, 1, 1]
    assert math.isnan(encode({"id": "8", "size": None, "colour": None})[0])
    seen = {tuple(map(float, line.split(",")[1:2])) for line in outcome.side("train") if line.split(",")[1]}
    assert seen == {(0,), (1,), (2,), (3,)}


@pytest.mark.parametrize("words", [("true", "false"), ("True", "False"), ("TRUE", "FALSE")])
def test_booleans(tmp_path: Path, words: tuple[str, str]) -> None:
    table = simple()
    table["flag"] = [words[i % 2] if i % 11 else "" for i in range(60)]
    table["target"] = [words[i % 3 == 0] for i in range(60)]
    outcome = prepare(write_table(tmp_path / "raw.csv", table), tmp_path, drop=["size", "colour"])
    for line in outcome.side("train"):
        target, number, flag = line.split(",")
        assert flag == (str(1 - int(number) % 2) if int(number) % 11 else "")
        assert target == str(int(int(number) % 3 != 0))
    assert outcome.schema.classes == ["false", "true"]
    assert outcome.schema.truth(words[0]) == 1
    assert outcome.schema.encode({"id": 1, "flag": True}) == [1, 1]


@pytest.mark.parametrize("classes", [[], ["ship", "car", "bus"]])
def test_a_target_of_words(tmp_path: Path, classes: list[str]) -> None:
    table = simple()
    table["target"] = [("bus", "car", "ship")[i % 3] for i in range(60)]
    outcome = prepare(write_table(tmp_path / "raw.csv", table), tmp_path, classes=classes)
    order = classes or ["bus", "car", "ship"]
    assert outcome.schema.classes == order
    assert outcome.prepared.n_classes == 3
    for line in outcome.side("train"):
        target, number, *_ = line.split(",")
        assert order[int(target)] == ("bus", "car", "ship")[int(number) % 3]
    assert outcome.schema.truth("ship") == order.index("ship")


def test_numbers_as_classes(tmp_path: Path) -> None:
    table = simple()
    table["target"] = [("1", "2", "3")[i % 3] for i in range(60)]
    outcome = prepare(write_table(tmp_path / "raw.csv", table), tmp_path, classes=["3", "2", "1"])
    assert {line.partition(",")[0] for line in outcome.side("train")} == {"0", "1", "2"}
    assert outcome.schema.truth("3") == 0


def test_parquet(tmp_path: Path) -> None:
    n = 100
    columns = {
        "target": pa.array([i % 2 == 0 for i in range(n)]),
        "integer": pa.array([None if i % 9 == 0 else i for i in range(n)], pa.int32()),
        "single": pa.array([i / 3 for i in range(n)], pa.float32()),
        "word": pa.array([("a", "b", "NA")[i % 3] for i in range(n)]).dictionary_encode(),
        "decimal": pa.array(range(n)).cast(pa.decimal128(25, 2)),
        "at": pa.array(range(n), pa.timestamp("ns")),
        "nothing": pa.nulls(n),
    }
    raw = tmp_path / "raw.parquet"
    pq.write_table(pa.table(columns), raw)
    outcome = prepare(raw, tmp_path, drop=["at"])
    assert [column.kind for column in outcome.schema.features] == ["number", "number", "category", "number", "number"]
    assert outcome.schema.features[2].n_missing == 33
    singles = columns["single"].to_pylist()
    for line in outcome.side("train") + outcome.side("test"):
        target, integer, single, word, decimal, nothing = line.split(",")
        i = int(decimal)
        assert integer == ("" if i % 9 == 0 else str(i))
        assert (float(single), word, nothing) == (singles[i], ("0", "1", "")[i % 3], "")
        assert target == str(int(i % 2 == 0))
    for sample in outcome.samples:
        assert outcome.schema.csv_line(outcome.schema.encode(sample.cells)) == sample.line
    assert outcome.samples[0].truth in ("true", "false")


def test_numbers_that_mean_missing(tmp_path: Path) -> None:
    table = {"target": [0, 1] * 50, "whole": [-999, *range(99)], "real": [-999.0, 0.5] * 50, "word": ["-999", "a"] * 50}
    pq.write_table(pa.table(table), tmp_path / "raw.parquet")
    write_table(tmp_path / "raw.csv", {name: list(map(str, cells)) for name, cells in table.items()})
    from_parquet = prepare(tmp_path / "raw.parquet", tmp_path, missing=["", "-999"])
    assert [column.n_missing for column in from_parquet.schema.features] == [1, 50, 50]
    from_csv = prepare(tmp_path / "raw.csv", tmp_path, missing=["", "-999", "-999.0"])
    assert [column.n_missing for column in from_csv.schema.features] == [1, 50, 50]
    assert from_csv.side("train") == from_parquet.side("train")
    for cells in ({"whole": -999, "real": -999.0, "word": "-999"}, {"whole": "-999", "real": -999, "word": -999}):
        assert from_parquet.schema.csv_line(from_parquet.schema.encode(cells)) == ",,"


def test_a_single_feature_leaves_no_empty_line(tmp_path: Path) -> None:
    table = {"target": ["0", "1"] * 20, "x": ["", "1"] * 20}
    outcome = prepare(write_table(tmp_path / "raw.csv", table), tmp_path)
    assert set(outcome.features) == {"nan", "1"}
    assert outcome.schema.csv_line(outcome.schema.encode({"x": None})) == "nan"


def test_parts(tmp_path: Path) -> None:
    n = 30_000
    wide = "9.123456789012345"
    table = {"target": ["0", "1"] * (n // 2), "row": [str(i) for i in range(n)]}
    table |= {f"x{k}": [wide] * n for k in range(10)}
    outcome = prepare(
        write_table(tmp_path / "raw.csv", table), tmp_path, part_size_mb=1, test_fraction=0.5, validation_fraction=0
    )
    prepared = outcome.prepared
    assert prepared.train == [f"data/train/part-{i:05}.csv" for i in range(len(prepared.train))]
    assert len(prepared.train) == 3
    assert len(prepared.test) == len(prepared.features) == 3
    assert prepared.validation == []
    for labelled, features in zip(prepared.test, prepared.features, strict=True):
        assert [line.partition(",")[2] for line in outcome.lines([labelled])] == outcome.lines([features])
    sizes = [(tmp_path / name).stat().st_size for name in prepared.train + prepared.test]
    assert max(sizes) <= 1_000_000
    assert min(sizes[:2]) > 999_000
    rows = [int(line.split(",")[1]) for side in ("train", "test") for line in outcome.side(side)]
    assert sorted(rows) == list(range(n))


def test_normalisation_knows_only_the_training_rows(tmp_path: Path) -> None:
    n = 1000
    table = {
        "target": [str(i % 2) for i in range(n)],
        "row": [str(i) for i in range(n)],
        "x": [("" if i % 10 == 0 else repr(i * 0.37 - 5)) if i < 700 else "1e9" for i in range(n)],
        "same": ["0.1"] * n,
        "none": [""] * n,
        "word": ["a", "b"] * (n // 2),
        "infinite": [("inf", "1", "3")[i % 3] for i in range(n)],
    }
    raw = write_table(tmp_path / "raw.csv", table)
    outcome = prepare(raw, tmp_path, normalize=True, split="time", split_column="row", test_fraction=0.3)
    columns = list(zip(*(line.split(",")[1:] for line in outcome.side("train")), strict=True))
    x = [float(cell) for cell in columns[0] if cell]
    assert abs(math.fsum(x) / len(x)) < 1e-12
    assert abs(math.fsum(value * value for value in x) / len(x) - 1) < 1e-12
    assert set(columns[1]) == {"0"}
    assert set(columns[2]) == {""}
    assert set(columns[3]) == {"0", "1"}
    assert {round(float(cell), 9) for cell in columns[4]} == {math.inf, 1, -1}
    mean, deviation = outcome.schema.features[0].mean, outcome.schema.features[0].deviation
    assert mean is not None
    assert deviation is not None
    assert outcome.schema.encode(outcome.samples[0].cells)[0] == (1e9 - mean) / deviation
    for sample in outcome.samples:
        assert outcome.schema.csv_line(outcome.schema.encode(sample.cells)) == sample.line


def test_normalisation_over_many_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    n = 3000
    x = [1e6 + i * i / 7 if i % 3 else math.nan for i in range(n)]  # it drifts, so that blocks have other means
    table = {"target": ["0", "1"] * (n // 2), "row": [str(i) for i in range(n)]}
    table["x"] = ["" if v != v else repr(v) for v in x]
    monkeypatch.setattr(raw_table, "BLOCK_BYTES", 1000)
    outcome = prepare(write_table(tmp_path / "raw.csv", table), tmp_path, normalize=True, split="stratified")
    number, scaled = outcome.schema.features
    assert number.mean is not None
    assert number.deviation is not None
    rows = [round(float(line.split(",")[1]) * number.deviation + number.mean) for line in outcome.side("train")]
    values = [x[i] for i in rows if i % 3]
    assert scaled.mean == pytest.approx(statistics.fmean(values), rel=1e-13)
    assert scaled.deviation == pytest.approx(statistics.pstdev(values), rel=1e-11)
