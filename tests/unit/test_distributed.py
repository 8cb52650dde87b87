"""What Dask and Ray share, without either: a model on its way to other processes, and the choice of columns."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

import fasttrees
from fasttrees._distributed import Shipped, choose_columns, output_of
from tests.support.builders import assert_same_bits
from tests.support.paths import MODELS

ROWS = np.random.default_rng(1).normal(size=(50, 5))


@pytest.mark.parametrize("name", ["numerical", "multiclass", "forest", "categorical"])
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_shipped_model_predicts_alike(name: str, protocol: int) -> None:
    model = fasttrees.load(MODELS / f"{name}.txt")
    for source in (model, str(MODELS / f"{name}.txt"), MODELS / f"{name}.txt"):
        arrived = pickle.loads(pickle.dumps(Shipped.of(source), protocol))
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
    data = pickle.dumps(Shipped.of(model), 5, buffer_callback=buffers.append)
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
    shipped = Shipped.of(fasttrees.load(MODELS / "multiclass.txt"))
    damaged = bytearray(shipped._source)
    damaged[len(damaged) // 2] ^= 1
    with pytest.raises(fasttrees.ModelFormatError, match="damaged"):
        _ = Shipped(bytes(damaged), shipped.digest).model


def test_another_file_at_the_path(tmp_path: Path) -> None:
    path = tmp_path / "model.txt"
    path.write_bytes((MODELS / "multiclass.txt").read_bytes())
    shipped = Shipped.of(path)
    path.write_bytes((MODELS / "numerical.txt").read_bytes())
    with pytest.raises(fasttrees.ModelFormatError, match=r"expected the file of digest .*model\.txt of this machine"):
        _ = shipped.model
    path.unlink()
    with pytest.raises(FileNotFoundError):
        _ = shipped.model


def test_what_cannot_be_shipped() -> None:
    with pytest.raises(fasttrees.InputTypeError, match="Model or the path of a model file, got dict"):
        Shipped.of({})


def test_choice_of_columns() -> None:
    unnamed = fasttrees.load(MODELS / "numerical.txt")
    names = unnamed.feature_name()
    assert choose_columns(unnamed, ["id", *names[::-1]], None) == names
    assert choose_columns(unnamed, list("abcdef"), list("fedcb")) == list("fedcb")
    text = (MODELS / "numerical.txt").read_text().replace(" ".join(names), "v w x y z")
    named = fasttrees.loads(text)
    assert choose_columns(named, list("zyxwvu"), None) == list("vwxyz")
    with pytest.raises(fasttrees.InputError, match=r"'v', 'w', .*got 'a', .*name the feature columns"):
        choose_columns(named, list("abcde"), None)
    with pytest.raises(fasttrees.InputError, match="more than one named 'b'"):
        choose_columns(unnamed, list("abbcde"), list("abcde"))
    with pytest.raises(fasttrees.InputError, match="expected 5 columns, one for each feature, got 4"):
        choose_columns(unnamed, list("abcdef"), list("abcd"))
    with pytest.raises(fasttrees.InputTypeError, match="expected a list of names"):
        choose_columns(unnamed, list("abcde"), "abcde")


def test_outputs() -> None:
    for name in ("numerical", "multiclass", "forest"):
        model = fasttrees.load(MODELS / f"{name}.txt")
        for kind in ("normal", "raw", "leaf", "contrib"):
            output = output_of(model, kind)
            scores, none = output.predict(model, ROWS, 1), output.predict(model, ROWS[:0], 1)
            assert (none.dtype, none.shape[1:]) == (scores.dtype, scores.shape[1:])
            assert none.shape[0] == 0
    with pytest.raises(fasttrees.InputError, match="one of normal, raw, leaf, contrib, got 'probability'"):
        output_of(model, "probability")
