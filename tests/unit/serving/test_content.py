"""Media types, and what holds for every type of body: any cut, any bytes, any row."""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fasttrees.serving.batches import Options
from fasttrees.serving.content import Decoders, negotiate, output_type
from fasttrees.serving.errors import RequestError
from tests.support.builders import Matrix, strange_values
from tests.support.exchange import CSV, JSON, JSON_LINES, LIBSVM, NPY, answer, exchange, make_model, predicted

MODEL = make_model()
NAMES = MODEL.feature_name()
ROWS = np.random.default_rng(5).choice([*strange_values(), 0.1, 2 / 3, -1.5, 1e22, 123456789.125], (60, 4))
SKIPPING = Options(placeholder="ERROR")


def as_json(rows: Matrix) -> list[list[float]]:
    return rows.tolist()  # type: ignore[no-any-return]


def named(rows: Matrix) -> list[dict[str, float]]:
    return [dict(zip(NAMES, row, strict=True)) for row in rows.tolist()]


def csv(rows: Matrix) -> bytes:
    return "".join(",".join(map(repr, row)) + "\n" for row in rows.tolist()).encode()


def libsvm(rows: Matrix) -> bytes:
    lines = [" ".join(f"{i}:{value!r}" for i, value in enumerate(row)) for row in rows.tolist()]
    return "".join(f"1 {line}\n" for line in lines).encode()


def npy(rows: Matrix) -> bytes:
    file = io.BytesIO()
    np.save(file, rows)
    return file.getvalue()


#: For each form of a body its content type and its writer.
FORMS: dict[str, tuple[str, Callable[[Matrix], bytes]]] = {
    "csv": (CSV, csv),
    "csv with crlf": (CSV, lambda rows: csv(rows).replace(b"\n", b"\r\n")),
    "csv with cr": (CSV, lambda rows: csv(rows).replace(b"\n", b"\r")),
    "csv with header": (CSV + "; header=present", lambda rows: ",".join(NAMES).encode() + b"\n" + csv(rows)),
    "json array": (JSON, lambda rows: json.dumps(as_json(rows)).encode()),
    "json indented": (JSON, lambda rows: json.dumps(as_json(rows), indent=2).encode()),
    "json instances": (JSON, lambda rows: json.dumps({"instances": as_json(rows)}).encode()),
    "json features": (JSON, lambda rows: json.dumps({"inputs": [{"features": row} for row in as_json(rows)]}).encode()),
    "json names": (JSON, lambda rows: json.dumps(named(rows)).encode()),
    "json split": (JSON, lambda rows: json.dumps({"columns": NAMES, "index": [1], "data": as_json(rows)}).encode()),
    "json lines": (JSON_LINES, lambda rows: "".join(json.dumps(row) + "\n" for row in as_json(rows)).encode()),
    "libsvm": (LIBSVM, libsvm),
    "npy": (NPY, npy),
    "npy fortran": (NPY, lambda rows: npy(np.asfortranarray(rows))),
    "npy big-endian": (NPY, lambda rows: npy(rows.astype(">f8"))),
}  # fmt: skip
TYPES = sorted({content_type for content_type, _ in FORMS.values()})


def with_header(form: str, scores: bytes) -> bytes:
    return b"score\n" + scores if "header" in form else scores


@pytest.mark.parametrize("form", FORMS)
def test_the_same_bits_as_predict(form: str) -> None:
    content_type, write = FORMS[form]
    assert answer(MODEL, write(ROWS), content_type) == with_header(form, predicted(MODEL, ROWS))
    assert answer(MODEL, write(ROWS[:1]), content_type) == with_header(form, predicted(MODEL, ROWS[:1]))


@pytest.mark.parametrize("form", FORMS)
@given(cuts=st.lists(st.integers(1, 6000), max_size=30))
@example(cuts=list(range(6000)))
def test_a_body_may_be_cut_anywhere(form: str, cuts: list[int]) -> None:
    content_type, write = FORMS[form]
    assert answer(MODEL, write(ROWS[:9]), content_type, cuts=cuts) == with_header(form, predicted(MODEL, ROWS[:9]))


@pytest.mark.parametrize("form", FORMS)
def test_no_rows(form: str) -> None:
    content_type, write = FORMS[form]
    assert answer(MODEL, write(ROWS[:0]), content_type) == with_header(form, b"")
    assert answer(MODEL, write(ROWS[:0]), content_type, JSON) == b'{"predictions": []}'


@pytest.mark.parametrize("content_type", [None, "", CSV, CSV + "; header=present", JSON_LINES, LIBSVM])
def test_an_empty_body_has_no_rows(content_type: str | None) -> None:
    assert answer(MODEL, b"", content_type) == b""
    if content_type != CSV + "; header=present":
        assert answer(MODEL, b"\n\n", content_type) == b""


@pytest.mark.parametrize("content_type", [JSON, NPY])
def test_an_empty_body_is_no_document(content_type: str) -> None:
    with pytest.raises(RequestError, match=r"end of the body|cut off"):
        answer(MODEL, b"", content_type)


@pytest.mark.parametrize("content_type", TYPES)
@pytest.mark.parametrize("options", [Options(), SKIPPING, Options(csv_header=True)])
@given(data=st.data())
def test_any_bytes_give_rows_or_an_error(content_type: str, options: Options, data: st.DataObject) -> None:
    whole = FORMS[data.draw(st.sampled_from(sorted(FORMS)))][1](ROWS[:3])
    begin, end = sorted((data.draw(st.integers(0, len(whole))), data.draw(st.integers(0, len(whole)))))
    body = whole[:begin] + data.draw(st.binary(max_size=40)) + whole[end:]
    results = []
    for cuts in ((), range(0, len(body), 7)):
        try:
            text, encoder = exchange(MODEL, body, content_type, options=options, cuts=cuts)
            results.append(text)
            assert text.count(b"\n") in (encoder.n_rows, encoder.n_rows + 1)
        except RequestError as error:
            results.append(b"%d" % error.status)
    assert results[0] == results[1]
    assert results[0] != b"415"


@pytest.mark.parametrize(
    ("content_type", "good", "bad"),
    [
        (CSV, b"1,2,3,4\n", b"1,2,x,4\n"),
        (JSON_LINES, b"[1,2,3,4]\n", b'[1,2,"3",4]\n'),
        (LIBSVM, b"0:1 1:2 2:3 3:4\n", b"1 9:1\n"),
    ],
)
@given(pattern=st.lists(st.booleans(), max_size=30), cuts=st.lists(st.integers(1, 400), max_size=5))
def test_placeholders_keep_the_rows_in_their_places(
    content_type: str, good: bytes, bad: bytes, pattern: list[bool], cuts: list[int]
) -> None:
    body = b"".join(good if is_good else bad for is_good in pattern)
    score = predicted(MODEL, [[1, 2, 3, 4]])
    text, encoder = exchange(MODEL, body, content_type, options=SKIPPING, cuts=cuts)
    assert text == b"".join(score if is_good else b"ERROR\n" for is_good in pattern)
    assert (encoder.n_rows, encoder.n_bad_rows) == (len(pattern), pattern.count(False))
    if False in pattern:
        with pytest.raises(RequestError) as caught:
            answer(MODEL, body, content_type, cuts=cuts)
        assert caught.value.row == pattern.index(False) + 1


def test_placeholders_of_json() -> None:
    body = b'[[1,2,3,4],[1,2,3],[1,2,3,"x"],{"a":1},7]'
    document = json.loads(answer(MODEL, body, JSON, JSON, options=SKIPPING))
    errors = [prediction.get("error") for prediction in document["predictions"]]
    assert errors == [
        None,
        "row 2: wrong number of cells: expected 4 cells, got 3",
        'row 3, column 4: bad cell: expected a number or null, got "x"',
        'row 4: features are missing: "Column_0", "Column_1", "Column_2", "Column_3"',
        "row 5: no row: expected an array or object of numbers, got 7.0",
    ]
    lines = answer(MODEL, b"[1,2,3]\n[1,2,3,4]\n", JSON_LINES, JSON_LINES, options=SKIPPING).splitlines()
    assert [sorted(json.loads(line)) for line in lines] == [["error"], ["score"]]


def test_structural_faults_have_no_placeholder() -> None:
    for body, content_type in ((b"[[1,2,3,4]", JSON), (b"\x93NUMPY", NPY), (b"[[1,2,3,4]]]", JSON)):
        with pytest.raises(RequestError):
            answer(MODEL, body, content_type, options=SKIPPING)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, CSV), ("", CSV), ("*/*", CSV), ("text/csv", CSV), ("TEXT/CSV; charset=utf-8", CSV), ("csv", CSV),
        ("application/json", JSON), ("application/json;verbose", JSON), ("application/*", JSON), ("text/*", CSV),
        ("application/jsonlines", JSON_LINES), ("application/x-ndjson", JSON_LINES), ("*/*, application/json", JSON),
        ("application/json, */*;q=0.1", JSON), ("text/csv;q=0.5, application/json", JSON),
        ("text/csv;q=0, */*", JSON), ("application/jsonlines, application/json", JSON_LINES),
        ("text/html, application/json;q=0.9, */*;q=0.8", JSON), ("text/html, */*;q=0.8", CSV),
        ("application/json;q=0.2, text/csv;q=0.2", JSON), (" , text/csv", CSV), ("application/json;q=1.0", JSON),
    ],
)  # fmt: skip
def test_accept(accept: str | None, expected: str) -> None:
    assert negotiate(accept, None) == expected


def test_the_default_of_accept() -> None:
    assert negotiate(None, JSON) == JSON
    assert negotiate("*/*", "application/jsonlines; charset=utf-8") == JSON_LINES
    assert negotiate("application/*", JSON_LINES) == JSON_LINES
    assert negotiate(CSV, JSON) == CSV


@pytest.mark.parametrize(
    "accept", ["text/html", "application/x-npy", "text/csv;q=0", "*/*;q=0", "x", "*/csv", "csv;q=2"]
)
def test_nothing_acceptable(accept: str) -> None:
    with pytest.raises(
        RequestError, match="expected one of text/csv, application/json, application/jsonlines"
    ) as error:
        negotiate(accept)
    assert error.value.status == 406


def test_output_type() -> None:
    assert output_type("json") == JSON
    with pytest.raises(RequestError):
        output_type("*/*")


@pytest.mark.parametrize(
    "content_type",
    [
        "text/csv", "csv", "Text/CSV;charset=UTF-8", 'text/csv; charset="utf-8"; label_size=0', "text/csv;",
        "text/csv;header=absent",
    ],
)  # fmt: skip
def test_spellings_of_csv(content_type: str) -> None:
    assert answer(MODEL, b"1,2,3,4", content_type) == predicted(MODEL, [[1, 2, 3, 4]])


@pytest.mark.parametrize(
    ("content_type", "message"),
    [
        ("text/plain", "expected one of text/csv, application/json, .*, got 'text/plain'"),
        ("application/x-recordio-protobuf", "one of text/csv"),
        ("text/csv; charset=latin-1", "charset of utf-8"),
        ("text/csv; label_size=2", "label_size of 0, 1"),
        ("text/csv; delimiter=|", "another or none, got 'delimiter=|'"),
        ("application/json; label_size=1", "another or none"),
        ("text/libsvm; index_base=2", "index_base of 0, 1"),
        ("application/x-npy; charset=utf-8", "another or none"),
        ("text/csv; header", "header of absent, present"),
        ("", None),
    ],
)
def test_content_types_that_cannot_be_read(content_type: str, message: str | None) -> None:
    decoders = Decoders(MODEL, Options())
    if message is None:
        assert decoders.for_type(content_type)
        return
    with pytest.raises(RequestError, match=message) as error:
        decoders.for_type(content_type)
    assert error.value.status == 415


def test_only_the_first_ranges_of_an_accept_header_count() -> None:
    assert negotiate("image/png," * 31 + "application/json") == "application/json"
    with pytest.raises(RequestError):
        negotiate("image/png," * 32 + "application/json")
