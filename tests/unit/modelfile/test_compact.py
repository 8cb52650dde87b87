"""Compact files: the same model as the text, mapped; every damage found, none silent."""

from __future__ import annotations

import copy
import io
import math
import os
import pickle
import re
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse

import fasttrees
from fasttrees._inputs import refuses_contributions
from fasttrees._modelfile import compact as compact_module
from fasttrees._modelfile.lazy import MAGIC, is_compact
from fasttrees._modelfile.sections import ENTRY, ENTRY_SIZE, HEADER, HEADER_SIZE, Sections, write_sections
from fasttrees._modelfile.xxhash import xxh64
from tests.support.builders import OUTPUTS
from tests.support.paths import DOCS, GOLDEN, MODELS

TEXTS = sorted([*MODELS.glob("*.txt"), *GOLDEN.glob("*.txt")])
FACTS = ("version", "feature_infos", "parameters", "pandas_categorical", "objective", "average_output", "num_leaves")


def same_bits(left: np.ndarray, right: np.ndarray) -> bool:
    return left.dtype == right.dtype and left.shape == right.shape and left.tobytes() == right.tobytes()


def rows_for(model: fasttrees.Model, n_rows: int = 1500) -> np.ndarray:
    generator = np.random.default_rng(n_rows)
    rows = generator.normal(size=(n_rows, model.num_feature())) * 3
    rows[:, ::2] = np.round(np.abs(rows[:, ::2]) * 4)
    rows[generator.random(rows.shape) < 0.1] = math.nan
    rows[generator.random(rows.shape) < 0.1] = 0
    return rows


def saved(path: Path, tmp_path: Path) -> Path:
    target = tmp_path / f"{path.stem}.ft"
    fasttrees.load(path).save(target)
    return target


def assert_same(model: fasttrees.Model, other: fasttrees.Model) -> None:
    rows = rows_for(model)
    for output in OUTPUTS:
        for n_rows in (1, 5, len(rows)):
            assert same_bits(model.predict(rows[:n_rows], **output), other.predict(rows[:n_rows], **output))
    if not refuses_contributions(model.parameters):
        assert same_bits(model.predict(rows[:99], pred_contrib=True), other.predict(rows[:99], pred_contrib=True))
    assert (model.lower_bound(), model.upper_bound()) == (other.lower_bound(), other.upper_bound())
    assert all(repr(getattr(model, name)) == repr(getattr(other, name)) for name in FACTS)
    assert model.feature_name() == other.feature_name()
    assert model.features_used() == other.features_used()
    assert repr(model) == repr(other)


@pytest.fixture
def lazy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Open small files as large ones are: each part verified when it is first needed."""
    monkeypatch.setattr(compact_module, "SMALL", 0)


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A small file."""
    return saved(MODELS / "one_leaf.txt", tmp_path_factory.mktemp("small")).read_bytes()


# -- the same model ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_round_trip(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = fasttrees.load(path)
    target = saved(path, tmp_path)
    assert_same(text, fasttrees.load(target))
    assert_same(text, fasttrees.load(target, verify=True))
    assert_same(text, fasttrees.loads(target.read_bytes()))
    assert_same(text, pickle.loads(pickle.dumps(fasttrees.load(target))))
    monkeypatch.setattr(compact_module, "SMALL", 0)
    assert_same(text, fasttrees.load(target))
    again = tmp_path / "again.ft"
    fasttrees.load(target).save(again)
    assert again.read_bytes() == target.read_bytes()


def test_facts_of_all_kinds(tmp_path: Path) -> None:
    text = (MODELS / "numerical.txt").read_bytes()
    begin = text.index(b"\nparameters:")
    trailers = [
        b"\nparameters:\n[a: \xff\xc3\xa9]\n\nend of parameters\n",
        b"\nparameters:\nend of parameters\n\npandas_categorical:[]\n",
        b'\npandas_categorical:[["\\ud800", "\xc3\xa9", null], [NaN, 1.5, true, 123456789012345678901]]\n',
    ]
    for trailer in trailers:
        model = fasttrees.loads(text[:begin] + trailer)
        model.save(tmp_path / "model.ft")
        assert_same(model, fasttrees.load(tmp_path / "model.ft"))


def test_a_part_of_no_text_model_is_not_written(tmp_path: Path) -> None:
    model = fasttrees.load(MODELS / "numerical.txt")
    header = copy.copy(model._header)
    object.__setattr__(header, "parameters", "a\nend of parameters\nb")
    model._header = header
    with pytest.raises(fasttrees.ModelFormatError, match="a header that a text model can hold"):
        model.save(tmp_path / "model.ft")
    assert not list(tmp_path.iterdir())


def test_more_classes_than_bytes_of_text(tmp_path: Path) -> None:
    text = (MODELS / "one_leaf.txt").read_text()
    begin, end = text.index("Tree=0"), text.index("end of trees")
    trees = "".join(text[begin:end].replace("Tree=0", f"Tree={number}") for number in range(2000))
    head = "\n".join(line for line in text[:begin].splitlines() if not line.startswith(("tree_sizes", "objective")))
    head = head.replace("num_class=1", "num_class=2000").replace("tree_per_iteration=1", "tree_per_iteration=2000")
    model = fasttrees.loads(f"{head}\n\n{trees}{text[end:]}")
    model.save(tmp_path / "model.ft")
    assert_same(model, fasttrees.load(tmp_path / "model.ft"))


def test_tiny_values_kept_have_plans_of_their_own(tmp_path: Path, lazy: None) -> None:
    """Those of the file take values within the zero limit for zero; rows of sparse matrices have such as they are."""
    text = (MODELS / "numerical.txt").read_text()
    text = re.sub(r"\ntree_sizes=.*", "", text)
    text = re.sub(r"(?<=\nthreshold=)\S+", "1e-37", text)
    model = fasttrees.loads(text)
    model.save(tmp_path / "model.ft")
    compact = fasttrees.load(tmp_path / "model.ft")
    rows = np.where(rows_for(model) > 1, 1e-36, 0.0)
    differs = False
    for n_rows in (5, len(rows)):
        dense, sparse = rows[:n_rows], scipy.sparse.csr_matrix(rows[:n_rows])
        assert same_bits(model.predict(sparse), compact.predict(sparse))
        assert same_bits(model.predict(dense), compact.predict(dense))
        differs |= not same_bits(compact.predict(sparse), compact.predict(dense))
    assert differs


@pytest.mark.parametrize("size", [0, 1 << 20])
def test_what_only_a_text_holds(size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compact_module, "SMALL", size)
    path = MODELS / "numerical.txt"
    compact = fasttrees.load(saved(path, tmp_path))
    copied = fasttrees.loads((tmp_path / "numerical.ft").read_bytes())
    for model in (compact, pickle.loads(pickle.dumps(compact)), copied):
        for describe in (model.model_to_string, model.dump_model, model.feature_importance, model.cut):
            with pytest.raises(fasttrees.ModelTextError, match="or from a compact file, which has none"):
                describe()
    assert compact.get_leaf_output(0, 1) == fasttrees.load(path).get_leaf_output(0, 1)


def test_mapped_memory_is_counted(tmp_path: Path) -> None:
    path = MODELS / "categorical.txt"
    text, compact = fasttrees.load(path), fasttrees.load(saved(path, tmp_path))
    for model in (text, compact):
        for n_rows in (1, 100):
            model.predict(rows_for(model, n_rows))
    assert 0 < compact.nbytes <= text.nbytes


@pytest.mark.parametrize("n_rows", [1, 1500])
def test_threads_open_a_model_together(n_rows: int, tmp_path: Path, lazy: None) -> None:
    path = MODELS / "multiclass.txt"
    text, model = fasttrees.load(path), fasttrees.load(saved(path, tmp_path))
    rows = rows_for(text)[:n_rows]
    expected, right = text.predict(rows), []
    start = threading.Barrier(8)

    def work() -> None:
        start.wait()
        right.append(same_bits(model.predict(rows), expected))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert right == [True] * 8


def test_the_file_may_be_replaced_or_removed(tmp_path: Path, lazy: None) -> None:
    text, other = fasttrees.load(MODELS / "linear.txt"), fasttrees.load(MODELS / "numerical.txt")
    text.save(tmp_path / "model.ft")
    first = fasttrees.load(tmp_path / "model.ft")
    other.save(tmp_path / "model.ft")
    second = fasttrees.load(tmp_path / "model.ft")
    (tmp_path / "model.ft").unlink()
    assert_same(text, first)
    assert_same(other, second)


def test_an_error_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = saved(MODELS / "numerical.txt", tmp_path)
    before = target.read_bytes()

    def fail(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(compact_module, "write_sections", fail)
        with pytest.raises(OSError, match="No space"):
            fasttrees.load(target).save(target)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [before]
    with pytest.raises(FileNotFoundError) as caught:
        fasttrees.load(target).save(tmp_path / "none" / "model.ft")
    assert caught.value.filename == tmp_path / "none" / "model.ft"


def test_a_pipe_is_read(tmp_path: Path) -> None:
    path = MODELS / "numerical.txt"
    content = saved(path, tmp_path).read_bytes()
    source, sink = os.pipe()

    def write() -> None:
        with open(sink, "wb") as file:
            file.write(content)

    writer = threading.Thread(target=write)
    writer.start()
    model = fasttrees.load(f"/dev/fd/{source}")
    writer.join()
    os.close(source)
    assert_same(fasttrees.load(path), model)


def test_only_compact_files_need_their_modules(tmp_path: Path) -> None:
    target = saved(MODELS / "numerical.txt", tmp_path)
    code = (
        "import sys, fasttrees\n"
        f"fasttrees.load({str(MODELS / 'numerical.txt')!r})\n"
        "print(sorted({'mmap', 'struct', 'fasttrees._modelfile.compact'} & set(sys.modules)))\n"
        f"model = fasttrees.load({str(target)!r})\n"
        "scores = memoryview(bytearray(8)).cast('d')\n"
        "model.predict_into(memoryview(bytes(40)).cast('d', (1, 5)), scores)\n"
        "print('numpy' in sys.modules, 'json' in sys.modules)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert result.stdout == "[]\nFalse False\n"


# -- damage -----------------------------------------------------------------------------------------------------------


def use(model: fasttrees.Model) -> None:
    """Need every part of a model."""
    rows = rows_for(model, 100)
    model.predict(rows)
    model.predict(rows[:1])


def test_every_damaged_byte_is_found(content: bytes) -> None:
    damaged = bytearray(content)
    generator = np.random.default_rng(0)
    for at in range(len(content)):
        damaged[at] ^= int(generator.integers(1, 256))
        with pytest.raises(fasttrees.ModelFormatError):
            fasttrees.loads(damaged)
        damaged[at] = content[at]
    use(fasttrees.loads(damaged))


def test_every_damaged_byte_is_found_before_it_is_used(content: bytes, lazy: None) -> None:
    damaged = bytearray(content)
    generator = np.random.default_rng(1)
    for at in range(len(content)):
        damaged[at] ^= 1 << int(generator.integers(8))
        with pytest.raises(fasttrees.ModelFormatError):
            use(fasttrees.loads(damaged))
        damaged[at] = content[at]


@pytest.mark.parametrize("name", ["categorical", "linear", "multiclass"])
def test_each_damaged_section_is_named(name: str, tmp_path: Path, lazy: None) -> None:
    target = saved(MODELS / f"{name}.txt", tmp_path)
    content = bytearray(target.read_bytes())
    n_sections = struct.unpack_from(HEADER, content)[5]
    for number in range(n_sections):
        section, _, offset, size, _ = struct.unpack_from(ENTRY, content, HEADER_SIZE + number * ENTRY_SIZE)
        if not size:
            continue
        content[offset + size // 2] ^= 16
        target.write_bytes(content)  # in place, with no model that maps it
        model = fasttrees.load(target)
        with pytest.raises(fasttrees.ModelFormatError, match="the file is damaged") as caught:
            use(model)
        assert caught.value.key == section.rstrip(b"\0").decode()
        with pytest.raises(fasttrees.ModelFormatError):
            use(model)  # again: nothing was kept
        content[offset + size // 2] ^= 16


def test_every_shorter_and_longer_file_is_refused(content: bytes, tmp_path: Path, lazy: None) -> None:
    path = tmp_path / "cut.ft"
    for size in range(len(content)):
        with pytest.raises(fasttrees.ModelFormatError):
            fasttrees.loads(content[:size])
        if size % 97 < 8:
            path.write_bytes(content[:size])
            with pytest.raises(fasttrees.ModelFormatError):
                fasttrees.load(path)
    for more in (b"\0", bytes(64)):
        with pytest.raises(fasttrees.ModelFormatError, match="as the header says"):
            fasttrees.loads(content + more)


def test_a_file_cut_after_it_was_opened_is_no_crash(content: bytes, tmp_path: Path, lazy: None) -> None:
    path = tmp_path / "model.ft"
    path.write_bytes(content)
    model = fasttrees.load(path)
    os.truncate(path, 100)
    with pytest.raises(fasttrees.ModelFormatError, match="as when it was opened"):
        use(model)


# -- what is refused, and what is trusted -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "value", "cause"),
    [
        (8, b"\x04\x03\x02\x01" if sys.byteorder == "big" else b"\x01\x02\x03\x04", "byte order"),
        (8, b"abcd", "byte order mark"),
        (12, struct.pack("=I", 99), "expected version 1 of the compact format, got 99"),
        (16, struct.pack("=Q", 77), "77 bytes, as the header says"),
        (28, struct.pack("=I", 2**31), "a table within the file"),
        (28, struct.pack("=I", 3), "checksum"),
    ],
)
def test_headers(content: bytes, at: int, value: bytes, cause: str) -> None:
    with pytest.raises(fasttrees.ModelFormatError, match=cause):
        fasttrees.loads(content[:at] + value + content[at + len(value) :])


def rewritten(
    content: bytes, changes: dict[str, bytes | None], plan_version: int = compact_module.PLAN_VERSION
) -> bytes:
    """Write a file anew with some sections changed, its checksums right."""
    sections = Sections(content)
    parts = {}
    for name, (item_size, _, _, _) in sections._table.items():
        part = changes.get(name, bytes(sections.take(name, item_size)))
        if part is not None:
            parts[name] = item_size, memoryview(part)
    file = io.BytesIO()
    write_sections(file, plan_version, parts)
    return file.getvalue()


def test_other_plans_are_made_anew(tmp_path: Path) -> None:
    path = MODELS / "categorical.txt"
    content = saved(path, tmp_path).read_bytes()
    nonsense: dict[str, bytes | None] = {"plan.selects": bytes(12), "rows.steps": None, "ranks.columns": b""}
    assert_same(fasttrees.load(path), fasttrees.loads(rewritten(content, nonsense, compact_module.PLAN_VERSION + 1)))


def test_trees_of_others_are_proved(tmp_path: Path) -> None:
    path = MODELS / "numerical.txt"
    content = saved(path, tmp_path).read_bytes()
    nodes = bytearray(Sections(content).take("forest.nodes", 24))
    nodes[12:16] = struct.pack("=i", 1000)  # left
    (tmp_path / "evil.ft").write_bytes(rewritten(content, {"forest.nodes": bytes(nodes)}))
    with pytest.raises(fasttrees.ModelFormatError, match=r"tree 0, key 'left_child': .* got 1000"):
        fasttrees.load(tmp_path / "evil.ft", verify=True)
    (tmp_path / "evil.ft").write_bytes(rewritten(content, {"rows.steps": bytes(8), "plan.selects": b""}))
    assert_same(fasttrees.load(path), fasttrees.load(tmp_path / "evil.ft", verify=True))
    assert_same(fasttrees.load(path), fasttrees.loads((tmp_path / "evil.ft").read_bytes(), verify=True))


def test_counts_of_others_are_proved(tmp_path: Path) -> None:
    """There must be one for each leaf and split; contributions come to an end whatever they are."""
    content = saved(MODELS / "categorical.txt", tmp_path).read_bytes()
    generator = np.random.default_rng(2)
    for name in ("forest.leaf_count", "forest.node_count"):
        counts = bytes(Sections(content).take(name, 4))
        for wrong in (b"", counts[4:], counts + counts):
            with pytest.raises(fasttrees.ModelFormatError, match="a count for every leaf and split"):
                fasttrees.loads(rewritten(content, {name: wrong}), verify=True)
        for nonsense in (bytes(len(counts)), b"\xff" * len(counts), generator.bytes(len(counts))):
            for verify in (False, True):
                model = fasttrees.loads(rewritten(content, {name: nonsense}), verify=verify)
                model.predict(rows_for(model, 100), pred_contrib=True)


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"forest.nodes": None}, "key 'forest.nodes': expected the section, got no such section"),
        ({"text": b"tree\n"}, "key 'num_class': expected the key in the header"),
    ],
)
def test_missing_parts(content: bytes, changes: dict[str, bytes | None], cause: str) -> None:
    with pytest.raises(fasttrees.ModelFormatError, match=cause):
        fasttrees.loads(rewritten(content, changes))


def test_text_models_are_told_from_compact_files(content: bytes) -> None:
    assert is_compact(content)
    for start in (b"", b"\x89", b"\x89FTREE\n", b"\x89PNG\r\n\x1a\n"):
        assert not is_compact(start)
        with pytest.raises(fasttrees.ModelFormatError, match="the first line of a LightGBM model"):
            fasttrees.loads(start)


def test_xxh64() -> None:
    """Values of the reference implementation."""
    for text, expected in [
        (b"", 0xEF46DB3751D8E999),
        (b"a", 0xD24EC4F1A98C6E5B),
        (b"abc", 0x44BC2CF5AD770999),
        (b"Nobody inspects the spammish repetition", 0xFBCEA83C8A378BF1),
    ]:
        assert sys.byteorder == "big" or xxh64(text) == expected


# -- the page ---------------------------------------------------------------------------------------------------------


def test_sections_are_documented(content: bytes) -> None:
    text = (DOCS / "reference" / "compact-file.md").read_text()
    for name, (item_size, _, _, _) in Sections(content)._table.items():
        general = name.replace("plan.categories", "*.categories").replace("rows.categories", "*.categories")
        line = next(line for line in text.splitlines() if f"`{general}`" in line)
        size = {"int64": 8, "double": 8, "uint32": 4, "int32": 4, "Node, 24": 24}
        cell = line.split("|")[2].strip() if line.startswith("|") else "1"
        assert size.get(cell, cell) in (item_size, str(item_size)), name
    assert f"`{' '.join(f'{byte:02X}' for byte in MAGIC)}`" in text
    assert f"### Header, {HEADER_SIZE} bytes" in text
    assert f"### Table, n times {ENTRY_SIZE} bytes" in text
    assert f"{compact_module.SMALL >> 20} MiB" in text
