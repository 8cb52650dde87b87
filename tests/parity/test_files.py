"""Predictions from files have the bits of LightGBM's; where it aborts or misreads, ours is an error that says where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest

import fasttrees
from tests.support.builders import Tree, assert_same_bits, model_text, strange_values
from tests.support.file_predictions import predict_files
from tests.support.inputs import NAMES
from tests.support.paths import MODELS

N_FEATURES = 5
MISSING = -99.0
HEADER = {"data_has_header": True}
PRECISE = {"precise_float_parser": True}
FREE = {"predict_disable_shape_check": True}


def echo_model(names: str = "a b c d e", label_index: int = 0) -> str:
    """A model whose scores are the values that it sees, missing ones as MISSING."""
    trees = [
        Tree(
            [MISSING, MISSING], [feature], [0.0], [8], [-1], [-2],
            more={"is_linear": [1], "leaf_const": [0.0, 0.0], "num_features": [1, 1],
                  "leaf_features": [feature, feature], "leaf_coeff": [1.0, 1.0]},
        )
        for feature in range(N_FEATURES)
    ]  # fmt: skip
    text = model_text(trees, N_FEATURES, N_FEATURES).replace("label_index=0", f"label_index={label_index}")
    return text.replace("Column_0 Column_1 Column_2 Column_3 Column_4", names)


ROWS = "1,2,3.5,-4,0.1\n5,na,7e-3,8,inf\n"
TABS = ROWS.replace(",", "\t")
LABELLED = "9,1,2,3.5,-4,0.1\n9,5,na,7e-3,8,inf\n"
PAIRS = "9 0:1 1:2 2:3.5 3:-4 4:0.1\n9 1:na 2:7e-3 4:1\n9 4:2 4:3 0:5\n"
SPACED = "".join(f"{line}\r\n\r\n" for line in ROWS.split())

#: Files that LightGBM reads, and how.
GOOD: dict[str, tuple[str, dict[str, Any]]] = {
    "csv": (ROWS, {}),
    "tsv": (TABS, {}),
    "labelled csv": (LABELLED, {}),
    "labelled tsv": (LABELLED.replace(",", "\t"), {}),
    "without a last line end": (ROWS.rstrip(), {}),
    "CRLF": (ROWS.replace("\n", "\r\n"), {}),
    "blank lines inside": (SPACED, {}),
    "one line feed before": ("\n" + ROWS, {}),
    "blanks": (" 1 ,2  ,3,  4,5 \n,  ,3, 4,na\n", {}),
    "an empty first cell": ("1,2,3,4,5\n,2,3,4,5\n", {}),
    "missing": ("na,NaN,null,-nan,+NA\nNULL,nan,na,NA,Na\n", {}),
    "infinite": ("inf,-inf,Infinity,+INF,-infinity\n1e400,-1e400,1e-400,1e308,1e309\n", {}),
    "tiny": ("1e-35,-1e-35,1e-36,1.0000000180025095e-35,1.1e-35\n1e-30,-0,-0.0,+0,.5\n", {}),
    "odd numbers": ("+1,1.,.5,1E5,1e+05\n007,1e-0,00.10,-.5e1,1e0000000001\n", {}),
    "header": ("a,b,c,d,e\n" + ROWS, HEADER),
    "header CRLF": ("a,b,c,d,e\r\n" + ROWS, HEADER),
    "header of tabs": ("a\tb\tc\td\te\n" + TABS, HEADER),
    "header, other order": ("e,d,c,b,a\n" + ROWS, HEADER),
    "header, one more": ("e,d,x,c,b,a\n" + LABELLED, HEADER),
    "header, one more in front": ("label,a,b,c,d,e\n" + LABELLED, HEADER),
    "header, one more behind": ("a,b,c,d,e,x\n" + LABELLED, HEADER),
    "header of other names": ("v,w,x,y,z\n" + ROWS, HEADER),
    "header and a blank line": ("a,b,c,d,e\n\n" + ROWS, HEADER),
    "header, a missing name": ("b,c,d,e\n1,2,3,4\n5,6,7,8\n", HEADER | FREE),
    "header, a wrong name": ("a,x,c,d,e\n" + ROWS, HEADER | FREE),
    "header, names in place": ("a,b\n1,2\n3,4\n", HEADER | FREE),
    "precise": (ROWS.replace("na", "nan"), PRECISE),
    "precise words": ("nan,-NaN,inf,-INF,infinity\n1e400,-1e400,1e-400,4.9e-324,+5\n", PRECISE),
    "precise odd numbers": (" 1,1.,.5,1E5,-.5e1\n007,1e-0,00.10,2,1e0000000001\n", PRECISE),
    "too narrow": ("1,2,3\n4,5,6\n", FREE),
    "too wide": ("1,2,3,4,5,6,7\n1,2,3,4,5,6,7\n", FREE),
    "empty last label": ("1,2,3,4,5,9\n1,2,3,4,5,\n", {"label_index": 5}),
    "label in the middle": (LABELLED, {"label_index": 3}),
    "label behind": (LABELLED, {"label_index": 5}),
    "no label": (ROWS, {"label_index": -1}),
    "LibSVM": (PAIRS, {}),
    "LibSVM without labels": ("0:1 4:2\n1:3\n\n2:5e-3 4:-0\n", {}),
    "LibSVM of blanks": ("9  0:1\t4:2 \n9\t1 : 3  4: 5\t\r\n-1.5 2:\t4:inf\n", FREE),
    "LibSVM of near-zero values": ("1 0:1e-36 1:-1e-36 2:-0.0 4:1e-40\n0 1:1e-35 4:1\n", {}),
    "LibSVM precise": (PAIRS, PRECISE),
    "LibSVM too wide": ("9 0:1 7:2 9:4\n9 4:8 9:1\n", FREE),
    "LibSVM too narrow": ("9 0:1 2:2\n9 1:8\n", FREE),
    "LibSVM, the label of line 2 only": ("0:1 4:2\n4:3\n", {}),
}

#: Files that LightGBM refuses or misreads, or that end its process; and the error that says so.
BAD: dict[str, tuple[str, dict[str, Any], str]] = {
    "no lines": ("", {}, "at least one line"),
    "only blank lines": ("\n\n", {}, "blank lines|at least one line"),
    "only a header": ("a,b,c,d,e\n", HEADER, "at least one line"),
    "a word": ("1,2,3,4,5\n1,2,three,4,5\n", {}, "row 2, column 3: .*'three,4,5'"),
    "a word, later": ("1,2,3,4,5\n\n" * 3000 + "1,x,3,4,5", {}, "row 6001, column 2"),
    "half a number": ("1,2,3,4,5\n1,2,3x,4,5\n", {}, "row 2, column 3"),
    "hex": ("1,2,3,4,5\n1,2,0x10,4,5\n", {}, "row 2, column 3"),
    "quotes": ('1,2,3,4,5\n1,"2",3,4,5\n', {}, "row 2, column 2"),
    "a tab in a csv": ("1,2,3,4,5\n1,2\t,3,4,5\n", {}, "row 2, column 2"),
    "no digits": ("1,2,3,4,5\n1,.,3,4,5\n", {}, "row 2, column 2"),
    "an exponent only": ("1,2,3,4,5\n1,e5,3,4,5\n", {}, "row 2, column 2"),
    "no exponent": ("1,2,3,4,5\n1,2e,3,4,5\n", {}, "row 2, column 2"),
    "an exponent beyond 32 bits": ("1,2,3,4,5\n1,2e4294967297,3,4,5\n", {}, "row 2, column 2"),
    "too many digits": ("1,2,3,4,5\n1,0." + "9" * 400 + ",3,4,5\n", {}, "row 2, column 2"),
    "a sign": ("1,2,3,4,5\n1,-,3,4,5\n", {}, "row 2, column 2"),
    "an empty last cell": ("1,2,3,4,5\n1,2,3,4,\n", {}, "row 2, column 5"),
    "a short line": ("1,2,3,4,5\n" * 40 + "1,2,3,4\n", {}, "row 41: .*fewer"),
    "a long line": ("1,2,3,4,5\n" * 40 + "1,2,3,4,5,6\n", {}, "row 41: .*more"),
    "ragged": ("1,2,3,4,5\n1,2,3,4\n", {}, "CSV, TSV or LibSVM"),
    "one column": ("1\n2\n", {}, "CSV, TSV or LibSVM"),
    "semicolons": ("1;2;3;4;5\n1;2;3;4;5\n", {}, "CSV, TSV or LibSVM"),
    "blanks": ("1 2 3 4 5\n1 2 3 4 5\n", {}, "CSV, TSV or LibSVM"),
    "too narrow": ("1,2,3\n4,5,6\n", {}, r"\(2\) .* \(5\)"),
    "too wide": ("1,2,3,4,5,6,7\n1,2,3,4,5,6,7\n", {}, r"\(6\) .* \(5\)"),
    "an empty cell in line 1": ("1,,3,4,5\n1,2,3,4,5\n", {}, r"\(4\) .* \(5\)"),
    "carriage returns only": (ROWS.replace("\n", "\r"), {}, r"number of features"),
    "blank lines before": ("\n\n" + ROWS, {}, "blank lines"),
    "a byte order mark": ("\ufeff" + ROWS, {}, "row 1, column 1"),
    "NUL": ("1,2,3,4,5\n1,2,3\0,4,5\n", {}, "NUL byte at byte 15"),
    "a name twice": ("a,b,c,d,a\n" + ROWS, HEADER, "more than one time"),
    "a wrong name": ("a,x,c,d,e\n" + ROWS, HEADER, "'b' is missing"),
    "a missing name": ("b,c,d,e\n1,2,3,4\n", HEADER, "'a' is missing"),
    "quoted names": ('"b","a","c","d","e"\n' + ROWS, HEADER, "quotes"),
    "blanks in names": ("b, a, c, d, e\n" + ROWS, HEADER, "blanks"),
    "a name less": ("a,b,c,d\n" + ROWS, HEADER, "as many names as columns: 5, got 4"),
    "a name more": ("f,a,b,c,d,e\n" + ROWS, HEADER, "as many names as columns: 5, got 6"),
    "an empty name": ("a,b,,c,d,e\n" + LABELLED, HEADER, "column 3"),
    "other names, one more": ("u,v,w,x,y,z\n" + LABELLED, HEADER, "'a' is missing"),
    "precise, a blank behind": ("1,2,3,4,5\n1,2 ,3,4,5\n", PRECISE, "row 2, column 2"),
    "precise, na": ("1,2,3,4,5\n1,na,3,4,5\n", PRECISE, "row 2, column 2"),
    "precise, empty": ("1,2,3,4,5\n1,,3,4,5\n", PRECISE, "row 2, column 2"),
    "precise, empty in a tsv": ("1\t2\t3\t4\t5\n1\t\t3\t4\t5\n", PRECISE, "row 2, column 2"),
    "LibSVM, one entry without a label": ("1:1\n4:2\n", {}, "row 1"),
    "LibSVM, a label is missing": ("9 0:1 4:2\n1:3\n", {}, "row 2"),
    "LibSVM, a label too many": ("0:1 4:2\n9 1:3\n", {}, "row 2"),
    "LibSVM, qid": ("9 qid:1 4:2\n9 qid:1 1:3\n", {}, "row 1"),
    "LibSVM, a comment": ("9 0:1 4:2\n9 0:1 4:2 # no\n", FREE, "row 2"),
    "LibSVM, a word": ("9 0:1 4:2\n9 0:x\n", {}, "row 2: .*'0:x'"),
    "LibSVM, a negative index": ("9 0:1 4:2\n9 -1:5\n", {}, "row 2"),
    "LibSVM, a late index": ("9 0:1 4:2\n" * 9000 + "9 5:1\n", {}, "row 9001: .*index"),
    "LibSVM, too narrow": ("9 0:1 2:2\n9 1:8\n", {}, r"\(3\) .* \(5\)"),
    "LibSVM, too wide": ("9 0:1 5:2\n9 1:8\n", {}, r"\(6\) .* \(5\)"),
    "LibSVM, index 0 only": ("9 0:1\n9 0:2\n", {}, "index above 0"),
    "LibSVM, label elsewhere": (PAIRS, {"label_index": 1}, "label in column 0"),
    "LibSVM, header": ("a b c\n" + PAIRS, HEADER, "header"),
}


@pytest.fixture(scope="module")
def predictions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, Path, dict[str, Any], Path]]:
    """For each file LightGBM's answer, and the file, arguments and model."""
    folder = tmp_path_factory.mktemp("files")
    by_model: dict[int, list[tuple[str, Path, dict[str, Any]]]] = {}
    found = {}
    cases = {f"good {name}": case for name, case in GOOD.items()} | {f"bad {n}": case[:2] for n, case in BAD.items()}
    for number, (name, (text, arguments)) in enumerate(cases.items()):
        path = folder / f"{number}.txt"
        path.write_bytes(text.encode())
        arguments = dict(arguments)
        by_model.setdefault(arguments.pop("label_index", 0), []).append((name, path, arguments))
    for label_index, files in by_model.items():
        model = folder / f"model{label_index}.txt"
        model.write_text(echo_model(label_index=label_index))
        answers = predict_files(model, [(path, arguments) for _, path, arguments in files])
        for (name, path, arguments), answer in zip(files, answers, strict=True):
            found[name] = answer, path, arguments, model
    return found


@pytest.mark.parametrize("name", GOOD)
def test_good_files(predictions: dict[str, Any], name: str) -> None:
    expected, path, arguments, model = predictions[f"good {name}"]
    assert isinstance(expected, np.ndarray), f"LightGBM: {expected}"
    actual = fasttrees.load(model).predict(path, **arguments)
    assert actual.tobytes() == expected.tobytes(), (actual, expected)
    assert actual.shape == expected.shape


@pytest.mark.parametrize("name", BAD)
def test_bad_files(predictions: dict[str, Any], name: str) -> None:
    """LightGBM's own answers are looked at too, so that no error stands where it has become right."""
    theirs, path, arguments, model = predictions[f"bad {name}"]
    with pytest.raises(fasttrees.InputError, match=BAD[name][2]):
        fasttrees.load(model).predict(path, **arguments)
    if name in OUTSIDE:
        return
    if isinstance(theirs, np.ndarray):
        assert name in MISREAD, theirs
    else:
        assert name not in MISREAD, theirs


#: Those with which LightGBM writes outside its memory: it may end, or not.
OUTSIDE = {"LibSVM, a negative index"}

#: Those of the bad files that LightGBM makes predictions from.
MISREAD = {
    "no digits", "an exponent only", "no exponent", "an exponent beyond 32 bits", "too many digits", "a sign",
    "an empty last cell", "a short line", "a long line", "blank lines before", "a wrong name", "a missing name",
    "quoted names", "blanks in names", "a name less", "a name more", "an empty name", "other names, one more",
    "precise, empty in a tsv", "LibSVM, one entry without a label", "LibSVM, a label is missing",
    "LibSVM, a late index",
}  # fmt: skip


def number_texts(rng: np.random.Generator, count: int) -> list[str]:
    """Numbers as people and programs write them."""
    texts = []
    for value in rng.choice([*rng.normal(size=count), *np.exp(rng.normal(0, 20, count)), *strange_values()], count):
        form = rng.choice([".6g", ".17g", ".15g", ".3f", ".9e", "r", "digits"])
        if not np.isfinite(value):
            texts.append(str(rng.choice(["nan", "na", "inf", "-inf"])))
        elif form == "digits":
            digits = "".join(rng.choice(list("0123456789"), rng.integers(1, 40)))
            point = rng.integers(0, len(digits))
            texts.append(digits[:point] + "." + digits[point:] + str(rng.choice(["", "e5", "E-7", "e+30", "e-99"])))
        else:
            texts.append(repr(float(value)) if form == "r" else format(value, form))
    return texts


@pytest.mark.parametrize("arguments", [{}, PRECISE])
@pytest.mark.parametrize("form", ["csv", "tsv", "libsvm"])
def test_numbers(tmp_path: Path, form: str, arguments: dict[str, Any]) -> None:
    """Every kind of number has the last bits that LightGBM gives it."""
    rng = np.random.default_rng(3)
    texts = number_texts(rng, 5 * 3000)
    texts = ["nan" if text == "na" and arguments else text for text in texts]
    rows = [texts[at : at + 5] for at in range(0, len(texts), 5)]
    if form == "libsvm":
        rows = [["0", *(f"{i}:{text}" for i, text in enumerate(row))] for row in rows]
    path = tmp_path / "numbers.txt"
    path.write_text("".join({"csv": ",", "tsv": "\t", "libsvm": " "}[form].join(row) + "\n" for row in rows))
    booster: Any
    model: Any
    booster, model = lightgbm.Booster(model_str=echo_model()), fasttrees.loads(echo_model())
    expected = booster.predict(path, num_threads=1, **arguments)
    assert_same_bits(model.predict(path, **arguments), expected)
    assert_same_bits(model.predict(str(path), n_threads=2, **arguments), expected)


@pytest.mark.parametrize("name", NAMES)
def test_models(tmp_path: Path, name: str) -> None:
    """All kinds of scores and leaves, in files of more rows than a block has."""
    booster: Any
    model: Any
    booster, model = lightgbm.Booster(model_file=MODELS / f"{name}.txt"), fasttrees.load(MODELS / f"{name}.txt")
    rows = np.random.default_rng(4).normal(scale=20, size=(5000, 5)).round(3)
    path = tmp_path / "rows.csv"
    np.savetxt(path, rows, "%.17g", ",")
    for flags in ({}, {"raw_score": True}, {"pred_leaf": True}, {"start_iteration": 1, "num_iteration": 2}):
        assert_same_bits(model.predict(path, **flags), booster.predict(path, **flags))


def test_one_row(tmp_path: Path) -> None:
    """LightGBM fails at the shape of one row, or gives another; ours is that of an array of one row."""
    path = tmp_path / "row.csv"
    path.write_text("1,2,3,4,5\n")
    for name in NAMES:
        model: Any = fasttrees.load(MODELS / f"{name}.txt")
        for flags in ({}, {"pred_leaf": True}):
            assert_same_bits(model.predict(path, **flags), model.predict(np.array([[1.0, 2, 3, 4, 5]]), **flags))


def test_no_file(tmp_path: Path) -> None:
    model: Any = fasttrees.load(MODELS / "numerical.txt")
    with pytest.raises(FileNotFoundError):
        model.predict(tmp_path / "none.csv")
