"""Contributions (``pred_contrib``) have LightGBM's bits, whatever the data, the counts, the iterations, the threads."""

from __future__ import annotations

import dataclasses
import pickle
import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fasttrees
from fasttrees._engine.contributions import Contributor
from fasttrees._engine.rows import RowBuffer
from tests.support.builders import Tree, chain, load_compact, load_lightgbm, model_text, random_tree
from tests.support.paths import MODELS

sparse = pytest.importorskip("scipy.sparse")

NAMES = ["numerical", "categorical", "multiclass", "forest"]
ODD = [np.nan, 0.0, -0.0, 1e-36, -1e-35, 3.7, 2.0, -1.0, np.inf, 1e300]


def odd_rows(n_rows: int, n_features: int = 5, seed: int = 5) -> np.ndarray:
    """Rows with missing values, zeros and tiny numbers among others."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n_rows, n_features)) * 3
    return np.where(rng.random(rows.shape) < 0.3, rng.choice(ODD, rows.shape), rows)


def with_counts(tree: Tree, counts: list[int]) -> Tree:
    """Give the leaves of a tree counts, and its splits their sums."""
    sums = [0] * len(tree.left_child)
    for node in reversed(range(len(sums))):
        for child in (tree.left_child[node], tree.right_child[node]):
            sums[node] += counts[~child] if child < 0 else sums[child]
    return dataclasses.replace(tree, more={"leaf_count": counts, "internal_count": sums})


def assert_same(text: str, rows: Any, n_threads: int | None = None, **arguments: Any) -> Any:
    ours = fasttrees.loads(text).predict(rows, pred_contrib=True, n_threads=n_threads, **arguments)
    theirs: Any = load_lightgbm(text).predict(rows, pred_contrib=True, num_threads=1, **arguments)
    assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
    assert ours.tobytes() == theirs.tobytes()
    compact = load_compact(text).predict(rows, pred_contrib=True, n_threads=n_threads, **arguments)
    assert compact.tobytes() == theirs.tobytes()
    return ours


@pytest.mark.parametrize("start", [-1, 0, 1, 3, 99])
@pytest.mark.parametrize("count", [None, 0, 1, 2, 99])
@pytest.mark.parametrize("name", NAMES)
def test_iterations(name: str, start: int, count: int | None) -> None:
    text = (MODELS / f"{name}.txt").read_text()
    assert_same(text, odd_rows(200), start_iteration=start, num_iteration=count)


@pytest.mark.parametrize("n_threads", [1, 2, 5])
@pytest.mark.parametrize("n_rows", [1, 15, 64, 65, 8193, 16500])
@pytest.mark.parametrize("name", ["categorical", "multiclass"])
def test_batches(name: str, n_rows: int, n_threads: int) -> None:
    assert_same((MODELS / f"{name}.txt").read_text(), odd_rows(n_rows), n_threads)


@pytest.mark.parametrize("name", NAMES)
def test_arrays(name: str) -> None:
    text, rows = (MODELS / f"{name}.txt").read_text(), odd_rows(50)
    with np.errstate(over="ignore"):
        narrow = rows.astype(np.float32)
    for data in (narrow, np.asfortranarray(rows), rows[::-2], rows.tolist(), [[1, 2, 3, 4, 5]]):
        assert_same(text, data)


@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
def test_with_leaves_they_are_cut_to_whole_numbers() -> None:
    assert assert_same((MODELS / "multiclass.txt").read_text(), odd_rows(50), pred_leaf=True).dtype == np.int32


@settings(max_examples=200)
@given(st.data())
def test_random_trees(data: st.DataObject) -> None:
    """Features that come again on a way, category sets, counts of every kind: consistent, any, none."""
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    n_features, n_classes = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 3))
    top = data.draw(st.sampled_from([1, 2, 1000, 2**30]))
    kind = data.draw(st.sampled_from(["sums", "any", "no leaf_count", "no internal_count", "none"]))
    trees = []
    for _ in range(2 * n_classes):
        n_leaves = data.draw(st.integers(2, 24))
        tree = random_tree(rng, n_leaves, n_features, n_sets=data.draw(st.integers(0, 2)))
        leaves = rng.integers(0, top, n_leaves, endpoint=True).tolist()
        counts = dict(with_counts(tree, leaves).more)
        if kind == "any":
            counts["internal_count"] = rng.integers(-2, top, n_leaves - 1, endpoint=True).tolist()
        if kind == "sums" and sum(leaves) >= 2**31:
            continue
        if kind in ("none", "no leaf_count"):
            del counts["leaf_count"]
        if kind in ("none", "no internal_count"):
            del counts["internal_count"]
        counts = {key: [int(np.int32(np.int64(count) % 2**31)) if count > 0 else count for count in counts[key]]
                  for key in counts}  # fmt: skip
        trees.append(dataclasses.replace(tree, more=counts))
    trees = trees[: len(trees) // n_classes * n_classes] or [Tree((1.5,))] * n_classes
    with np.errstate(all="ignore"):
        rows = odd_rows(data.draw(st.integers(1, 90)), n_features, data.draw(st.integers(0, 99)))
        assert_same(model_text(trees, n_features, n_classes), rows)


def test_no_counts_give_nan() -> None:
    text = model_text([random_tree(np.random.default_rng(1), 9, 5)], 5)
    assert np.isnan(assert_same(text, odd_rows(20))[:, -1]).all()


@pytest.mark.parametrize("word", ["1e3", "12.7", "nan", "-5", "+7", "007", "0", "3000000000", "99999999999"])
@pytest.mark.parametrize("key", ["leaf_count", "internal_count"])
def test_odd_counts(key: str, word: str) -> None:
    """Counts are read as LightGBM reads integers, however they are spelt."""
    tree = with_counts(random_tree(np.random.default_rng(2), 9, 5), list(range(1, 10)))
    text = re.sub(r"tree_sizes=.*\n", "", model_text([tree], 5))
    odd = re.sub(rf"({key}=\d+ \d+ )\d+", rf"\g<1>{word}", text)
    assert odd != text or word == "0"
    assert_same(odd, odd_rows(20))


def test_one_leaf() -> None:
    assert (assert_same(model_text([Tree((1.5,)), Tree((0.25,))], 3), odd_rows(3, 3))[:, -1] == 1.75).all()


@pytest.mark.parametrize(("depth", "n_features"), [(300, 300), (1500, 3)])
def test_deep_trees(depth: int, n_features: int) -> None:
    rng = np.random.default_rng(depth)
    tree = chain(depth, rng.normal(size=depth).tolist(), n_features)
    text = model_text([with_counts(tree, rng.integers(1, 9, depth + 1).tolist())], n_features)
    assert_same(text, odd_rows(4, n_features))


def test_no_tree_is_too_deep() -> None:
    depth = 100_000
    tree = chain(depth, [1e9 + number for number in range(depth)], 2)
    model = fasttrees.loads(model_text([with_counts(tree, [1] * (depth + 1))], 2))
    contributions = model.predict(np.array([[2e9, 0.0], [np.nan, np.nan]]), pred_contrib=True)
    assert contributions.sum(axis=1) == pytest.approx(model.predict(np.array([[2e9, 0.0], [np.nan, np.nan]])))


def test_linear_trees() -> None:
    """Refused where the training parameters say linear_tree; without them the leaves' plain values count."""
    text = (MODELS / "linear.txt").read_text()
    with pytest.raises(fasttrees.InputError, match="linear_tree"):
        fasttrees.loads(text).predict(odd_rows(3), pred_contrib=True)
    assert "[linear_tree: 1]" in text
    assert_same(text.replace("[linear_tree: 1]", "[linear_tree: 0]"), odd_rows(20))
    assert_same(re.sub(r"\nparameters:.*?end of parameters\n", "\n", text, flags=re.DOTALL), odd_rows(20))


def test_no_rows_are_an_error() -> None:
    text = (MODELS / "numerical.txt").read_text()
    with pytest.raises(ZeroDivisionError):
        load_lightgbm(text).predict(np.empty((0, 5)), pred_contrib=True)
    with pytest.raises(fasttrees.InputError, match="at least one row"):
        fasttrees.loads(text).predict(np.empty((0, 5)), pred_contrib=True)


def test_wrong_width_is_an_error() -> None:
    with pytest.raises(fasttrees.InputError, match="columns"):
        fasttrees.load(MODELS / "numerical.txt").predict(np.zeros((2, 4)), pred_contrib=True)


def test_pickles_keep_counts() -> None:
    model = fasttrees.load(MODELS / "categorical.txt")
    rows = odd_rows(50)
    copied = pickle.loads(pickle.dumps(model))
    assert copied.predict(rows, pred_contrib=True).tobytes() == model.predict(rows, pred_contrib=True).tobytes()


@pytest.mark.filterwarnings("ignore:Converting data to scipy sparse matrix")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("kind", ["csr_matrix", "csc_matrix", "csr_array", "csc_array", "coo_matrix"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("n_rows", "start", "count"), [(40, 0, 1), (40, 1, 1), (40, 0, None), (40, 99, 1), (0, 0, 1)])
def test_sparse_results(name: str, kind: str, dtype: Any, n_rows: int, start: int, count: int | None) -> None:
    """Contributions for sparse data have LightGBM's type, shape, stored entries and bits; without trees no entries."""
    if not n_rows and name == "multiclass":
        return  # LightGBM crashes
    text = (MODELS / f"{name}.txt").read_text()
    rows = np.random.default_rng(3).integers(0, 3, (40, 5)).astype(dtype)
    data = getattr(sparse, kind)(rows[:n_rows])
    ours: Any = fasttrees.loads(text).predict(data, start, count, pred_contrib=True)
    theirs: Any = load_lightgbm(text).predict(data, start, count, pred_contrib=True)
    assert type(ours) is type(theirs)
    for our, their in zip(*((x if isinstance(x, list) else [x]) for x in (ours, theirs)), strict=True):
        assert (type(our), our.shape, our.dtype) == (type(their), their.shape, their.dtype)
        their.sort_indices()
        for part in ("data", "indices", "indptr"):
            assert getattr(our, part).dtype == getattr(their, part).dtype
            assert getattr(our, part).tobytes() == getattr(their, part).tobytes()


def test_buffers_that_do_not_fit_are_refused() -> None:
    model = fasttrees.load(MODELS / "numerical.txt")
    contributor = Contributor(model._evaluator.forest, 0, 1)
    zeros: Any = np.zeros((4, 5))
    rows = RowBuffer(zeros)
    with pytest.raises(fasttrees.InputError, match="24 items, got 23"):
        contributor.contribute(rows, memoryview(bytearray(23 * 8)).cast("d"), 0, 4)
    with pytest.raises(fasttrees.InputTypeError, match="format 'd'"):
        contributor.contribute(rows, memoryview(bytearray(24 * 4)).cast("f"), 0, 4)
    with pytest.raises(fasttrees.InputError, match="range"):
        contributor.contribute(rows, memoryview(bytearray(24 * 8)).cast("d"), 3, 5)
    with pytest.raises(fasttrees.InputError, match="iterations"):
        Contributor(model._evaluator.forest, 0, 999)


def test_import_stays_light() -> None:
    code = "import fasttrees, sys; print('numpy' in sys.modules or 'fasttrees._engine.contributions' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"
