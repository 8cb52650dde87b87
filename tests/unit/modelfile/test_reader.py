"""What the reader accepts, what it refuses, and where it says that the trouble is."""

import re
import sys
from collections.abc import Callable

import pytest

import fasttrees
from tests.support.builders import Tree, model_text
from tests.support.paths import MODELS

NAMES = ["numerical", "categorical", "linear", "multiclass", "forest"]


def read(name: str) -> bytes:
    return (MODELS / f"{name}.txt").read_bytes()


def without_sizes(text: bytes) -> bytes:
    return re.sub(rb"tree_sizes=.*\n", b"", text)


def refusal(text: bytes) -> fasttrees.ModelFormatError:
    with pytest.raises(fasttrees.ModelFormatError) as caught:
        fasttrees.loads(text)
    return caught.value


def scores(text: str | bytes | bytearray | memoryview) -> object:
    return fasttrees.loads(text).predict([[0.1, -0.2, 0.3, 4.0, 5.0], [float("nan")] * 5]).tolist()


def test_facts_of_a_model() -> None:
    model = fasttrees.load(MODELS / "multiclass.txt")
    assert model.num_feature() == 5
    assert model.num_trees() == 12
    assert model.num_model_per_iteration() == model.num_class == 3
    assert model.current_iteration() == 4
    assert model.feature_name() == [f"Column_{i}" for i in range(5)]
    assert len(model.feature_infos) == 5
    assert model.objective == "multiclass num_class:3"
    assert model.version == "v4"
    assert not model.average_output
    assert not model.is_binary
    assert model.parameters is not None
    assert "[objective: multiclass]" in model.parameters
    assert model.pandas_categorical is None
    assert repr(model) == "<fasttrees.Model: multiclass num_class:3, 12 trees, 5 features, 3 classes>"


def test_facts_of_other_models() -> None:
    assert fasttrees.load(MODELS / "forest.txt").average_output
    assert fasttrees.load(str(MODELS / "numerical.txt")).is_binary
    numerical, categorical = fasttrees.load(MODELS / "categorical.txt").features_used()
    assert categorical == {3}
    assert numerical
    assert 3 not in numerical


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(b"\n", b"\r\n"),
        lambda text: text.replace(b"\n", b"\r"),
        without_sizes,
        lambda text: without_sizes(text).replace(b"\n", b"\r\n"),
        lambda text: text[: text.index(b"end of trees")],
        lambda text: text[: text.index(b"feature_importances")],
        lambda text: b"\n\n" + text,
        lambda text: text + b"\n\n",
        lambda text: without_sizes(text).replace(b"\nleaf_value=", b"\nleaf_value=  ").replace(b"\nis", b" \nis"),
        lambda text: re.sub(rb"version=v4\n", b"", text),
        lambda text: re.sub(rb"version=v4\n", b"version=v3\n", text),
    ],
    ids=[
        "crlf",
        "cr",
        "no sizes",
        "no sizes, crlf",
        "no trailer",
        "no importances",
        "blank lines before",
        "blank lines after",
        "runs of blanks",
        "no version",
        "version 3",
    ],
)
def test_other_spellings_of_the_same_model(name: str, change: Callable[[bytes], bytes]) -> None:
    text = read(name)
    assert change(text) != text
    assert scores(change(text)) == scores(text)


def test_text_may_be_str_bytes_or_a_buffer() -> None:
    text = read("numerical")
    assert scores(text) == scores(text.decode())
    assert scores(bytearray(text)) == scores(memoryview(text)) == scores(text)


def test_names_need_not_be_utf8() -> None:
    text = read("numerical").replace(b"Column_0", b"Colum\xe9_0")
    assert fasttrees.loads(text).feature_name()[0] == "Colum\udce9_0"


def test_pandas_categories_are_kept() -> None:
    text = read("categorical").replace(b"pandas_categorical:null", b'pandas_categorical:[["a", "b"], [1, 2.5, true]]')
    assert fasttrees.loads(text).pandas_categorical == [["a", "b"], [1, 2.5, True]]


def test_numbers_as_strtod_reads_them() -> None:
    for spelling, value in {
        "+1.5": 1.5, ".5": 0.5, "2.": 2.0, "00.5": 0.5, "1e400": float("inf"), "-1e400": float("-inf"),
        "1e-400": 0.0, "5e-324": 5e-324, "1e-320": 1e-320, "INF": float("inf"), "-Infinity": float("-inf"),
        "9007199254740993.0000000000000001": 9007199254740994.0, "0.1000000000000000055511151231257827": 0.1,
    }.items():  # fmt: skip
        text = re.sub(rb"leaf_value=\S+", b"leaf_value=" + spelling.encode(), without_sizes(read("one_leaf")))
        assert fasttrees.loads(text).predict([[0.0]], raw_score=True).tolist() == [value], spelling


@pytest.mark.parametrize("spelling", [b"0x10", b"1,5", b"1_0", b"12abc", b"abc", b"1e", b"--1", b"+-1", b"1\t2"])
def test_numbers_that_lightgbm_would_misread_are_refused(spelling: bytes) -> None:
    text = re.sub(rb"leaf_value=\S+", b"leaf_value=" + spelling, without_sizes(read("one_leaf")))
    error = refusal(text)
    assert (error.tree, error.key) == (0, "leaf_value")
    assert spelling.decode().replace("\t", "\\t") in error.got


@pytest.mark.parametrize(
    ("old", "new", "tree", "key", "expected"),
    [
        (b"tree\n", b"trees\n", None, None, "'tree'"),
        (b"tree\n", b"\xef\xbb\xbftree\n", None, None, "'tree'"),
        (b"version=v4", b"version=v5", None, "version", "version v2, v3 or v4"),
        (b"num_class=1\n", b"", None, "num_class", "the key in the header"),
        (b"num_class=1\n", b"num_class=2\n", None, "num_tree_per_iteration", "2, as num_class says"),
        (b"num_class=1\n", b"num_class=0\n", None, "num_class", "a number of classes from 1"),
        (b"num_class=1\n", b"num_class=1x\n", None, "num_class", "a 32-bit integer"),
        (b"num_class=1\n", b"num_class=1\nnum_class=1\n", None, "num_class", "the key once"),
        (b"num_class=1\n", b"num_klass=1\n", None, None, "a key of LightGBM's header"),
        (b"max_feature_idx=4", b"max_feature_idx=5", None, "feature_names", "6 items"),
        (b"max_feature_idx=4", b"max_feature_idx=-7", None, "feature_names", "-6 items"),
        (b"objective=binary", b"objective=binario", None, "objective", "an objective of LightGBM"),
        (b"sigmoid:1", b"sigmoid:0", None, "objective", "a sigmoid above zero"),
        (b"sigmoid:1", b"sigmoid:1x", None, "objective", "a decimal number"),
        (b"sigmoid:1", b"", None, "objective", "a decimal number"),
        (b"tree_sizes=", b"tree_sizes=1 ", None, None, "1 bytes"),
        (b"tree_sizes=", b"tree_sizes=x ", None, "tree_sizes", "a 32-bit integer"),
        (b"num_leaves=6\n", b"num_leaves=7\n", 0, "split_feature", "as many numbers as splits (6)"),
        (b"num_leaves=6\n", b"num_leaves=0\n", 0, "num_leaves", "an integer from 1"),
        (b"num_leaves=6\n", b"num_leaves=2147483648\n", 0, "num_leaves", "a 32-bit integer"),
        (b"num_leaves=6\n", b"num_leaves=2147483647\n", 0, "split_feature", "as many numbers as splits"),
        (b"num_leaves=6\n", b"num_leaves=6 6\n", 0, "num_leaves", "one integer"),
        (b"num_cat=0\n", b"", 0, "num_cat", "the key"),
        (b"num_cat=0\n", b"num_cat=1\n", 0, "cat_boundaries", "the key, with as many numbers"),
        (b"num_cat=0\n", b"num_cat=0\nnum_cat=0\n", 0, "num_cat", "the key once"),
        (b"threshold=", b"treshold=", 0, None, "a key of LightGBM's trees"),
        (b"threshold=", b"threshold", 0, None, "a line key=value"),
        (b"threshold=", b"threshold=0.5 ", 0, "threshold", "as many numbers as splits (5)"),
        (b"leaf_weight=", b"leaf_weight=1 ", 0, "leaf_weight", "as many numbers as leaves (6)"),
        (b"leaf_weight=", b"leaf_weight=? ", 0, "leaf_weight", "a number at place 1"),
        (b"is_linear=0", b"is_linear=2", 0, "is_linear", "an integer from 0 to 1"),
        (b"\nthreshold=", b"\n\nthreshold=", 0, None, "the key, with as many numbers as splits"),
    ],
)  # fmt: skip
def test_damage_is_refused_and_named(old: bytes, new: bytes, tree: int | None, key: str | None, expected: str) -> None:
    text = read("numerical")
    assert old in text
    error = refusal(text.replace(old, new, 1))
    assert error.tree == (0 if old == b"tree_sizes=" and tree is None and key is None else tree)
    if key is not None:
        assert error.key == key
    assert expected in error.expected
    assert str(error).endswith(f"expected {error.expected}, got {error.got}")


@pytest.mark.parametrize(
    ("key", "place", "value", "expected"),
    [
        ("left_child", 0, b"-7", "children from -6 to 4"),
        ("left_child", 0, b"5", "children from -6 to 4"),
        ("right_child", 0, b"0", "the root never"),
        ("right_child", 4, b"-1", "a child once"),
        ("split_feature", 2, b"5", "features from 0 to 4"),
        ("split_feature", 2, b"-1", "features from 0 to 4"),
        ("decision_type", 1, b"12", "missing type of None, Zero or NaN"),
        ("decision_type", 1, b"16", "missing type of None, Zero or NaN"),
        ("decision_type", 1, b"-1", "missing type of None, Zero or NaN"),
    ],
)
def test_a_broken_tree_is_refused_and_named(key: str, place: int, value: bytes, expected: str) -> None:
    text = without_sizes(read("numerical"))
    lines = text.split(b"\n")
    at = next(i for i, line in enumerate(lines) if line.startswith(key.encode()))
    name, _, numbers = lines[at].partition(b"=")
    words = numbers.split(b" ")
    words[place] = value
    lines[at] = name + b"=" + b" ".join(words)
    error = refusal(b"\n".join(lines))
    assert error.tree == 0
    if "child" in key:  # an id used twice may be met on either side
        assert error.key in ("left_child", "right_child")
    else:
        assert (error.key, error.line) == (key, at + 1)
    assert expected in error.expected


def test_a_cycle_beside_the_tree_is_refused() -> None:
    text = without_sizes(read("numerical"))
    text = re.sub(rb"left_child=.*", b"left_child=-1 2 1 -3 -4", text, count=1)
    text = re.sub(rb"right_child=.*", b"right_child=3 -5 -6 4 -2", text, count=1)
    error = refusal(text)
    assert (error.tree, error.key, error.expected) == (0, "left_child", "5 splits below the root")


@pytest.mark.parametrize("n_loops", [1, 5000])
@pytest.mark.parametrize("side", ["left", "right"])
def test_nodes_that_are_their_own_children_are_refused(side: str, n_loops: int) -> None:
    """Each of them is a child once, too; small trees and large ones are planned in different ways."""
    loops = list(range(1, n_loops + 1))
    leaves = [~(2 + i) for i in range(n_loops)]
    tree = Tree(
        [0.5] * (n_loops + 2), [0] * (n_loops + 1), [0.5] * (n_loops + 1), [0] * (n_loops + 1),
        [-1, *(loops if side == "left" else leaves)], [-2, *(leaves if side == "left" else loops)],
    )  # fmt: skip
    error = refusal(model_text([tree], 1).encode())
    assert (error.tree, error.expected) == (0, f"{n_loops + 1} splits below the root")


@pytest.mark.parametrize(
    ("old", "new", "key", "expected"),
    [
        (rb"cat_boundaries=0 ", rb"cat_boundaries=1 ", "cat_boundaries", "0 at the start"),
        (rb"cat_boundaries=0 (\d+)", rb"cat_boundaries=0 9\1", "cat_threshold", "as many numbers as category words"),
        (rb"cat_threshold=\d+", rb"cat_threshold=4294967296", "cat_threshold", "an unsigned 32-bit integer"),
        (rb"cat_threshold=\d+ ", rb"cat_threshold=", "cat_threshold", "as many numbers as category words"),
    ],
)
def test_broken_category_sets_are_refused(old: bytes, new: bytes, key: str, expected: str) -> None:
    text, count = re.subn(old, new, without_sizes(read("categorical")), count=1)
    assert count == 1
    error = refusal(text)
    assert error.key == key
    assert expected in error.expected


def test_a_category_set_that_does_not_exist_is_refused() -> None:
    lines = without_sizes(read("categorical")).split(b"\n")
    decisions = next(i for i, line in enumerate(lines) if re.match(rb"decision_type=.*[13579]( |$)", line))
    place = [int(word) % 2 for word in lines[decisions].split(b"=")[1].split(b" ")].index(1)
    for wrong in (b"99", b"-1", b"0.5", b"nan"):
        words = lines[decisions - 1].split(b"=")[1].split(b" ")
        words[place] = wrong
        changed = [*lines]
        changed[decisions - 1] = b"threshold=" + b" ".join(words)
        error = refusal(b"\n".join(changed))
        assert (error.key, error.line) == ("threshold", decisions)


@pytest.mark.parametrize(
    ("key", "word"), [("leaf_features", b"5"), ("leaf_features", b"-1"), ("leaf_features", b""), ("leaf_coeff", b"")]
)
def test_broken_linear_leaves_are_refused(key: str, word: bytes) -> None:
    text, count = re.subn(rb"(\n%s=)-?\d\S*" % key.encode(), rb"\g<1>" + word, without_sizes(read("linear")), count=1)
    assert count == 1
    assert refusal(text).key == key


def test_missing_trees_are_refused() -> None:
    text = read("multiclass")
    assert "12 trees, as tree_sizes says" in refusal(text[: text.index(b"Tree=11")]).expected
    cut = without_sizes(text)[: without_sizes(text).index(b"Tree=11")]
    assert "3 trees in every iteration" in refusal(cut + b"end of trees\n").expected


@pytest.mark.parametrize("number", [1, 3, 9])
def test_cut_between_trees_is_refused_without_sizes(number: int) -> None:
    text = without_sizes(read("multiclass"))
    refused = refusal(text[: text.index(b"Tree=%d" % number)])
    assert refused.expected == "another tree or 'end of trees'"
    assert refused.got == "the end of the file"


@pytest.mark.parametrize("name", NAMES)
def test_every_truncation_within_the_trees_is_refused(name: str) -> None:
    text = read(name)
    for size in range(text.index(b"end of trees")):
        refusal(text[:size])


def test_truncation_without_tree_sizes_is_refused_inside_a_line() -> None:
    text = without_sizes(read("categorical"))
    last_tree = text.index(b"Tree=3")
    for size in range(last_tree, text.index(b"end of trees")):
        if not text[:size].endswith(b"\n"):
            refusal(text[:size])


@pytest.mark.parametrize("text", [b"", b"\n", b"tree", b"tree\n", b"\x00", b"tree\n\x00\n", b"{}", b"PK\x03\x04"])
def test_files_that_are_no_models_are_refused(text: bytes) -> None:
    refusal(text)


def test_sections_must_end() -> None:
    text = read("numerical")
    assert refusal(text.replace(b"end of parameters", b"")).key == "parameters"
    assert refusal(text.replace(b"pandas_categorical:null", b"pandas_categorical:[")).key == "pandas_categorical"


def test_a_short_file_that_claims_much_allocates_little() -> None:
    resource = pytest.importorskip("resource")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for old, new in (
        (b"num_leaves=6", b"num_leaves=2147483647"),
        (b"num_class=1\n", b"num_class=2147483647\n"),
        (b"max_feature_idx=4", b"max_feature_idx=2147483646"),
        (b"num_cat=0", b"num_cat=2147483647"),
    ):
        refusal(read("numerical").replace(old, new))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024  # KiB


def test_text_of_other_types() -> None:
    with pytest.raises(TypeError):
        fasttrees.loads(10**12)  # type: ignore[arg-type]
    with pytest.raises(fasttrees.ModelFormatError):
        fasttrees.loads("tree\n\ud800")


@pytest.mark.parametrize("text", [b"[" * 100_000, b"5", b"{}", b"[1]", b'["a"]', b""])
def test_categories_that_are_none(text: bytes) -> None:
    changed = read("categorical").replace(b"pandas_categorical:null", b"pandas_categorical:" + text)
    assert refusal(changed).key == "pandas_categorical"


@pytest.mark.parametrize(
    "text",
    [
        b"tree\r" + b"\r" * 4_000_000,
        b"tree\n" + b"a=b\r" * 1_000_000,
        read("numerical").replace(b"sigmoid:1", b"sigmoid:1e" + b"9" * 4_000_000),
        read("numerical").replace(b"sigmoid:1", b"sigmoid:1" + b"9" * 4_000_000),
    ],
    ids=["blank lines", "carriage returns", "exponent", "digits"],
)
def test_long_nonsense(text: bytes) -> None:
    """The answer is short; ``python -m benchmarks.long_inputs`` measures that the time grows with the length."""
    try:
        answer = repr(fasttrees.loads(text))
    except fasttrees.ModelFormatError as error:
        answer = str(error)
    assert len(answer) < 400


def test_missing_file() -> None:
    with pytest.raises(FileNotFoundError):
        fasttrees.load("no/such/model.txt")


def test_reading_needs_neither_numpy_nor_lightgbm() -> None:
    import subprocess

    code = (
        "import sys, fasttrees\n"
        f"model = fasttrees.load({str(MODELS / 'linear.txt')!r})\n"
        "rows = memoryview(bytearray(40 * 20)).cast('d', (20, 5))\n"
        "out = memoryview(bytearray(160)).cast('d')\n"
        "model.predict_into(rows, out)\n"
        "assert out[0] == out[19] != 0\n"
        "assert not {'numpy', 'lightgbm', 'scipy'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
