"""A cluster of two local processes: each gets the model once, and a killed one costs only time."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from dask.distributed import Client, LocalCluster

import fasttrees
import fasttrees.dask
from tests.support.builders import Matrix, assert_same_bits
from tests.support.engine_models import KINDS, large_model_text, load, rows

MODEL = load("multiclass")


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        yield client


def slowly(part: pd.DataFrame) -> pd.DataFrame:
    time.sleep(0.02)
    return part


def frame_of(n_rows: int) -> pd.DataFrame:
    return pd.DataFrame(rows(n_rows, 5), columns=MODEL.feature_name())


def scores_of(result: Any) -> Matrix:
    """Compute a DataFrame of predictions: one dimension if a row has one."""
    values: Matrix = result.compute().to_numpy()
    return values[:, 0] if values.shape[1] == 1 else values


@pytest.mark.parametrize("kind", KINDS)
def test_same_bits(client: Client, kind: str) -> None:
    frame = frame_of(500)
    expected = MODEL.predict(frame, **KINDS[kind])
    parts = dd.from_pandas(frame, npartitions=9)
    assert_same_bits(scores_of(fasttrees.dask.predict(parts, MODEL, kind=kind, keep=[])), expected)
    array = da.from_array(frame.to_numpy(), chunks=(77, 2))
    assert_same_bits(fasttrees.dask.predict(array, MODEL, kind=kind, n_threads=2).compute(), expected)


def count_openings() -> None:
    """Make this worker count the models that it opens: one each time the model arrives."""
    distributed: Any = import_module("fasttrees._distributed")
    plain = getattr(distributed.open_model, "plain", distributed.open_model)

    def counting(*arguments: Any) -> Any:
        counted.count += 1
        return plain(*arguments)

    counted: Any = counting
    counted.count, counted.plain = 0, plain
    distributed.open_model = counting


def openings() -> int:
    distributed: Any = import_module("fasttrees._distributed")
    count: int = distributed.open_model.count
    return count


def test_each_worker_gets_the_model_once(client: Client) -> None:
    frame = frame_of(400)
    client.run(count_openings)
    parts = dd.from_pandas(frame, npartitions=40).map_partitions(slowly, meta=frame.iloc[:0])
    assert_same_bits(scores_of(fasttrees.dask.predict(parts, MODEL, keep=[])), MODEL.predict(frame))
    assert sorted(client.run(openings).values()) == [1, 1]


def die_once(part: pd.DataFrame, number: int, flag: str) -> pd.DataFrame:
    """Kill this worker in the middle of the job, the first time."""
    time.sleep(0.01)
    if number == 20:
        try:
            os.close(os.open(flag, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return part
        os.kill(os.getpid(), signal.SIGKILL)
    return part


def test_a_killed_worker(client: Client, tmp_path: Path) -> None:
    frame = frame_of(400)
    before = set(client.run(os.getpid).values())
    mortal = dd.from_map(
        lambda number: die_once(frame.iloc[number * 10 : number * 10 + 10], number, str(tmp_path / "killed")),
        range(40),
        meta=frame.iloc[:0],
    )
    assert_same_bits(scores_of(fasttrees.dask.predict(mortal, MODEL, keep=[])), MODEL.predict(frame))
    assert (tmp_path / "killed").exists()
    client.wait_for_workers(2, timeout=60)
    after = set(client.run(os.getpid).values())
    assert len(before & after) == 1


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("large") / "model.ft"
    text = large_model_text()
    assert len(text) >= 100_000_000
    fasttrees.loads(text).save(path)
    return path


def test_a_large_model(client: Client, large: Path) -> None:
    """As an object it goes through the graph, of which Dask warns; as a path it does not."""
    model = fasttrees.load(large)
    values = np.nan_to_num(rows(2000, 28))
    array = da.from_array(values, chunks=(100, 28))
    expected = model.predict(values)
    assert_same_bits(fasttrees.dask.predict(array, large).compute(), expected)
    client.run(count_openings)
    with pytest.warns(UserWarning, match="large graph"):
        scores = fasttrees.dask.predict(array, model).compute()
    assert_same_bits(scores, expected)
    assert max(client.run(openings).values()) == 1


def test_another_file_on_a_worker(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "model.txt"
    path.write_text(MODEL.model_to_string())
    scores = fasttrees.dask.predict(da.zeros((10, 5), chunks=(5, 5)), path)
    path.write_text(load("numerical").model_to_string())
    with pytest.raises(fasttrees.ModelFormatError, match="digest"):
        scores.compute()
