"""JSON and JSON Lines: the forms of a document, and what is refused where."""

from __future__ import annotations

import json
from typing import Any

import pytest

import fasttrees
from fasttrees.serving import json_rows
from fasttrees.serving.errors import RequestError
from tests.support.builders import model_text, one_split
from tests.support.exchange import JSON, JSON_LINES, answer, make_model, predicted

MODEL = make_model()
NAN, INF = float("nan"), float("inf")
SCORE = predicted(MODEL, [[1, 2, 3, 4]])


@pytest.mark.parametrize(
    "document",
    [
        "[1,2,3,4]", "[[1,2,3,4]]", ' \ufeff [ [ 1 , 2.0,3e0, 4\n] ] ', '{"instances": [[1,2,3,4]]}',
        '{"instances": [1,2,3,4]}', '{"data":[[1,2,3,4]]}', '{"inputs":[{"features":[1,2,3,4]}]}',
        '{"instances":[{"Column_3":4,"Column 2":3,"Column_1":2,"Column_0":1}]}', '{"features":[1,2,3,4]}',
        '{"Column_0":1,"Column_1":2,"Column_2":3,"Column_3":4}', '[{"features":[1,2,3,4]}]',
        '{"columns":["Column_1","Column_0","Column_2","Column_3"],"index":["x"],"data":[[2,1,3,4]]}',
        '{"columns":["Column_0","Column_1","Column_2","Column 3"],"data":[1,2,3,4],"index":[]}',
    ],
)  # fmt: skip
def test_forms(document: str) -> None:
    body = document.strip(" ").encode()
    for step in (1, 2, 1000):
        assert answer(MODEL, body, JSON, cuts=range(step, 1000, step)) == SCORE


@pytest.mark.parametrize(
    "line", ["[1,2,3,4]", '{"features": [1,2,3,4]}', '{"Column_3":4,"Column_2":3,"Column_1":2,"Column_0":1}']
)
def test_forms_of_a_line(line: str) -> None:
    body = f"\ufeff{line}\r\n {line} \n{line}\n\n \n".encode()
    assert answer(MODEL, body, JSON_LINES) == SCORE * 3


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("null", NAN), ("NaN", NAN), ("-0", -0.0), ("1E5", 1e5), ("1e400", INF), ("-Infinity", -INF),
        ("9007199254740993", 9007199254740992.0), ("1" * 5000, INF), ("5e-324", 5e-324), ("0.1", 0.1),
        ("123456789012345678901234567890", 1.2345678901234568e29),
    ],
)  # fmt: skip
def test_numbers(text: str, value: float) -> None:
    expected = predicted(MODEL, [[value, 1, value, 2]])
    assert answer(MODEL, f"[[{text},1,{text},2]]".encode(), JSON) == expected
    assert answer(MODEL, f"[{text}, 1, {text}, 2]".encode(), JSON, cuts=range(50)) == expected
    assert answer(MODEL, f"[{text},1,{text},2]".encode(), JSON_LINES) == expected


@pytest.mark.parametrize("value", [True, False, "1", "NaN", "", [1.5], {"a": 0.5}, {}])
def test_values_that_are_no_numbers(value: Any) -> None:
    for body, content_type in (
        ([[1, 2, 3, 4], [1, 2, value, 4]], JSON),
        ({"instances": [[1, 2, 3, 4], {"features": [1, 2, value, 4]}]}, JSON),
    ):
        with pytest.raises(RequestError) as caught:
            answer(MODEL, json.dumps(body).encode(), content_type)
        error = caught.value
        assert (error.status, error.row, error.column) == (400, 2, 3)
        assert (error.expected, error.actual) == ("a number or null", json.dumps(value))
    with pytest.raises(RequestError, match="row 1, column 2: bad value of 'Column_1'"):
        answer(MODEL, json.dumps([dict(zip(MODEL.feature_name(), [1, value, 3, 4], strict=True))]).encode(), JSON)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("", r"expected \[ or \{, got the end"),
        ("1", r"expected \[ or \{, got '1'"),
        ("[[1,2,3,4]", "row 2: bad JSON: expected , or ], got the end"),
        ("[[1,2,3,4] [", r"row 2: bad JSON: expected , or \], got '\['"),
        ("[[1,2,3,4],]", "row 2: bad JSON"),
        ("[1,2,3,4,]", "row 1: bad JSON"),
        ("[1 2,3,4]", "row 1: bad JSON: expected , or ], got '2'"),
        ("[[1,2,3,4]]]", "text behind the end"),
        ("[1,2,3,4],[1,2,3,4]", "text behind the end"),
        ('{"data":[1,2,3,4],[1,2,3,4]}', "bad key"),
        ("[[1,2,3],[1,2,3,4]]", "row 1: wrong number of cells: expected 4 cells, got 3"),
        ("[1,2,3,4,5,6]", "expected 4 cells, got 6"),
        ("[[[1,2,3,4]]]", "expected 4 cells, got 1"),
        ("[[1,2,3,4],1]", "row 2: no row"),
        ("{}", "bad JSON"),
        ('{"instances":{}}', "features are missing"),
        ('{"instances":[[1,2,3,4]],"instances":[]}', "a key twice"),
        ('{"instances":[[1,2,3,4]],"data":[]}', 'cannot stand behind the rows: expected index, got "data"'),
        ('{"parameters":1,"instances":[[1,2,3,4]]}', 'unknown key beside the rows.*"parameters"'),
        ('{"instances":[[1,2,3,4]],"parameters":1}', '"parameters"'),
        ('{"data":[[1,2,3,4]],"columns":["a","b","c","d"]}', "cannot stand behind the rows"),
        ('{"columns":["a","b","c","d"],"data":[[1,2,3,4]]}', "features are missing"),
        ('{"columns":["Column_0","Column_0","Column_1","Column_2","Column_3"],"data":[]}', "once"),
        ('{"columns":["Column_0","Column_1","Column_2","Column_3","x"],"data":[]}', 'no feature of the model: "x"'),
        ('{"columns":7,"data":[]}', "bad columns"),
        ('{"Column_0":1,"Column_0":1}', "a key twice"),
        ('[{"Column_0":1,"Column_0":1}]', "a key twice"),
        ('[{"Column_0":1,"Column 0":1,"Column_1":1,"Column_2":1,"Column_3":1}]', "once"),
        ('[{"Column_0":1}]', 'features are missing: "Column_1"'),
        ('[{"Column_0":1,"Column_1":2,"Column_2":3,"Column_3":4,"id":5}]', 'no feature of the model: "id"'),
        ("[" * 100000, "nested too deep"),
        ('{"a' * 100000, "bad JSON"),
        ('["\\ud800', "bad JSON"),
    ],
)  # fmt: skip
def test_documents_that_are_refused(document: str, message: str) -> None:
    with pytest.raises(RequestError, match=message) as error:
        answer(MODEL, document.encode(), JSON)
    assert error.value.status == 400


def test_text_that_is_not_utf8() -> None:
    for body, content_type in ((b"[[1,2,3,\xff]]", JSON), (b"[1,2,3,\xff]", JSON_LINES), (b"[[1,2,3,4]]\xc3", JSON)):
        with pytest.raises(RequestError, match="not UTF-8"):
            answer(MODEL, body, content_type)
    with pytest.raises(RequestError, match=r"^not UTF-8$"):  # no row, because it would be the first of the block
        answer(MODEL, b"[[1,2,3,4],[1,2,3,\xff]]", JSON)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"[1,2,3,4]\n\n[1,2,3,4]\n", "^row 2: blank line"),
        (b"[1,2,3,4]\n[1,2,3\n", "^row 2: bad JSON"),
        (b"[1,2,3,4]\n[1,2,3,4] 5\n", "^row 2: text behind"),
        (b"[1,2,3,4]\n[[1,2,3,4]]\n", "^row 2: wrong number of cells"),
        (b"[1,2,3,4]\n7\n", "^row 2: no row"),
        (b'{"instances": [[1,2,3,4]]}\n', "features are missing"),
    ],
)
def test_lines_that_are_refused(body: bytes, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        answer(MODEL, body, JSON_LINES)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_rows, "MAX_ROW", 1000)
    for body in ("[[1,2,3,4],[" + "1," * 2000, '{"a":"' + "x" * 2000, "{" + '"a":1,' * 2000, '[["' + "x" * 2000):
        with pytest.raises(RequestError, match=r"MB|twice"):
            answer(MODEL, body.encode(), JSON, cuts=range(0, 4000, 100))
    keys = ",".join(f'"{i}":1' for i in range(1000))
    with pytest.raises(RequestError, match="beside the rows"):
        answer(MODEL, b'{"index":[1],' + keys.encode(), JSON, cuts=range(0, 9000, 100))


def test_a_slow_row_is_not_read_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[int] = []
    decode = json_rows._decode

    def counted(text: str, at: int) -> Any:
        tries.append(len(text) - at)
        return decode(text, at)

    monkeypatch.setattr(json_rows, "_decode", counted)
    body = b"[[" + b"1," * 50000 + b"1]]"
    with pytest.raises(RequestError, match="got 50001"):
        answer(MODEL, body, JSON, cuts=range(0, len(body), 10))
    assert sum(tries) < 4 * len(body)


def test_names_are_looked_up_not_searched_for() -> None:
    """Ten times the names, each spelled differently from the model's, cost ten times the comparisons, not a hundred."""
    n_comparisons = 0

    class Name(str):
        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            nonlocal n_comparisons
            n_comparisons += 1
            return str.__eq__(self, other)

    for n_names in (100, 1000):
        n_comparisons = 0
        reader = json_rows.RowReader(make_model(n_names))
        assert reader.read({Name(f"Column {i}"): 1.0 for i in range(n_names)}, 1) == [1.0] * n_names
        assert n_comparisons <= 10 * n_names


def test_values_that_are_nested_as_deep_as_can_be_read() -> None:
    for depth in range(900, 1000):
        columns = "[" * depth + "]" * depth
        with pytest.raises(RequestError, match=r"bad columns|nested too deep"):
            answer(MODEL, f'{{"columns": {columns}, "data": [[1,2,3,4]]}}'.encode(), JSON)


def test_names_that_the_model_has_twice() -> None:
    text = model_text([one_split(0.5, 2)], 2).replace("Column_1", "Column_0")
    with pytest.raises(RequestError, match="once"):
        answer(fasttrees.loads(text), b'[{"Column_0":1}]', JSON)
