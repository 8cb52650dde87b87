"""What each split promises: every row on one side, the same again, whatever the blocks, and the shares."""

import io
import random
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fasttrees.pipeline import ConfigError
from fasttrees.pipeline.preparation import raw_table
from fasttrees.pipeline.preparation.cells import ordered_keys
from fasttrees.pipeline.preparation.profile import select_key
from fasttrees.pipeline.preparation.split import uniform
from tests.support.tables import SIDES, Outcome, first_cells, prepare, write_table

N = 6000
SETTINGS: dict[str, dict[str, Any]] = {
    "random": {},
    "stratified": {},
    "time": {"split_column": "day"},
    "group": {"split_column": "user"},
}


def day(i: int) -> int:
    return i * 7919 % 365


def target(i: int) -> int:
    return int(i % 13 == 0) + int(i % 3000 == 1) * 2


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    columns = {
        "row": [str(i) for i in range(N)],
        "day": [str(np.datetime64("2025-01-01") + day(i)) for i in range(N)],
        "user": [f"user {i * 31 % 701}" for i in range(N)],
        "target": [str(target(i)) for i in range(N)],
    }
    return write_table(tmp_path_factory.mktemp("raw") / "raw.csv", columns)


def rows(outcome: Outcome) -> dict[str, list[int]]:
    return {side: first_cells(outcome.side(side)) for side in SIDES}


def run(raw: Path, folder: Path, split: str, **more: Any) -> dict[str, list[int]]:
    settings = {"split": split, "drop": [] if split == "time" else ["day"], "test_fraction": 0.25} | SETTINGS[split]
    return rows(prepare(raw, folder, **(settings | more)))


@pytest.mark.parametrize("split", SETTINGS)
def test_every_row_is_on_one_side_and_order_is_kept(raw: Path, tmp_path: Path, split: str) -> None:
    sides = run(raw, tmp_path, split)
    assert sorted(sides["train"] + sides["validation"] + sides["test"]) == list(range(N))
    for numbers in sides.values():
        assert numbers == sorted(numbers)


@pytest.mark.parametrize("split", SETTINGS)
def test_blocks_do_not_matter(raw: Path, tmp_path: Path, split: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sides = run(raw, tmp_path, split)
    for block_bytes in (200, 3333):
        monkeypatch.setattr(raw_table, "BLOCK_BYTES", block_bytes)
        assert run(raw, tmp_path, split) == sides


@pytest.mark.parametrize("split", ["random", "stratified", "group"])
def test_another_seed_gives_other_rows(raw: Path, tmp_path: Path, split: str) -> None:
    one, other = run(raw, tmp_path, split), run(raw, tmp_path, split, seed=2)
    both = set(one["test"]) & set(other["test"])
    assert len(both) < 0.4 * len(one["test"])  # 0.25 by chance


@pytest.mark.parametrize("split", SETTINGS)
def test_shares(raw: Path, tmp_path: Path, split: str) -> None:
    sides = run(raw, tmp_path, split)
    near = 0.03 if split in ("random", "group") else 0.005
    assert abs(len(sides["test"]) / N - 0.25) < near
    assert abs(len(sides["validation"]) / N - 0.1) < near


def test_random_rows_stay_where_they_are_when_rows_are_added(raw: Path, tmp_path: Path) -> None:
    shorter = tmp_path / "shorter.csv"
    shorter.write_text("".join(raw.read_text().splitlines(keepends=True)[:1001]))
    few, all_of_them = run(shorter, tmp_path, "random"), run(raw, tmp_path, "random")
    for side in SIDES:
        assert few[side] == [row for row in all_of_them[side] if row < 1000]


def test_stratified_is_exact_to_a_row_in_each_class(raw: Path, tmp_path: Path) -> None:
    sides = run(raw, tmp_path, "stratified")
    for code in {target(i) for i in range(N)}:
        count = sum(target(i) == code for i in range(N))
        for side, share in (("test", 0.25), ("validation", 0.1)):
            assert abs(sum(target(i) == code for i in sides[side]) - share * count) <= 1, (code, side)
    gaps = set(np.diff([i for i in sides["test"] if target(i) == 0]).tolist())
    assert len(gaps) > 5  # not every fourth row


def test_time_puts_the_last_days_into_the_test_and_cuts_no_day(raw: Path, tmp_path: Path) -> None:
    sides = run(raw, tmp_path, "time")
    days = {side: [day(i) for i in numbers] for side, numbers in sides.items()}
    assert max(days["train"]) < min(days["validation"])
    assert max(days["validation"]) < min(days["test"])
    exact = sorted(map(day, range(N)))[N - round(N * 0.25)]
    assert min(days["test"]) == exact


@pytest.mark.parametrize("form", ["zoned", "number", "negative", "timestamp", "date"])
def test_times_of_all_forms(tmp_path: Path, form: str) -> None:
    n = 100
    order = random.Random(3).sample(range(n), n)
    hours = [np.datetime64("1969-12-30T12:00") + np.timedelta64(i, "h") for i in order]
    if form in ("timestamp", "date"):
        raw = tmp_path / "raw.parquet"
        times = pa.array(order, pa.timestamp("us", tz="America/Sao_Paulo") if form == "timestamp" else pa.date32())
        pq.write_table(pa.table({"row": order, "at": times, "target": [0, 1] * 50}), raw)
    else:
        texts = {
            "zoned": [f"{hour}:00Z" for hour in hours],
            "number": [str(i) for i in order],
            "negative": [repr((i - 50) / 3) for i in order],
        }
        columns = {"row": list(map(str, order)), "at": texts[form], "target": ["0", "1"] * 50}
        raw = write_table(tmp_path / "raw.csv", columns)
    sides = rows(prepare(raw, tmp_path, split="time", split_column="at"))
    assert sorted(sides["test"]) == list(range(80, 100))
    assert sorted(sides["validation"]) == list(range(70, 80))


def test_groups_are_not_torn(raw: Path, tmp_path: Path) -> None:
    sides = run(raw, tmp_path, "group")
    groups = [{i * 31 % 701 for i in numbers} for numbers in sides.values()]
    assert sum(map(len, groups)) == len(set().union(*groups)) == 701


def test_groups_are_told_apart_beyond_doubles(tmp_path: Path) -> None:
    n = 400
    table = {"row": list(range(n)), "user": [2**60 + i for i in range(n)], "target": [i % 2 for i in range(n)]}
    raw = tmp_path / "raw.parquet"
    pq.write_table(pa.table(table), raw)
    sides = rows(prepare(raw, tmp_path, split="group", split_column="user"))
    assert sides["train"]
    assert sides["validation"]
    assert sides["test"]


@pytest.mark.parametrize(
    ("split", "columns"),
    [("time", {"at": ["2025-01-01"] * 40}), ("group", {"at": ["one"] * 40})],
)
def test_a_side_without_rows_is_an_error(tmp_path: Path, split: str, columns: dict[str, list[str]]) -> None:
    raw = write_table(tmp_path / "raw.csv", columns | {"x": ["1"] * 40, "target": ["0", "1"] * 20})
    with pytest.raises(ConfigError, match="no rows are left to"):
        prepare(raw, tmp_path, split=split, split_column="at")
    assert not (tmp_path / "data").exists()


@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=50), st.data())
def test_keys_have_the_order_of_their_numbers(numbers: list[float], data: st.DataObject) -> None:
    keys = ordered_keys(pa.array(numbers), "number")
    assert np.array_equal(np.argsort(keys, kind="stable"), np.argsort(numbers, kind="stable"))
    rank = data.draw(st.integers(0, len(numbers) - 1))
    assert select_key(io.BytesIO(keys.tobytes()), rank) == np.sort(keys)[rank]


def test_uniform_numbers() -> None:
    numbers = uniform(np.arange(100_000, dtype=np.uint64), 1)
    counts, _ = np.histogram(numbers, 100, (0, 1))
    assert abs(counts - 1000).max() < 160  # five deviations
    assert abs(np.corrcoef(numbers[:-1], numbers[1:])[0, 1]) < 0.016
    assert abs(np.corrcoef(numbers, uniform(np.arange(100_000, dtype=np.uint64), 2))[0, 1]) < 0.016
