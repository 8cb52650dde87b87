"""JSON and JSON Lines bodies to rows. Their forms stand in docs/reference/content-types.md.

Rows are decoded as the body arrives: arrays of numbers by compiled code, all else one by one by the standard library's
decoder. Memory stays flat, and other threads get the interpreter, which ``json.loads`` of the whole would keep.
"""

from __future__ import annotations

import codecs
import json
import re
from math import nan

from fasttrees._textio.plain_rows import read_json_rows
from fasttrees.serving.batches import MAX_ROW, Decoder, Rows
from fasttrees.serving.errors import RequestError
from fasttrees.serving.lines import LineDecoder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from typing import Any, TypeAlias, TypeVar

    from fasttrees.model import Model
    from fasttrees.serving.batches import Item

    Result = TypeVar("Result")
    Steps: TypeAlias = Generator[Item | None, None, Result]

__all__ = ["JsonDecoder", "JsonLinesDecoder", "RowReader"]

SHOWN = 60  # characters of a bad value in an error
MAX_NAMES = 10  # names listed in an error
ROWS_KEYS = ("instances", "data", "inputs")  # whose array holds the rows
SPLIT_KEYS = ("columns", "index")  # that may stand beside it: what pandas' to_json(orient="split") writes
FLOATS = {float}
DELIMITERS = frozenset(" \t\n\r,:]}")
BLANKS = " \t\n\r"
_pass_blanks = re.compile(f"[{BLANKS}]*").match


class _RepeatedKey:
    """Stands for an object that has a key twice."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | _RepeatedKey:
    found = dict(pairs)
    return found if len(found) == len(pairs) else _RepeatedKey()


# Integers of any length become the nearest double, as other numbers do; NaN and Infinity are what Python writes.
_decode = json.JSONDecoder(parse_int=float, object_pairs_hook=_object).raw_decode


class RowReader:
    """Turns a decoded value into the numbers of a row.

    Parameters
    ----------
    model : Model
    """

    def __init__(self, model: Model) -> None:
        self.names = model.feature_name()
        self._known = set(self.names)

    def read(self, value: Any, row: int, order: list[int] | None = None) -> list[float]:
        """Read a row.

        Parameters
        ----------
        value : object
            A list of numbers, an object ``{"features": [...]}``, or an object of numbers by the names of the features.
        row : int
            Its number, for errors.
        order : list of int, optional
            For each feature the place of its number in the list.
        """
        if type(value) is dict:
            features = value.get("features")
            if type(features) is not list or len(value) > 1:
                if value.keys() != self._known or len(value) != len(self.names):
                    names = [self.spell(name) for name in value]
                    self.check_names(names, row)
                    value = dict(zip(names, value.values(), strict=True))
                return self._check([value[name] for name in self.names], row, self.names)
            value = features
        if type(value) is not list:
            problem = "a key twice in one object" if type(value) is _RepeatedKey else "no row"
            actual = None if type(value) is _RepeatedKey else show(value)
            raise RequestError(400, problem, row=row, expected="an array or object of numbers", actual=actual)
        n_features = len(self.names)
        if len(value) != n_features:
            raise RequestError(
                400, "wrong number of cells", row=row, expected=f"{n_features} cells", actual=str(len(value))
            )
        numbers = self._check(value, row, None)
        return numbers if order is None else [numbers[place] for place in order]

    def spell(self, name: str) -> str:
        """Return the model's spelling of a name: LightGBM replaced blanks by ``_`` when it trained."""
        return name if name in self._known else name.replace(" ", "_")

    def check_names(self, names: list[str], row: int | None) -> None:
        """Raise RequestError unless `names` are those of the features, in any order."""
        given = set(names)
        missing = [name for name in self.names if name not in given]
        unknown = [name for name in names if name not in self._known]
        wrong = missing or unknown
        if wrong:
            problem = "features are missing" if missing else "names of no feature of the model"
            more = f" and {len(wrong) - MAX_NAMES} more" if len(wrong) > MAX_NAMES else ""
            raise RequestError(400, f"{problem}: {', '.join(map(show, wrong[:MAX_NAMES]))}{more}", row=row)
        if len(names) != len(self._known) or len(names) != len(self.names):
            raise RequestError(400, "expected each name once, here and in the model", row=row)

    @staticmethod
    def _check(values: list[Any], row: int, names: list[str] | None) -> list[float]:
        kinds = set(map(type, values))
        if kinds == FLOATS:
            return values
        for place, value in enumerate(values):
            if type(value) is not float and value is not None:
                raise RequestError(
                    400,
                    f"bad value of {names[place]!r}" if names else "bad cell",
                    row=row,
                    column=place + 1,
                    expected="a number or null",
                    actual=show(value),
                )
        return [nan if value is None else value for value in values]


class JsonLinesDecoder(LineDecoder):
    """Reads JSON Lines.

    Parameters
    ----------
    reader : RowReader
    skips_bad_rows : bool
        Whether a bad row becomes a BadRow, instead of an error.
    """

    def __init__(self, reader: RowReader, skips_bad_rows: bool) -> None:
        super().__init__(len(reader.names), skips_bad_rows)
        self._reader = reader

    def read_plain(self, data: bytes, at: int) -> tuple[bytes, int]:
        """Read plain lines: see :meth:`LineDecoder.read_plain`."""
        return read_json_rows(data, at, len(self._reader.names), as_lines=True)

    def read_line(self, line: bytes, row: int) -> list[float]:
        """Read a line: see :meth:`LineDecoder.read_line`."""
        line = line.removeprefix(codecs.BOM_UTF8) if row == 1 else line
        try:
            text = line.decode().strip(BLANKS)
            value, end = _decode(text)
        except (ValueError, RecursionError) as error:
            raise RequestError(400, describe(error), row=row) from None
        if end < len(text):
            raise RequestError(400, "text behind the end of the value", row=row, actual=repr(text[end:][:SHOWN]))
        return self._reader.read(value, row)


class JsonDecoder(Decoder):
    """Reads one JSON document.

    Parameters
    ----------
    reader : RowReader
    skips_bad_rows : bool
        Whether a bad row becomes a BadRow, instead of an error.
    """

    def __init__(self, reader: RowReader, skips_bad_rows: bool) -> None:
        self._reader = reader
        self._rows = Rows(len(reader.names), skips_bad_rows)
        self._row = 0
        self._utf8 = codecs.getincrementaldecoder("utf-8")()
        self._text = ""
        self._at = 0  # where the next value begins
        self._n_characters = 0  # of the last value
        self._last = False
        self._steps = self._document()

    def decode(self, block: bytes, last: bool) -> Iterator[Item]:
        """Read the next block: see :meth:`Decoder.decode`."""
        try:
            self._text = self._text[self._at :] + self._utf8.decode(block, last)
        except UnicodeDecodeError as error:
            raise RequestError(400, describe(error)) from None  # in a row of this block, but who knows in which
        self._at = 0
        self._last = last
        for item in self._steps:
            if item is None:  # the text has come to its end
                break
            yield item
        yield from self._rows.take()

    # The generators below yield None where they need the next block, and go on with it.

    def _document(self) -> Steps[None]:
        if (yield from self._peek()) == "\ufeff":
            self._at += 1
        first = yield from self._pass("[{")
        if first == "[":
            yield from self._array(None)
        else:
            yield from self._object()
        if (yield from self._peek()):
            raise self._refuse("text behind the end of the document", actual=repr(self._text[self._at :][:SHOWN]))

    def _object(self) -> Steps[None]:
        """Read an object that holds an array of rows, or that is a row itself."""
        others: dict[str, Any] = {}
        rows_key = None
        n_characters = 0
        delimiter = ","
        while delimiter == ",":
            key = yield from self._key()
            if key in others or key == rows_key:
                raise self._refuse("a key twice in one object", actual=show(key))
            if rows_key is not None and key != "index":
                raise self._refuse("a key that cannot stand behind the rows", expected="index", actual=show(key))
            yield from self._pass(":")
            if (yield from self._peek()) == "[" and key in ROWS_KEYS:
                rows_key = key
                self._at += 1
                yield from self._array(self._order(others))
            else:
                others[key] = yield from self._value()
                n_characters += self._n_characters
                if n_characters > MAX_ROW:
                    raise self._refuse(f"more than {MAX_ROW >> 20} MB beside the rows")
            delimiter = yield from self._pass(",}")
        if rows_key is None:
            yield from self._add(others, None)

    def _order(self, others: dict[str, Any]) -> list[int] | None:
        """For each feature the place of its number in a row, if the document names its columns."""
        for key in others:
            if key not in SPLIT_KEYS:
                raise self._refuse("unknown key beside the rows", expected=" or ".join(SPLIT_KEYS), actual=show(key))
        columns = others.get("columns")
        if columns is None:
            return None
        if type(columns) is not list or not all(type(name) is str for name in columns):
            raise self._refuse("bad columns", expected="an array of names", actual=show(columns))
        names = [self._reader.spell(name) for name in columns]
        self._reader.check_names(names, None)
        place = {name: place for place, name in enumerate(names)}
        return None if names == self._reader.names else [place[name] for name in self._reader.names]

    def _array(self, order: list[int] | None) -> Steps[None]:
        """Read an array of rows, or of the numbers of one row, from behind its bracket."""
        first = yield from self._peek()
        if first == "]":
            self._at += 1
        elif first and first not in "[{":
            row, end = read_json_rows("[" + self._text[self._at :], 0, len(self._reader.names), as_lines=False)
            if order is None and self._rows.holds_one(row):
                self._row += self._rows.add_all(row)
                self._at += end - 1
            else:
                yield from self._flat_row(order)
        else:
            delimiter = ","
            while delimiter == ",":
                yield from self._peek()
                rows, self._at = self._read_plain(order)
                if rows:
                    self._row += self._rows.add_all(rows)
                else:
                    value = yield from self._value()
                    yield from self._add(value, order)
                delimiter = yield from self._pass(",]")

    def _read_plain(self, order: list[int] | None) -> tuple[bytes, int]:
        if order is not None:
            return b"", self._at
        return read_json_rows(self._text, self._at, len(self._reader.names), as_lines=False)

    def _flat_row(self, order: list[int] | None) -> Steps[None]:
        values, n_values = [], 0
        delimiter = ","
        while delimiter == ",":
            yield from self._peek()
            value = yield from self._value()
            n_values += 1
            if n_values <= len(self._reader.names):
                values.append(value)
            delimiter = yield from self._pass(",]")
        yield from self._add(values if n_values <= len(values) else [None] * n_values, order)

    def _add(self, value: Any, order: list[int] | None) -> Iterator[Item]:
        self._row += 1
        try:
            self._rows.add(self._reader.read(value, self._row, order))
        except RequestError as error:
            yield from self._rows.refuse(error)
        if self._rows.is_full:
            yield from self._rows.take()

    def _key(self) -> Steps[str]:
        yield from self._peek()
        key = yield from self._value()
        if type(key) is not str:
            raise self._refuse("bad key", expected="a string", actual=show(key))
        return key

    def _value(self) -> Steps[Any]:
        """Read the value that begins here, waiting until all of it has come."""
        while True:
            try:
                value, end = _decode(self._text, self._at)
                if self._last or self._text[end : end + 1] in DELIMITERS:  # 1.5 may become 1.57, or 1 the start of 1.5
                    self._n_characters = end - self._at
                    self._at = end
                    return value
            except (ValueError, RecursionError) as error:
                if self._last:
                    raise self._refuse(describe(error)) from None
            n_characters = len(self._text) - self._at
            if n_characters > MAX_ROW:
                raise self._refuse(f"no whole row or value in {MAX_ROW >> 20} MB")
            # Twice as much before the next try: the time for all tries is that of the last.
            while not self._last and len(self._text) - self._at < 2 * n_characters:
                yield None

    def _peek(self) -> Steps[str]:
        """Step over blanks; return the character that follows, none at the end of the document."""
        while True:
            match = _pass_blanks(self._text, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if self._last:
                return ""
            yield None

    def _pass(self, expected: str) -> Steps[str]:
        """Step over blanks and one of the expected characters; return it."""
        found = yield from self._peek()
        if not found or found not in expected:
            raise self._refuse(
                "bad JSON", expected=" or ".join(expected), actual=repr(found) if found else "the end of the body"
            )
        self._at += 1
        return found

    def _refuse(self, problem: str, expected: str | None = None, actual: str | None = None) -> RequestError:
        """Make the error of a document that goes wrong behind the rows read so far."""
        return RequestError(400, problem, row=self._row + 1, expected=expected, actual=actual)


def show(value: Any) -> str:
    """Write a value for an error."""
    try:
        text = json.dumps(value, default=lambda value: "...")
    except RecursionError:  # it could just be read
        text = "..."
    return text if len(text) <= SHOWN else text[:SHOWN] + "..."


def describe(error: ValueError | RecursionError) -> str:
    """Describe what is wrong with text that is not JSON."""
    if isinstance(error, json.JSONDecodeError):
        return f"bad JSON: {error.msg}"
    return "bad JSON: nested too deep" if isinstance(error, RecursionError) else "not UTF-8"
