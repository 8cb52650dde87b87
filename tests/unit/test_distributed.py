"""What the adapters for Spark, Dask and Ray share, without them: signature, choice of columns, models that travel."""

from __future__ import annotations

import inspect
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fasttrees
import fasttrees.dask
import fasttrees.ray
import fasttrees.spark
from fasttrees._distributed import PortableModel, check_options, choose_features, choose_kept, output_of
from tests.support.builders import assert_same_bits
from tests.support.paths import MODELS

ROWS = np.random.default_rng(1).normal(size=(50, 5))


@pytest.mark.parametrize("name", ["numerical", "multiclass", "forest", "categorical"])
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_shipped_model_predicts_alike(name: str, protocol: int) -> None:
    model = fasttrees.load(MODELS / f"{name}.txt")
    for source in (model, str(MODELS / f"{name}.txt"), MODELS / f"{name}.txt"):
        arrived = pickle.loads(pickle.dumps(PortableModel.of(source), protocol))
        assert_same_bits(arrived.model.predict(ROWS), model.predict(ROWS))
        assert arrived.model is arrived.model
        again = pickle.loads(pickle.dumps(arrived, protocol))
        assert_same_bits(again.model.predict(ROWS), model.predict(ROWS))
        assert again.digest == arrived.digest


@pytest.mark.parametrize("offset", [0, 1, 8, 16])
def test_buffers_on_their_own(offset: int) -> None:
    """A buffer is read where it lies if it is aligned, and copied otherwise."""
    model = fasttrees.load(MODELS / "multiclass.txt")
    buffers: list[pickle.PickleBuffer] = []
    data = pickle.dumps(PortableModel.of(model), 5, buffer_callback=buffers.append)
    content = bytes(buffers[0].raw())
    assert len(data) < 200
    memory = np.zeros(len(content) + 80, np.uint8)
    start = -memory.ctypes.data % 64 + offset
    place = memory[start : start + len(content)]
    place[:] = np.frombuffer(content, np.uint8)
    arrived = pickle.loads(data, buffers=[place])
    assert isinstance(arrived._source, memoryview if offset % 16 == 0 else bytes)
    del memory, place
    assert_same_bits(arrived.model.predict(ROWS), model.predict(ROWS))


def test_damage_on_the_way() -> None:
    shipped = PortableModel.of(fasttrees.load(MODELS / "multiclass.txt"))
    damaged = bytearray(shipped._source)
    damaged[len(damaged) // 2] ^= 1
    with pytest.raises(fasttrees.ModelFormatError, match="damaged"):
        _ = PortableModel(bytes(damaged), shipped.digest).model


def test_another_file_at_the_path(tmp_path: Path) -> None:
    path = tmp_path / "model.txt"
    path.write_bytes((MODELS / "multiclass.txt").read_bytes())
    shipped = PortableModel.of(path)
    path.write_bytes((MODELS / "numerical.txt").read_bytes())
    with pytest.raises(fasttrees.ModelFormatError, match=r"expected the file of digest .*model\.txt of this machine"):
        _ = shipped.model
    path.unlink()
    with pytest.raises(FileNotFoundError):
        _ = shipped.model


def test_what_cannot_be_shipped() -> None:
    with pytest.raises(fasttrees.InputTypeError, match="a fitted estimator or the path of a model file, got dict"):
        PortableModel.of({})


def names_of(model: fasttrees.Model, present: list[str], columns: list[str] | None) -> list[str]:
    return [present[position] for position in choose_features(model, present, columns)]


def test_choice_of_features() -> None:
    unnamed = fasttrees.load(MODELS / "numerical.txt")
    names = unnamed.feature_name()
    assert names_of(unnamed, ["id", *names[::-1]], None) == names
    assert names_of(unnamed, list("abcdef"), list("fedcb")) == list("fedcb")
    text = (MODELS / "numerical.txt").read_text().replace(" ".join(names), "v w x y z")
    named = fasttrees.loads(text)
    assert names_of(named, list("zyxwvu"), None) == list("vwxyz")
    assert choose_features(named, list("ZYXWVU"), None, str.lower) == [4, 3, 2, 1, 0]
    with pytest.raises(fasttrees.InputError, match=r"'v', 'w', .*got 'a', .*name the feature columns"):
        choose_features(named, list("abcde"), None)
    with pytest.raises(fasttrees.InputError, match="more than one named 'b'"):
        choose_features(unnamed, list("abbcde"), list("abcde"))
    with pytest.raises(fasttrees.InputError, match="expected 5 columns, one for each feature, got 4"):
        choose_features(unnamed, list("abcdef"), list("abcd"))


def test_choice_of_kept_columns() -> None:
    assert choose_kept(list("abc"), None, ["p"]) == [0, 1, 2]
    assert choose_kept(list("abc"), [], ["a"]) == []
    assert choose_kept(list("abc"), ["c", "a"], ["b"]) == [2, 0]
    assert choose_kept(list("aBc"), ["C", "b"], ["A"], str.lower) == [2, 1]
    for keep in (None, ["b"]):
        with pytest.raises(fasttrees.InputError, match="expected a new name as output, got 'b'"):
            choose_kept(list("abc"), keep, ["p", "b"])
    with pytest.raises(fasttrees.InputError, match="expected a new name as output, got 'B'"):
        choose_kept(list("abc"), ["b"], ["B"], str.lower)
    with pytest.raises(fasttrees.InputError, match="expected different names in keep, got 'a', 'a'"):
        choose_kept(list("abc"), ["a", "a"], ["p"])
    with pytest.raises(fasttrees.InputError, match="expected the columns 'x', got 'a', 'b', 'c' in keep"):
        choose_kept(list("abc"), ["x"], ["p"])
    with pytest.raises(fasttrees.InputError, match="more than one named 'a'"):
        choose_kept(list("aab"), ["a"], ["p"])


ARGUMENTS: dict[str, Any] = {"columns": None, "output": "p", "kind": "raw", "keep": None, "n_threads": 1}


@pytest.mark.parametrize(
    ("changed", "error", "match"),
    [
        ({"columns": "abcde"}, fasttrees.InputTypeError, "expected a list of names as columns, got 'abcde'"),
        ({"columns": [0]}, fasttrees.InputTypeError, r"expected a list of names as columns, got \[0\]"),
        ({"keep": "a"}, fasttrees.InputTypeError, "expected a list of names as keep, got 'a'"),
        ({"output": None}, fasttrees.InputTypeError, "expected the name of a column as output, got None"),
        ({"kind": "probability"}, fasttrees.InputError, "one of normal, raw, leaf, contrib, got 'probability'"),
        ({"n_threads": 0}, fasttrees.InputError, "expected n_threads to be None or a whole number of at least 1"),
    ],
)
def test_options_are_checked(changed: dict[str, Any], error: type[Exception], match: str) -> None:
    assert check_options(**ARGUMENTS) == tuple(ARGUMENTS.values())
    with pytest.raises(error, match=match):
        check_options(**{**ARGUMENTS, **changed})


def test_names_of_other_types() -> None:
    options = check_options(**{**ARGUMENTS, "columns": (0, 1), "keep": range(2)}, name_type=object)
    assert (options.columns, options.keep) == ([0, 1], [0, 1])


COMMON = ["data", "model", "columns", "output", "kind", "keep", "n_threads"]


def test_one_signature() -> None:
    """The same arguments in the same order with the same defaults; an engine's own ones come after them."""
    functions = {"spark": fasttrees.spark.transform, "dask": fasttrees.dask.predict, "ray": fasttrees.ray.predict}
    signatures = {name: list(inspect.signature(function).parameters.values()) for name, function in functions.items()}
    for name, parameters in signatures.items():
        common, own = parameters[: len(COMMON)], parameters[len(COMMON) :]
        assert [parameter.name for parameter in common] == COMMON, name
        kinds = [parameter.kind for parameter in common]
        assert kinds == [inspect.Parameter.POSITIONAL_OR_KEYWORD] * 2 + [inspect.Parameter.KEYWORD_ONLY] * 5, name
        defaults = {parameter.name: parameter.default for parameter in common[2:]}
        assert defaults == {"columns": None, "output": "prediction", "kind": "normal", "keep": None, "n_threads": 1}
        assert all(parameter.kind > inspect.Parameter.VAR_POSITIONAL for parameter in own), name
        assert bool(own) == (name == "ray")
    of_class = list(inspect.signature(fasttrees.ray.Predictor).parameters)
    assert of_class == COMMON[1:]


def test_engines_are_imported_only_when_used() -> None:
    text = (
        "import sys, fasttrees.dask, fasttrees.ray, fasttrees.spark; "
        "assert not {'dask', 'ray', 'pyspark', 'pandas', 'pyarrow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", text], check=True)


def test_outputs() -> None:
    for name in ("numerical", "multiclass", "forest"):
        model = fasttrees.load(MODELS / f"{name}.txt")
        for kind in ("normal", "raw", "leaf", "contrib"):
            output = output_of(model, kind)
            scores, none = output.predict(model, ROWS, 1), output.predict(model, ROWS[:0], 1)
            assert (none.dtype, none.shape[1:]) == (scores.dtype, scores.shape[1:])
            assert none.shape[0] == 0
