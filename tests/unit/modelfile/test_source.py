"""Where a model's text comes from when it is asked for: the file again, or the caller's own object."""

import os
import pickle
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import fasttrees
from tests.support.paths import MODELS
from tests.support.processes import run_python

MODEL = MODELS / "numerical.txt"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    copy = tmp_path / "model.txt"
    copy.write_bytes(MODEL.read_bytes())
    return copy


def test_file_that_is_gone(path: Path) -> None:
    model = fasttrees.load(path)
    expected = model.predict(np.zeros((1, 5)))
    path.unlink()
    for question in (model.model_to_string, model.dump_model, model.feature_importance, model.cut):
        with pytest.raises(
            fasttrees.ModelTextError, match=r"model.txt: cannot read the model's file again: No such file"
        ):
            question()
    assert model.predict(np.zeros((1, 5))) == expected
    assert model.upper_bound() > model.lower_bound()
    assert model.get_leaf_output(0, 0) != 0


@pytest.mark.parametrize("change", ["longer", "touched", "replaced"])
def test_file_that_has_changed(path: Path, change: str) -> None:
    model = fasttrees.load(path)
    if change == "longer":
        path.write_bytes(path.read_bytes() + b"\n")
    elif change == "touched":
        os.utime(path, ns=(1, 1))
    else:
        other = path.with_name("other.txt")
        other.write_bytes((MODEL.parent / "linear.txt").read_bytes())
        other.replace(path)
    with pytest.raises(fasttrees.ModelTextError, match="the file has changed"):
        model.model_to_string()


def test_relative_path_in_another_folder(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    models = [fasttrees.load("model.txt"), fasttrees.load(b"model.txt")]  # type: ignore[arg-type]
    monkeypatch.chdir("/")
    for model in models:
        assert model.model_to_string() == path.read_text()


def test_pickles(path: Path) -> None:
    """The pickle of a loaded file has its path only; that of a text has the text, compressed."""
    by_file, by_text = fasttrees.load(path), fasttrees.loads(path.read_text())
    text = by_file.model_to_string()
    pickled = pickle.dumps(by_file)
    assert len(pickle.dumps(by_text)) < len(pickled) + len(text)
    assert pickle.loads(pickle.dumps(by_text)).model_to_string() == text
    assert pickle.loads(pickled).model_to_string() == text
    path.unlink()
    again = pickle.loads(pickled)
    assert again.predict(np.zeros((1, 5))) == by_file.predict(np.zeros((1, 5)))
    with pytest.raises(fasttrees.ModelTextError):
        again.dump_model()


def test_text_is_not_copied() -> None:
    data = MODEL.read_bytes()
    for text in (data, data.decode()):
        before = sys.getrefcount(text)
        model = fasttrees.loads(text)
        assert sys.getrefcount(text) == before + 1
        del model
    buffer = bytearray(data)
    model = fasttrees.loads(buffer)
    buffer[:] = b"#" * len(buffer)
    assert model.model_to_string() == data.decode()


def test_pipe(tmp_path: Path) -> None:
    """What can be read only once is scored, but not described."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(MODEL.read_bytes()))
    writer.start()
    model = fasttrees.load(pipe)
    writer.join()
    assert model.num_trees() == 4
    with pytest.raises(fasttrees.ModelTextError, match="without its text"):
        model.model_to_string()


def test_line_ends() -> None:
    data = b"\n".join(line for line in MODEL.read_bytes().split(b"\n") if not line.startswith(b"tree_sizes"))
    model = fasttrees.loads(data.replace(b"\n", b"\r\n"))
    assert model.model_to_string() == MODEL.read_text()


def test_names_that_are_no_utf_8() -> None:
    data = MODEL.read_bytes().replace(b"Column_0", b"Column\xff0")
    model = fasttrees.loads(data)
    assert model.model_to_string().encode("utf-8", "surrogateescape") == data
    assert model.dump_model()["feature_names"] == model.feature_name()


def test_only_predicting_imports_nothing_for_it() -> None:
    code = f"""
import sys, numpy, fasttrees
model = fasttrees.load({str(MODEL)!r})
model.predict(numpy.zeros((1, 5)))
assert not [name for name in sys.modules if name.startswith("fasttrees._modelfile.text") or name == "json"]
model.dump_model(); model.feature_importance(); model.model_to_string(); model.get_split_value_histogram(0)
assert "pandas" not in sys.modules and "lightgbm" not in sys.modules
"""
    result = run_python(code)
    assert result.returncode == 0, result.stderr
