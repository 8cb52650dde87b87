"""A real Ray: blocks do not affect the predictions, the model is shared, a killed actor costs only time."""

from __future__ import annotations

import os
import signal
from itertools import pairwise
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fasttrees
import fasttrees.ray
from fasttrees._distributed import PortableModel
from tests.support.builders import Matrix, assert_same_bits
from tests.support.engine_models import KINDS, large_model_text, load, rows

pytestmark = pytest.mark.filterwarnings("ignore:::ray", "ignore:::pyarrow")  # they warn about what Ray itself does

MODEL = load("multiclass")
NAMES = MODEL.feature_name()


def table_of(values: Matrix, names: list[str]) -> pa.Table:
    return pa.table([*values.T, range(len(values))], [*names, "id"])


def blocks(ray: Any, table: pa.Table, cuts: list[int]) -> Any:
    bounds = [0, *sorted(cuts), len(table)]
    return ray.data.from_arrow([table.slice(start, stop - start) for start, stop in pairwise(bounds)])


def predictions(dataset: Any, output: str = "prediction") -> Matrix:
    """Return predictions in the order of the input rows."""
    batch = dataset.take_batch(dataset.count(), batch_format="numpy")
    return np.asarray(batch[output][np.argsort(batch["id"])])


@pytest.mark.parametrize("form", ["pyarrow", "numpy", "pandas"])
def test_formats(ray: Any, form: str) -> None:
    values = rows(300, 5)
    dataset = blocks(ray, table_of(values, NAMES), [0, 120, 120, 121])
    result = fasttrees.ray.predict(
        dataset, MODEL, output="p", batch_format=form, batch_size=64,
        compute=ray.data.ActorPoolStrategy(size=2),
    ).materialize()  # fmt: skip
    assert result.columns() == [*NAMES, "id", "p"]
    assert_same_bits(predictions(result, "p"), MODEL.predict(values))


@given(
    st.sampled_from(["numerical", "multiclass", "forest"]),
    st.sampled_from(sorted(KINDS)),
    st.lists(st.integers(0, 80), max_size=5),
    st.sampled_from([None, 1, 7, 1000]),
)
@settings(max_examples=4)
def test_blocks(ray: Any, name: str, kind: str, cuts: list[int], batch_size: int | None) -> None:
    model, values = load(name), rows(80, 5)
    result = fasttrees.ray.predict(
        blocks(ray, table_of(values, model.feature_name()), cuts), model, kind=kind, batch_size=batch_size,
        compute=ray.data.ActorPoolStrategy(size=1),
    ).materialize()  # fmt: skip
    assert_same_bits(predictions(result), model.predict(values, **KINDS[kind]))


def test_kept_columns(ray: Any) -> None:
    values = rows(60, 5)
    dataset = blocks(ray, table_of(values, NAMES), [20])
    for keep in (["id"], ["id", NAMES[2]]):
        result = fasttrees.ray.predict(dataset, MODEL, keep=keep).materialize()
        assert result.columns() == [*keep, "prediction"]
        assert_same_bits(predictions(result), MODEL.predict(values))


def test_parquet(ray: Any, tmp_path: Path) -> None:
    values = rows(100, 5)
    result = fasttrees.ray.predict(blocks(ray, table_of(values, NAMES), [50]), MODEL)
    result.write_parquet(str(tmp_path))
    frame = pd.read_parquet(tmp_path).sort_values("id")
    assert_same_bits(np.stack(frame["prediction"]), MODEL.predict(values))
    again = ray.data.read_parquet(str(tmp_path))
    assert_same_bits(predictions(again), MODEL.predict(values))


class Mortal(fasttrees.ray.Predictor):
    """Kills its process in the middle of the job, the first time."""

    def __call__(self, batch: Any) -> Any:
        if 200 in batch["id"].to_pylist():
            try:
                os.close(os.open(os.environ["FASTTREES_TEST_FLAG"], os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                pass
            else:
                os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(batch)


def test_a_killed_actor(ray: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fasttrees.ray, "Predictor", Mortal)
    flag = tmp_path / "killed"
    values = rows(400, 5)
    result = fasttrees.ray.predict(
        blocks(ray, table_of(values, NAMES), list(range(10, 400, 10))), MODEL,
        compute=ray.data.ActorPoolStrategy(size=2), runtime_env={"env_vars": {"FASTTREES_TEST_FLAG": str(flag)}},
    ).materialize()  # fmt: skip
    assert flag.exists()
    assert result.count() == 400
    assert_same_bits(predictions(result), MODEL.predict(values))


def test_a_large_model_is_shared(ray: Any) -> None:
    """Actors read its trees in the object store's memory: they have no copy of their own."""
    text = large_model_text()
    assert len(text) >= 100_000_000
    model = fasttrees.loads(text)
    values = np.nan_to_num(rows(2000, 28))
    table = table_of(values, model.feature_name())
    result = fasttrees.ray.predict(
        blocks(ray, table, list(range(0, 2000, 100))), model, compute=ray.data.ActorPoolStrategy(size=2)
    )
    assert_same_bits(predictions(result.materialize()), model.predict(values))

    @ray.remote  # type: ignore[untyped-decorator]
    def private_bytes(references: list[Any]) -> int:
        from fasttrees.ray import Predictor

        predictor = Predictor(references[0])
        before = private()
        predictor._model.predict(np.zeros((2000, 28)), n_threads=1)
        return private() - before

    def private() -> int:
        lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
        return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith("Private"))

    reference = ray.put(PortableModel.of(model))
    assert ray.get(private_bytes.remote([reference])) < 20_000_000


def test_tensors_and_the_class_by_hand(ray: Any) -> None:
    dataset = ray.data.from_numpy(rows(60, 5))
    for result in (
        fasttrees.ray.predict(dataset, MODEL, columns=["data"], batch_format="numpy"),
        dataset.map_batches(fasttrees.ray.Predictor, fn_constructor_args=(ray.put(MODEL),), batch_format="numpy"),
    ):
        batch = result.take_batch(60, batch_format="numpy")
        assert_same_bits(batch["prediction"], MODEL.predict(batch["data"]))


def test_categories_of_blocks_of_arrow(ray: Any) -> None:
    """Each block has its categories in another order; pandas gets them as categories."""
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"a": rng.normal(size=200), "c": pd.Categorical(rng.choice(list("xyz"), 200))})
    target = (frame["c"] == "y") + frame["a"]
    booster = lightgbm.train({"verbosity": -1, "num_threads": 1}, lightgbm.Dataset(frame, target), 5)
    expected = np.asarray(booster.predict(frame, num_threads=1))
    model = fasttrees.Model.from_booster(booster)
    frame["id"] = range(200)
    others = frame.assign(c=frame["c"].cat.reorder_categories(list("zyx")))
    dataset = ray.data.from_arrow([pa.Table.from_pandas(part, preserve_index=False)
                                   for part in (frame[:90], others[90:])])  # fmt: skip
    for batch_size in (None, 150):
        result = fasttrees.ray.predict(dataset, model, batch_format="pandas", batch_size=batch_size)
        assert_same_bits(predictions(result), expected)
    with pytest.raises(fasttrees.InputError, match=r"categories in 'c'.*batch_format=\"pandas\""):
        fasttrees.ray.predict(dataset, model)


def test_refused_before_the_job(ray: Any) -> None:
    dataset = ray.data.from_arrow(table_of(rows(10, 5), NAMES))
    with pytest.raises(fasttrees.InputError, match="expected the columns 'x'"):
        fasttrees.ray.predict(dataset, MODEL, columns=[*NAMES[:4], "x"])
    with pytest.raises(fasttrees.InputError, match="expected a new name as output, got 'id'"):
        fasttrees.ray.predict(dataset, MODEL, output="id")
    words = ray.data.from_arrow(pa.table({name: ["a", "b"] for name in NAMES}))
    with pytest.raises(fasttrees.InputError, match="string"):
        fasttrees.ray.predict(words, MODEL)
