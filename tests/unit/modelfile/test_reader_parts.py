"""Large files are read in parts by several threads: what comes out is what one thread reads, errors included."""

import os
import pickle
import random
import re
from itertools import cycle, islice
from pathlib import Path

import pytest

import fasttrees
from fasttrees._modelfile import reader
from tests.support.paths import MODELS

N_BYTES = 2_200_000  # of trees: four parts
MIXES = [["numerical"], ["categorical"], ["linear"], ["numerical", "categorical", "linear"]]


def large_model(names: list[str]) -> tuple[bytes, list[int]]:
    """Join the trees of some models again and again; the text, and where each tree begins."""
    texts = [(MODELS / f"{name}.txt").read_bytes() for name in names]
    trees = [
        tree
        for text in texts
        for tree in re.findall(rb"Tree=\d+\n.*?\n\n+", text[: text.index(b"end of trees")], re.DOTALL)
    ]
    blocks = list(islice(cycle(trees), N_BYTES * len(trees) // sum(map(len, trees)) + 1))
    head, rest = texts[0].split(b"Tree=0", 1)
    head = re.sub(rb"tree_sizes=.*\n", b"tree_sizes=%b\n" % b" ".join(b"%d" % len(block) for block in blocks), head)
    begins = [len(head)]
    for block in blocks:
        begins.append(begins[-1] + len(block))
    return head + b"".join(blocks) + rest[rest.index(b"end of trees") :], begins


def parts_of(model: fasttrees.Model) -> bytes:
    """All that a model has of its text, but where the text is."""
    evaluator = model._evaluator
    return pickle.dumps((evaluator.forest, evaluator.objective, evaluator.average_output, model._header))


def read_by(monkeypatch: pytest.MonkeyPatch, n_threads: int, text: bytes) -> tuple[bytes | str, list[bool]]:
    """Pickle the model, or take the error as text; and whether each reading in parts went well."""
    whole: list[bool] = []

    def read_in_parts(*arguments: object) -> bool:
        whole.append(original(*arguments))
        return whole[-1]

    original = reader.read_in_parts  # type: ignore[attr-defined]
    with monkeypatch.context() as patch:
        patch.setattr(reader, "available_cpus", lambda: n_threads)
        patch.setattr(reader, "read_in_parts", read_in_parts)
        try:
            return parts_of(fasttrees.loads(text)), whole
        except fasttrees.ModelFormatError as error:
            return str(error), whole


@pytest.mark.parametrize("names", MIXES, ids="-".join)
def test_parts_make_the_same_model(names: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    text, _ = large_model(names)
    alone, was_divided = read_by(monkeypatch, 1, text)
    assert isinstance(alone, bytes)
    assert was_divided == [False]
    for n_threads in (2, 3, 4, 100):
        assert read_by(monkeypatch, n_threads, text) == (alone, [True])


def test_memory_is_what_the_model_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    text, _ = large_model(["numerical", "categorical", "linear"])
    sizes = set()
    for changed in (text, re.sub(rb"tree_sizes=.*\n", b"", text)):
        for n_threads in (1, 4):
            monkeypatch.setattr(reader, "available_cpus", lambda n=n_threads: n)
            sizes.add(fasttrees.loads(changed).nbytes)
    assert len(sizes) == 1


def test_line_ends_that_sizes_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    text, _ = large_model(["numerical"])
    alone, _ = read_by(monkeypatch, 1, text)
    assert read_by(monkeypatch, 4, text.replace(b"\n", b"\r")) == (alone, [True])
    assert read_by(monkeypatch, 4, text.replace(b"\n", b"\r\n")) == (alone, [False])
    assert read_by(monkeypatch, 4, re.sub(rb"tree_sizes=.*\n", b"", text)) == (alone, [False])


def test_the_first_flaw_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    text, begins = large_model(["numerical", "categorical", "linear"])
    source = random.Random(1)
    for _ in range(8):
        places = source.sample(range(begins[0], begins[-1]), 2)
        changed = bytearray(text)
        for place in places:
            changed[place] = ord("?")
        message, was_divided = read_by(monkeypatch, 4, bytes(changed))
        assert was_divided == [False]
        assert (message, [False]) == read_by(monkeypatch, 1, bytes(changed))
        assert isinstance(message, str)
        assert f"line {text.count(10, 0, min(places)) + 1}" in message


def test_sizes_that_do_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    text, _ = large_model(["numerical"])
    line = re.search(rb"tree_sizes=(.*)\n", text)
    assert line is not None
    sizes = [int(size) for size in line[1].split()]
    middle = len(sizes) // 2
    for wrong in (
        [*sizes, sizes[-1]],
        sizes[:-1],
        [*sizes[:middle], sizes[middle] + 1, sizes[middle + 1] - 1, *sizes[middle + 2 :]],
        [*sizes[:middle], sizes[middle] + sizes[middle + 1], *sizes[middle + 2 :]],
        [*sizes[:-1], sizes[-1] + 1],
        [*sizes[:-1], -sizes[-1]],
        [0, *sizes],
        [2**31 - 1, *sizes[1:]],
    ):
        changed = text.replace(line[1], b" ".join(b"%d" % size for size in wrong))
        message, was_divided = read_by(monkeypatch, 4, changed)
        assert isinstance(message, str)
        assert was_divided == [False]
        assert (message, [False]) == read_by(monkeypatch, 1, changed)


def test_an_error_in_the_trailer_has_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    text, _ = large_model(["numerical"])
    changed = text.replace(b"pandas_categorical:null", b"pandas_categorical:[")
    message, was_divided = read_by(monkeypatch, 4, changed)
    assert was_divided == [True]
    assert message == read_by(monkeypatch, 1, changed)[0]


@pytest.mark.parametrize("n_threads", [1, 4])
def test_a_file_is_read_piece_by_piece(n_threads: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "model.txt"
    text, begins = large_model(["numerical", "categorical", "linear"])
    alone, _ = read_by(monkeypatch, 1, text)
    monkeypatch.setattr(reader, "available_cpus", lambda: n_threads)
    monkeypatch.setattr(reader, "read_model", None)  # which takes the whole text
    path.write_bytes(text)
    assert parts_of(fasttrees.load(path)) == alone
    path.write_bytes(text[: begins[-1]])
    assert fasttrees.load(path).num_trees() == len(begins) - 1


def test_a_file_that_gives_less_than_asked_is_read_as_a_whole(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As network files may; what is lost would be lines behind the trees that a model can be without."""
    path = tmp_path / "model.txt"
    text, _ = large_model(["numerical"])
    path.write_bytes(text)
    cut = len(text) - text.index(b"pandas_categorical")
    original = os.pread
    monkeypatch.setattr(os, "pread", lambda file, size, at: original(file, min(size, len(text) - cut - at), at))
    assert fasttrees.load(path).parameters == fasttrees.loads(text).parameters
    assert parts_of(fasttrees.load(path)) == parts_of(fasttrees.loads(text))


def test_a_file_that_cannot_be_read_piece_by_piece_is_read_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "model.txt"
    text, begins = large_model(["numerical", "categorical"])
    names = b" ".join(b"feature_with_a_long_name_%d" % i for i in range(40_000))
    many_features = re.sub(rb"feature_(names|infos)=.*", rb"feature_\1=" + names, text).replace(
        b"max_feature_idx=4", b"max_feature_idx=39999"
    )
    for changed in (text.replace(b"\n", b"\r\n"), re.sub(rb"tree_sizes=.*\n", b"", text), many_features):
        path.write_bytes(changed)
        assert parts_of(fasttrees.load(path)) == parts_of(fasttrees.loads(changed))
    for changed in (
        text[: begins[-2]],
        text[: begins[-1] - 200],
        text.replace(b"num_class=1", b"num_class=x"),
        text[: begins[99]] + b"\n" + text[begins[99] :],
        text + b"parameters:\n",
    ):
        path.write_bytes(changed)
        with pytest.raises(fasttrees.ModelFormatError) as from_text:
            fasttrees.loads(changed)
        with pytest.raises(fasttrees.ModelFormatError) as from_file:
            fasttrees.load(path)
        assert str(from_file.value) == str(from_text.value)
