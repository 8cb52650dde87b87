"""The public model: shapes, dtypes, errors, sharing."""

import copy
import ctypes
import gc
import os
import pickle
import subprocess
import sys
import threading
import time
from array import array
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import pytest

import fasttrees
from fasttrees import _builds
from tests.support.paths import MODELS
from tests.support.processes import run_python

NAMES = ["numerical", "categorical", "linear", "multiclass", "forest"]


@pytest.fixture(params=NAMES)
def model(request: pytest.FixtureRequest) -> fasttrees.Model:
    return fasttrees.load(MODELS / f"{request.param}.txt")


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    rng = np.random.default_rng(3)
    data = rng.normal(size=(3000, 5))
    data[:, 3] = rng.integers(-2, 90, 3000)
    data[rng.random(data.shape) < 0.1] = np.nan
    return data


def same_bits(left: np.ndarray, right: np.ndarray) -> bool:
    return left.dtype == right.dtype and left.shape == right.shape and left.tobytes() == right.tobytes()


def test_shapes_and_dtypes(model: fasttrees.Model, rows: np.ndarray) -> None:
    scores = model.predict(rows)
    assert scores.dtype == np.float64
    assert scores.shape == ((3000,) if model.num_class == 1 else (3000, model.num_class))
    leaves = model.predict(rows, pred_leaf=True)
    assert leaves.dtype == np.int32
    assert leaves.shape == (3000, model.num_trees())
    assert model.predict(rows[:1], pred_leaf=True).shape == (1, model.num_trees())
    assert model.predict(rows[:, :5], 2, 1, pred_leaf=True).shape == (3000, model.num_class)


def test_no_rows(model: fasttrees.Model) -> None:
    for n_threads in (None, 1, 3):
        scores = model.predict(np.empty((0, 5)), n_threads=n_threads)
        assert scores.shape == (0,)
        assert scores.dtype == np.float64
    with pytest.raises(fasttrees.InputError, match="at least one row"):
        model.predict(np.empty((0, 5)), pred_leaf=True)


def test_every_number_of_rows_and_threads_gives_the_same_bits(model: fasttrees.Model, rows: np.ndarray) -> None:
    """Across the switch from walk to blocks, and every border of a block."""
    scores = model.predict(rows, n_threads=1)
    for n_rows in (*range(1, 20), 63, 64, 65, 127, 128, 129, 511, 512, 513, 1023, 1024, 1025, 2999):
        assert same_bits(model.predict(rows[:n_rows]), scores[:n_rows])
        assert same_bits(model.predict(rows[-n_rows:], n_threads=2), scores[-n_rows:])
    for n_threads in (2, 3, 64):
        assert same_bits(model.predict(rows, n_threads=n_threads), scores)


@pytest.mark.parametrize("build", _builds.usable_builds())
def test_every_build_gives_the_same_bits(model: fasttrees.Model, rows: np.ndarray, build: str) -> None:
    module = __import__(f"fasttrees.{build}", fromlist=["Evaluator"])
    evaluator = model._evaluator
    other = fasttrees.Model._of(
        module.Evaluator(evaluator.forest, evaluator.objective, evaluator.average_output), model._header
    )
    for n_rows in (3, 3000):
        assert same_bits(other.predict(rows[:n_rows]), model.predict(rows[:n_rows]))
        assert same_bits(other.predict(rows[:n_rows], pred_leaf=True), model.predict(rows[:n_rows], pred_leaf=True))


def test_the_environment_chooses_a_build() -> None:
    code = "import fasttrees._builds; print(fasttrees._builds.Evaluator.__module__)"
    best, *_ = builds = _builds.usable_builds()
    for build in ["", *builds]:
        ended = run_python(code, FASTTREES_BUILD=build)
        assert (ended.stdout.strip(), ended.stderr) == (f"fasttrees.{build or best}", "")
    ended = run_python(code, FASTTREES_BUILD="_eval_abacus")
    assert ended.returncode
    assert f"FASTTREES_BUILD: expected one of {', '.join(builds)}, got '_eval_abacus'" in ended.stderr


@pytest.mark.parametrize("n_rows", [3, 3000])  # walked, and in blocks
def test_memory_orders_strides_and_read_only_rows(model: fasttrees.Model, rows: np.ndarray, n_rows: int) -> None:
    rows = rows[:n_rows]
    scores = model.predict(rows)
    wide = np.full((2 * n_rows, 12), 9.0)
    wide[::2, 1:11:2] = rows
    frozen = rows.copy()
    frozen.flags.writeable = False
    for same in (np.asfortranarray(rows), wide[::2, 1:11:2], frozen, rows[::-1][::-1], rows[:, ::-1][:, ::-1]):
        assert same_bits(model.predict(same), scores)
    assert same_bits(model.predict(rows[::-1]), scores[::-1].copy())
    narrow = rows.astype(np.float32)
    assert same_bits(model.predict(narrow), model.predict(narrow.astype(np.float64)))
    assert same_bits(model.predict(rows.astype(">f8")), model.predict(narrow))
    packed = np.zeros(n_rows, dtype=np.dtype([("flag", "i1"), ("values", "f8", 5)]))
    packed["values"] = rows
    assert not packed["values"].flags.aligned
    assert same_bits(model.predict(packed["values"]), scores)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (np.zeros(5), "must be 2 dimensional"),
        (np.zeros((1, 1, 5)), "must be 2 dimensional"),
        ([], "must be 2 dimensional"),
        ([1.0, 2.0], "must be 2 dimensional"),
        ([[1.0], [2.0, 3.0]], "Cannot convert data list"),
        (np.zeros((2, 4)), r"features in data \(4\) is not the same as it was in training data \(5\)"),
        (np.zeros((2, 6)), r"features in data \(6\)"),
        (np.zeros((0, 4)), r"features in data \(4\)"),
        (np.array([["a"] * 5]), "cannot convert data of type"),
        (np.array([[{}] * 5]), "cannot convert data of type object"),
    ],
)
def test_rows_that_cannot_be_scored(model: fasttrees.Model, data: object, problem: str) -> None:
    with pytest.raises(fasttrees.InputError, match=problem):
        model.predict(data)


@pytest.mark.parametrize("data", [None, 5, ((1.0,) * 5,), {"a": 1}, b"12345", memoryview(bytes(40))])
def test_other_types_are_refused(model: fasttrees.Model, data: object) -> None:
    with pytest.raises(fasttrees.InputTypeError, match="Cannot predict data for type"):
        model.predict(data)


@pytest.mark.parametrize("n_threads", [0, -1, 1.0, "2", True])
@pytest.mark.parametrize("n_rows", [1, 3000])
def test_wrong_numbers_of_threads(model: fasttrees.Model, n_threads: object, n_rows: int) -> None:
    with pytest.raises(fasttrees.InputError, match="n_threads"):
        model.predict(np.zeros((n_rows, 5)), n_threads=n_threads)  # type: ignore[arg-type]


def test_buffers_in_buffers_out(model: fasttrees.Model, rows: np.ndarray) -> None:
    out = bytearray(8 * 3000 * model.num_outputs())
    model.predict_into(rows.data, memoryview(out).cast("d"))
    assert out == model.predict(rows).tobytes()
    n_outputs = model.num_outputs(1, 2, pred_leaf=True)
    assert n_outputs == 2 * model.num_class
    leaves = np.empty((3000, n_outputs), np.int32)
    model.predict_into(rows, leaves, 1, 2, pred_leaf=True)
    assert same_bits(leaves, model.predict(rows, 1, 2, pred_leaf=True))


def test_buffers_that_do_not_fit(model: fasttrees.Model, rows: np.ndarray) -> None:
    n = 3000 * model.num_class
    good = np.empty(n)
    with pytest.raises(fasttrees.InputError, match="expected an output buffer of format 'd'"):
        model.predict_into(rows, np.empty(n - 1))
    with pytest.raises(fasttrees.InputError, match="expected an output buffer of format 'd'"):
        model.predict_into(rows, np.empty(n + 1))
    with pytest.raises(fasttrees.InputError, match="expected an output buffer of format 'd'"):
        model.predict_into(rows, np.empty(2 * n, np.float32))
    with pytest.raises(fasttrees.InputError, match="expected an output buffer of format 'i'"):
        model.predict_into(rows, good, pred_leaf=True)
    for out in (np.empty(2 * n)[::2], bytes(8 * n), None):
        with pytest.raises(fasttrees.InputTypeError, match="writable C-contiguous buffer"):
            model.predict_into(rows, out)
    with pytest.raises(fasttrees.InputTypeError, match="format 'd' or 'f'"):
        model.predict_into(np.zeros((3000, 5), np.int64), good)
    with pytest.raises(fasttrees.InputTypeError, match="format 'd' or 'f'"):
        model.predict_into(rows.astype(">f8"), good)
    with pytest.raises(fasttrees.InputError, match="2 dimensions"):
        model.predict_into(rows.reshape(-1), good)
    with pytest.raises(fasttrees.InputTypeError, match="Cannot predict data for type list"):
        model.predict_into([[1.0]], good)
    with pytest.raises(fasttrees.InputError, match="aligned"):
        model.predict_into(np.zeros(8 * 15 + 1, np.uint8)[1:].view(np.float64).reshape(3, 5), np.empty(3))


def test_more_rows_than_memory_can_hold() -> None:
    """A view that repeats one number; the size of its output, 2**64 bytes, would wrap around to none."""
    text = (MODELS / "one_leaf.txt").read_text().replace("objective=regression\n", "")
    text = text.replace("num_class=1", "num_class=4").replace("num_tree_per_iteration=1", "num_tree_per_iteration=4")
    tree = text[text.index("Tree=0") : text.index("end of trees")]
    model = fasttrees.loads(text.replace(tree, tree * 4))
    rows = np.lib.stride_tricks.as_strided(np.zeros(1), (2**59, 1), (0, 8))
    for out in (np.empty(0), np.empty(4)):
        with pytest.raises(fasttrees.InputError, match="expected an output buffer"):
            model.predict_into(rows, out, raw_score=True, n_threads=1)


def test_one_row_of_odd_strides(model: fasttrees.Model) -> None:
    row = np.zeros(1, dtype=[("values", "f8", 10), ("flag", "i1")])["values"][:, ::2]
    assert row.shape == (1, 5)
    assert same_bits(model.predict(row), model.predict(np.zeros((1, 5))))


@pytest.mark.parametrize("arguments", [(), (0, None, True), (1, 2), (-5, 2**80, True), (99,)])
def test_a_row_scorer_gives_the_same_bits(model: fasttrees.Model, rows: np.ndarray, arguments: tuple[Any, ...]) -> None:
    score = model.row_scorer(*arguments).score
    expected = model.predict(rows[:50], *arguments)
    frozen = rows[:50].copy()
    frozen.flags.writeable = False
    for row, scores in zip(frozen, expected, strict=True):
        for same in (row, array("d", row), memoryview(row), row.reshape(1, 5)):
            result = score(same)
            assert isinstance(result, float if model.num_class == 1 else tuple)
            assert np.array(result).tobytes() == scores.tobytes()


def test_rows_that_a_row_scorer_refuses(model: fasttrees.Model) -> None:
    score = model.row_scorer().score
    narrow, whole, swapped = (np.zeros(5, dtype) for dtype in ("f4", "i8", ">f8"))
    nothing: Any = type("Nothing", (ctypes.Structure,), {"_fields_": []})  # items of no bytes
    wrong: list[Any] = [np.zeros(4), np.zeros(6), narrow, whole, swapped, bytes(40), (nothing * 5)()]
    for row in wrong:
        with pytest.raises(fasttrees.InputError, match="expected 5 items of format 'd'"):
            score(row)
    wrong = [np.zeros(10)[::2], [0.0] * 5, None, np.zeros(5, "M8[s]")]
    for row in wrong:
        with pytest.raises(fasttrees.InputTypeError, match="buffer of 5 float64 items"):
            score(row)
    with pytest.raises(fasttrees.InputError, match="aligned"):
        score(np.zeros(41, np.uint8)[1:].view(np.float64))
    with pytest.raises(TypeError):
        model.row_scorer(0.5)  # type: ignore[arg-type]


def test_the_last_rows_of_a_batch_need_no_plan_for_few_rows(model: fasttrees.Model, rows: np.ndarray) -> None:
    model.predict(rows[:2048], n_threads=2)
    n_bytes = model.nbytes
    model.predict(rows[:2050], n_threads=2)
    assert model.nbytes == n_bytes


def test_leaves_of_no_trees_may_go_nowhere(model: fasttrees.Model, rows: np.ndarray) -> None:
    address = ctypes.pythonapi.PyMemoryView_FromMemory
    address.restype = ctypes.py_object
    nowhere = address(None, ctypes.c_ssize_t(0), 0x200).cast("i")  # writable, at NULL
    for n_rows in (1, 100):
        model.predict_into(rows[:n_rows], nowhere, start_iteration=10**6, pred_leaf=True)


def test_threads_share_a_row_scorer(model: fasttrees.Model, rows: np.ndarray) -> None:
    score = model.row_scorer().score
    expected = [score(row) for row in rows[:200]]
    with ThreadPoolExecutor(4) as pool:
        for results in pool.map(lambda _: [score(row) for row in rows[:200]], range(8)):
            assert results == expected


@pytest.mark.parametrize("wrong", [0.5, "1", [1]])
def test_iterations_are_whole_numbers(model: fasttrees.Model, wrong: object) -> None:
    with pytest.raises(TypeError):
        model.predict(np.zeros((1, 5)), wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        model.predict(np.zeros((1, 5)), 0, wrong)  # type: ignore[arg-type]
    assert model.num_outputs(np.int64(1), np.int8(2), True) == 2 * model.num_class  # type: ignore[arg-type]


def test_threads_that_make_the_plan_at_once(rows: np.ndarray) -> None:
    """Each keeps the plan it works with, whichever the model keeps; collections in between let others in."""
    expected = fasttrees.load(MODELS / "categorical.txt").predict(rows)
    threshold = gc.get_threshold()
    callback = lambda phase, info: time.sleep(0)  # noqa: E731  (lets another thread run)
    gc.callbacks.append(callback)
    gc.set_threshold(1)
    try:
        for _ in range(30):
            model = fasttrees.load(MODELS / "categorical.txt")
            results: list[np.ndarray] = []
            work = partial(lambda model, results: results.append(model.predict(rows)), model, results)
            threads = [threading.Thread(target=work) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert len(results) == 4
            assert all(same_bits(result, expected) for result in results)
    finally:
        gc.set_threshold(*threshold)
        gc.callbacks.remove(callback)


def test_a_thread_goes_on_after_the_main_thread() -> None:
    code = (
        "import threading, time, numpy, fasttrees\n"
        f"model = fasttrees.load({str(MODELS / 'numerical.txt')!r})\n"
        "def work():\n"
        "    time.sleep(0.3)\n"
        "    print(len(model.predict(numpy.zeros((5000, 5)), n_threads=2)))\n"
        "threading.Thread(target=work).start()\n"
    )
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert (result.stdout, result.stderr) == ("5000\n", "")


def test_output_over_the_rows_is_refused() -> None:
    model = fasttrees.load(MODELS / "numerical.txt")
    memory = np.zeros(200)
    rows = memory[50:100].reshape(10, 5)
    for begin in (41, 50, 95, 99):
        for same in (rows, rows[::-1], rows[:, ::-1], rows[::-1, ::-1]):
            with pytest.raises(fasttrees.InputError, match="overlaps"):
                model.predict_into(same, memory[begin : begin + 10])
    for begin in (0, 40, 100, 190):
        model.predict_into(rows, memory[begin : begin + 10])
    with pytest.raises(fasttrees.InputError, match="aligned"):
        model.predict_into(rows, memory[100:].view(np.uint8)[1:81].data.cast("d"))


def test_iterations_are_cut_to_those_there_are(model: fasttrees.Model, rows: np.ndarray) -> None:
    scores = model.predict(rows)
    assert same_bits(model.predict(rows, -3, 0), scores)
    assert same_bits(model.predict(rows, 0, 99), scores)
    assert same_bits(model.predict(rows, 0, -1), scores)
    assert model.num_outputs(2, 99, pred_leaf=True) == (model.current_iteration() - 2) * model.num_class
    assert model.predict(rows, 99, pred_leaf=True).shape == (3000, 0)


def test_pickles_and_copies(model: fasttrees.Model, rows: np.ndarray) -> None:
    assert copy.copy(model) is copy.deepcopy(model) is model
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(model, protocol))
        assert same_bits(again.predict(rows), model.predict(rows))
        assert (repr(again), again.feature_name(), again.parameters) == (
            repr(model),
            model.feature_name(),
            model.parameters,
        )


def test_a_damaged_pickle_is_refused(model: fasttrees.Model) -> None:
    reduced: Any = model._evaluator.forest.__reduce__()
    make, arguments, state = reduced
    for i, items in enumerate(state):
        changes = [items[:-1] if items else b"x", items + bytes(4), items[8:] if items else bytes(24)]
        for changed in changes:
            with pytest.raises(fasttrees.ModelFormatError):
                make(*arguments).__setstate__((*state[:i], changed, *state[i + 1 :]))
    with pytest.raises(fasttrees.ModelFormatError):
        make(1, *arguments[1:]).__setstate__(state)
    with pytest.raises(fasttrees.ModelFormatError):
        make(arguments[0], 7).__setstate__(state)
    with pytest.raises(fasttrees.ModelFormatError):
        make(*arguments).__setstate__(state[:-1])


def test_threads_share_a_model(rows: np.ndarray) -> None:
    model = fasttrees.load(MODELS / "multiclass.txt")
    expected = fasttrees.load(MODELS / "multiclass.txt").predict(rows)
    wrong: list[int] = []

    def work(number: int) -> None:
        wrong.extend(
            number for _ in range(20) if not same_bits(model.predict(rows, n_threads=1 + number % 2), expected)
        )

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_forked_process_goes_on(rows: np.ndarray) -> None:
    model = fasttrees.load(MODELS / "numerical.txt")
    expected = model.predict(rows, n_threads=2)
    pid = os.fork()
    if pid == 0:
        os._exit(0 if same_bits(model.predict(rows, n_threads=2), expected) else 1)
    assert os.waitpid(pid, 0)[1] == 0


def test_the_gil_is_released() -> None:
    """While one thread scores, another must get to run Python far more often than the switch interval alone allows."""
    model = fasttrees.load(MODELS / "multiclass.txt")
    rows = np.zeros((2_000_000, 5))
    turns = 0
    done = threading.Event()
    interval = sys.getswitchinterval()

    def count() -> None:
        nonlocal turns
        while not done.is_set():
            turns += 1
            time.sleep(0)

    sys.setswitchinterval(100)  # a thread that kept the GIL would now keep it to its end
    try:
        counter = threading.Thread(target=count)
        counter.start()
        model.predict(rows, n_threads=1)
        turns_while_scoring = turns
        done.set()
        counter.join()
    finally:
        sys.setswitchinterval(interval)
    assert turns_while_scoring > 100
