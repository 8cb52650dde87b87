"""One file of the model for each executor, made once, mapped by all its workers; and a worker that is killed."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fasttrees
from fasttrees.errors import InputTypeError
from fasttrees.spark import transform
from fasttrees.spark._sharing import local_file, share
from tests.support.builders import join_model, random_tree


class Counted:
    """A broadcast that records each read of its value."""

    def __init__(self, folder: Path, content: bytes) -> None:
        self._folder = folder
        self._content = content

    @property
    def value(self) -> bytes:
        (self._folder / f"read-{os.getpid()}").touch()
        return self._content


def test_one_of_many_processes_writes_the_file(tmp_path: Path) -> None:
    broadcast = Counted(tmp_path, os.urandom(1 << 20))
    with ProcessPoolExecutor(8, mp_context=get_context("spawn")) as pool:
        paths = set(pool.map(local_file, [tmp_path] * 40, ["digest"] * 40, [broadcast] * 40))
    assert paths == {tmp_path / "fasttrees-digest.ft"}
    assert paths.pop().read_bytes() == broadcast._content
    assert len(list(tmp_path.glob("read-*"))) == 1
    assert {path.name for path in tmp_path.glob("*fasttrees*")} == {"fasttrees-digest.ft", "fasttrees-digest.lock"}


class Dying:
    @property
    def value(self) -> bytes:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


def test_a_writer_that_dies_leaves_the_file_to_the_next(tmp_path: Path) -> None:
    process = get_context("spawn").Process(target=local_file, args=(tmp_path, "digest", Dying()))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert not (tmp_path / "fasttrees-digest.ft").exists()
    assert local_file(tmp_path, "digest", Counted(tmp_path, b"whole")).read_bytes() == b"whole"


def slow_frame(spark: Any, model: fasttrees.Model, n_partitions: int = 8) -> tuple[Any, np.ndarray]:
    names = model.feature_name()
    columns = [f"cast((id * {7 + i}) % 100 AS double) / 10 - 5 AS {name}" for i, name in enumerate(names)]
    df = spark.range(0, 20_000, numPartitions=n_partitions).selectExpr("id AS row", *columns)
    ids = np.arange(20_000)
    rows = np.column_stack([(ids * (7 + i)) % 100 / 10.0 - 5 for i in range(len(names))])
    return df, rows


def test_workers_map_one_file(spark: Any, models: Path) -> None:
    """All workers map the same file, and none has private pages of it."""
    shared = share(spark, fasttrees.load(models / "multiclass.txt"))
    assert share(spark, fasttrees.load(models / "multiclass.txt"))._digest == shared._digest

    def look(batches: Iterator[Any]) -> Iterator[Any]:
        import pyarrow as pa

        list(batches)
        model = shared.model()
        model.predict(np.zeros((2000, model.num_feature())))
        time.sleep(0.5)  # so that another worker takes the next partition
        own: dict[str, int] = {}
        for line in Path("/proc/self/smaps").read_text().splitlines():
            if re.match("[0-9a-f]+-", line):
                name = line.split()[-1]
            elif line.startswith("Private_Dirty:") and "fasttrees-" in name:
                own[name] = own.get(name, 0) + int(line.split()[1])
        yield pa.RecordBatch.from_pylist([{"pid": os.getpid(), "file": name, "own": own[name]} for name in own])

    seen = spark.range(0, 8, numPartitions=8).mapInArrow(look, "pid long, file string, own long").collect()
    assert len(seen) == 8
    assert len({row.pid for row in seen}) > 1
    assert len({row.file for row in seen}) == 1
    assert {row.own for row in seen} == {0}


def test_killed_worker(spark: Any, models: Path, tmp_path: Path) -> None:
    """Kill -9 of a Python worker amid its rows: Spark runs the task again, and no row is lost or duplicated."""
    model = fasttrees.load(models / "multiclass.txt")
    df, rows = slow_frame(spark, model)
    marker = tmp_path / "killed"

    def kill_once(batches: Iterator[Any]) -> Iterator[Any]:
        for number, batch in enumerate(batches):
            if number == 2:
                try:
                    os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
                except FileExistsError:
                    pass
                else:
                    os.kill(os.getpid(), signal.SIGKILL)
            yield batch

    result = transform(df, model)
    got = result.mapInArrow(kill_once, result.schema).collect()
    assert marker.exists()
    assert sorted(row.row for row in got) == list(range(20_000))
    scores = np.array([row.prediction for row in sorted(got, key=lambda row: row.row)])
    assert scores.tobytes() == model.predict(rows).tobytes()


def test_model_of_100_megabytes(spark: Any) -> None:
    """A tree of 255 leaves, 6,600 times: read, broadcast, written to the executor's disk and used by all partitions."""
    tree = random_tree(np.random.default_rng(5), n_features=5, n_leaves=255).text(0)
    model = fasttrees.loads(join_model([tree.replace("Tree=0", f"Tree={number}", 1) for number in range(6600)], 5))
    df, rows = slow_frame(spark, model, 4)
    begin = time.monotonic()
    shared = share(spark, model)
    print(f"broadcast in {time.monotonic() - begin:.2f} s")

    def sizes(batches: Iterator[Any]) -> Iterator[Any]:
        import pyarrow as pa

        folder = os.environ["SPARK_LOCAL_DIRS"].split(",")[0]
        path = local_file(folder, shared._digest, shared._broadcast)
        yield pa.RecordBatch.from_pylist([{"size": path.stat().st_size, "kept": "_value" in vars(shared._broadcast)}])

    for _ in range(2):
        begin = time.monotonic()
        got = transform(df.where("row % 40 = 0"), model).collect()
        print(f"{len(got)} rows in {time.monotonic() - begin:.2f} s")
        assert (
            np.array([row.prediction for row in sorted(got, key=lambda row: row.row)]).tobytes()
            == model.predict(rows[::40]).tobytes()
        )
    seen = spark.range(0, 4, numPartitions=4).mapInArrow(sizes, "size long, kept boolean").collect()
    assert {row.size for row in seen} == {seen[0].size}
    assert seen[0].size > 100_000_000
    assert not any(row.kept for row in seen)


def test_no_broadcasts(models: Path) -> None:
    """As in sessions of Spark Connect."""
    with pytest.raises(InputTypeError, match="Spark Connect"):
        share(object(), fasttrees.load(models / "numerical.txt"))
