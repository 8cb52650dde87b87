"""CSV bodies: headers, labels, bad rows, and the cases that AWS tests its own containers with."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence

import numpy as np
import pytest

from fasttrees._textio.csv import RowParser, Table
from fasttrees.errors import CsvError
from fasttrees.serving import batches, content, csv_rows
from fasttrees.serving.batches import Options
from fasttrees.serving.errors import RequestError
from tests.support.exchange import CSV, JSON, JSON_LINES, answer, exchange, make_model, predicted

MODEL = make_model()
MULTICLASS = make_model(4, 3, "multiclass num_class:3")
SCORE = predicted(MODEL, [[1, 2, 3, 4]])
OTHER = predicted(MODEL, [[-1, 2, -3, 0.5]])
NAN = float("nan")
WITH_HEADER = CSV + "; header=present"
FROM_ENVIRONMENT = Options(csv_header=True)


@pytest.mark.parametrize("n_rows", [1, 700, 2000])
def test_rows_out_are_rows_in(n_rows: int) -> None:
    rows = np.random.default_rng(n_rows).normal(size=(n_rows, 4))
    body = "\n".join(",".join(map(repr, row)) for row in rows.tolist()).encode()
    for end in (b"", b"\n", b"\r\n", b"\n\n"):
        assert answer(MODEL, body + end) == predicted(MODEL, rows)


@pytest.mark.parametrize("missing", ["", "NaN", "nan", "NA", "null", ' "" ', "N/A"])
def test_missing_values(missing: str) -> None:
    assert answer(MODEL, f"1,{missing},3,{missing}\n".encode()) == predicted(MODEL, [[1, NAN, 3, NAN]])


def test_one_column() -> None:
    model = make_model(1)
    assert answer(model, b"1\n\n-0.5") == predicted(model, [[1], [NAN], [-0.5]])


def test_twenty_megabytes() -> None:
    body = b"1,2,3,4\n" * (20 << 17)
    step = 1 << 20
    assert answer(MODEL, body, cuts=range(step, len(body), step)) == SCORE * (20 << 17)


@pytest.mark.parametrize("accept", [CSV, JSON_LINES])
def test_one_final_newline(accept: str) -> None:
    text = answer(MODEL, b"1,2,3,4\n1,2,3,4", CSV, accept)
    assert text.count(b"\n") == 2
    assert text.endswith(b"\n")


@pytest.mark.parametrize(
    ("body", "row", "column", "expected", "actual"),
    [
        (b"1,2,3,4\n1,2,x,4\n", 2, 3, "a number", "'x'"),
        (b"1,2,3,4\n1,2,3\n", 2, None, "4 cells", "3"),
        (b"1,2,3,4\n1,2,3,4,5\n", 2, None, "4 cells", "5"),
        (b"1,2,3,4\n\n1,2,3,4\n", 2, None, "4 cells", "''"),
        (b"1,2,3,4\n1 0:1 1:2\n", 2, 1, "a number", "'1 0:1 1:2'"),
        (b"1,2,3,4\n1,\x00\xff,3,4\n", 2, 2, "a number", r"'\x00\\xff'"),
        (b'1,2,3,4\n1,"2,3,4\n', 2, 2, "a number", "'\"2,3,4'"),
    ],
)
@pytest.mark.parametrize("step", [1, 5, 100])
def test_bad_rows(body: bytes, row: int, column: int | None, expected: str, actual: str, step: int) -> None:
    with pytest.raises(RequestError) as caught:
        answer(MODEL, body, cuts=range(step, len(body), step))
    error = caught.value
    assert (error.status, error.row, error.column) == (400, row, column)
    assert (error.expected, error.actual) == (expected, actual)
    assert "header" not in error.problem
    assert answer(MODEL, body + b"1,2,3,4", options=Options(placeholder="?"), cuts=range(step, 99, step)).endswith(
        SCORE + b"?\n" + SCORE * (body.count(b"\n") - 1)
    )


def test_the_first_line_gets_a_hint() -> None:
    with pytest.raises(RequestError, match="header=present"):
        answer(MODEL, b"a,b,c,d\n1,2,3,4\n")
    with pytest.raises(RequestError, match="label_size=1"):
        answer(MODEL, b"0,1,2,3,4\n")


def test_bad_rows_do_not_make_the_parser_read_a_block_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte is measured and parsed a fixed number of times, however many rows are bad."""
    sizes: list[int] = []

    class CountingParser:
        def __init__(self, columns: Sequence[int]) -> None:
            self._parser = RowParser(columns)
            self.n_cells = self._parser.n_cells

        def measure(self, data: memoryview, max_rows: int, last: bool) -> tuple[int, int]:
            size, n_rows = self._parser.measure(data, max_rows, last)
            sizes.append(size)
            return size, n_rows

        def parse(self, data: memoryview, first_row: int, errors: list[CsvError]) -> Table:
            sizes.append(len(data))
            return self._parser.parse(data, first_row, errors)

    monkeypatch.setattr(content, "RowParser", CountingParser)
    for n_rows in (2000, 20_000):
        sizes.clear()
        body = b"1,2,x,4\n1,2,3,4\n" * n_rows
        _, encoder = exchange(MODEL, body, options=Options(placeholder="ERROR"))
        assert (encoder.n_rows, encoder.n_bad_rows) == (2 * n_rows, n_rows)
        assert len(body) <= sum(sizes) <= 3 * len(body)


def test_bad_rows_are_collected_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """However the lines fall, rows and their numbers are those of a body that is read at once."""
    body = b"\xef\xbb\xbf1,2,3,4\nx\n\n\n1,2,3,4\r\n\r1,2\n" * 3 + b"1,2,3,4\n1,2,3,4\n\n \n"
    options = Options(placeholder="ERROR")
    expected = answer(MODEL, body, accept=JSON, options=options)
    assert expected.count(b"error") == 3 * 5 + 2  # the byte order marks in the midst, too
    for most in range(1, 12):
        monkeypatch.setattr(csv_rows, "MAX_ERRORS", most)
        for cuts in ((), (40,), range(1, len(body))):
            assert answer(MODEL, body, accept=JSON, options=options, cuts=cuts) == expected
    monkeypatch.undo()
    tracemalloc.start()
    _, encoder = exchange(MODEL, b"x\n" * 50_000, options=options)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert encoder.n_bad_rows == 50_000
    assert peak < 10 << 20  # half of it the texts, which the test keeps


def test_the_placeholder_fills_each_column() -> None:
    options = Options(placeholder="ERROR")
    assert answer(MULTICLASS, b"1,2,3\n", options=options) == b"ERROR,ERROR,ERROR\n"
    both = "predicted_label,probabilities"
    assert answer(MULTICLASS, b"1,2,3\n", options=options, output=both) == b"ERROR,ERROR\n"


def test_a_label_in_front() -> None:
    assert answer(MODEL, b"cat,1,2,3,4\n", CSV + "; label_size=1") == SCORE
    with pytest.raises(RequestError):
        answer(MODEL, b"1,2,3,4\n", CSV + "; label_size=1")


def test_a_row_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert batches.MAX_ROW == 16 << 20
    monkeypatch.setattr(csv_rows, "MAX_ROW", 1000)
    for body in (b"1," * 2000, b"\n" * 2000, b"\r" * 2000, b"x" * 2000):
        with pytest.raises(RequestError, match=r"^row 2: row, or blank lines, of more than") as error:
            answer(MODEL, b"1,2,3,4\n" + body, cuts=range(0, 2000, 100))
        assert error.value.status == 400


def test_names_of_features_are_not_read_as_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """That takes microseconds for each, of which a line of 16 MB may have millions."""
    read: list[str] = []

    def is_number(name: str) -> bool:
        read.append(name)
        return False

    monkeypatch.setattr(csv_rows, "is_number", is_number)
    names = ",".join(f"Column_{i}" for i in range(4)).encode()
    assert answer(MODEL, names + b"\n1,2,3,4\n", WITH_HEADER) == b"score\n" + SCORE
    assert read == []
    with pytest.raises(RequestError, match="bad header"):
        answer(MODEL, b"a,b\n" * 1000, WITH_HEADER)
    assert read == ["a"]


# -- headers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header", ["Column_0,Column_1,Column_2,Column_3", '"Column 0", Column_1 ,Column_2,"Column_3"', "a,b,c,d"]
)
@pytest.mark.parametrize("content_type", [CSV, WITH_HEADER])
def test_a_header_is_answered_by_a_header(header: str, content_type: str) -> None:
    body = b"\xef\xbb\xbf" + header.encode() + b"\r\n1,2,3,4\n-1,2,-3,0.5\n"
    for step in (1, 3, 1000):
        options = FROM_ENVIRONMENT if content_type == CSV else None
        text = answer(MODEL, body, content_type, options=options, cuts=range(step, 100, step))
        assert text == b"score\n" + SCORE + OTHER
    assert answer(MODEL, header.encode(), content_type, options=FROM_ENVIRONMENT) == b"score\n"
    assert answer(MODEL, body, content_type, JSON_LINES, options=FROM_ENVIRONMENT).count(b"\n") == 2
    assert answer(MODEL, body, content_type, JSON, options=FROM_ENVIRONMENT).startswith(b'{"predictions": [{"score"')


def test_names_of_the_answers_columns() -> None:
    body = b"a,b,c,d\n1,2,3,4\n"
    assert answer(MULTICLASS, body, WITH_HEADER).splitlines()[0] == b"score_0,score_1,score_2"
    text = answer(MULTICLASS, body, WITH_HEADER, output="predicted_label,probabilities")
    assert text.splitlines()[0] == b"predicted_label,probabilities"


def test_columns_by_name() -> None:
    body = b"id,Column_3,Column_1,Column_0,Column_2\nx,4,2,1,3\n"
    assert answer(MODEL, body, WITH_HEADER) == b"score\n" + SCORE
    body = b"Column_0,Column_3,Column_1,Column_0,Column_2\nx,4,2,1,3\n"
    assert answer(MODEL, body, WITH_HEADER + ";label_size=1") == b"score\n" + SCORE


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b"Column_0,Column_1,x,y", "the header lacks 2"),
        (b"Column_0,Column_0,Column_1,Column_2,Column_3", "Column_0"),
        (b"a,b,c", "bad header: expected 4 names, got 3"),
        (b"1,2,3,4", "no header: expected names, got '1,2,3,4'"),
        (b'"a,b', "header cannot be read"),
        (b"\xff,a,b,c", "UTF-8"),
        (b"", "no header"),
    ],
)
def test_headers_that_are_refused(header: bytes, message: str) -> None:
    with pytest.raises(RequestError, match=message) as error:
        answer(MODEL, header + b"\n1,2,3,4\n", WITH_HEADER)
    assert error.value.row == 1


def test_a_header_from_the_environment_may_be_absent() -> None:
    """In a file that is sent in pieces, the first piece alone has a header."""
    assert answer(MODEL, b"1,2,3,4\n-1,2,-3,.5\n", options=FROM_ENVIRONMENT) == SCORE + OTHER
    assert answer(MODEL, b"1,2,,NA\n", options=FROM_ENVIRONMENT) == predicted(MODEL, [[1, 2, NAN, NAN]])
    assert answer(MODEL, b"a,b,c,d\n1,2,3,4\n", options=FROM_ENVIRONMENT) == b"score\n" + SCORE
    with pytest.raises(RequestError, match="column 2: bad cell"):  # a row with one bad cell is no header
        answer(MODEL, b"1,x,3,4\n", options=FROM_ENVIRONMENT)
    with pytest.raises(RequestError, match="got 3"):
        answer(MODEL, b"1,2,3\n", options=FROM_ENVIRONMENT)
    with pytest.raises(RequestError, match=r"lacks 1 of"):
        answer(MODEL, b"Column_0,Column_1,Column_2,x\n", options=FROM_ENVIRONMENT)
    assert answer(MODEL, b"1,2,3,4\n", CSV + "; header=absent", options=FROM_ENVIRONMENT) == SCORE


def test_a_header_from_the_environment_must_have_the_models_order() -> None:
    """The pieces behind the first could not know any other."""
    for header in (b"Column_1,Column_0,Column_2,Column_3", b"id,Column_0,Column_1,Column_2,Column_3"):
        with pytest.raises(RequestError, match="another order"):
            answer(MODEL, header + b"\n", options=FROM_ENVIRONMENT)
