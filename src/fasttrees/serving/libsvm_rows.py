"""LibSVM bodies to rows: lines of ``label index:value ...``, the label optional, in any order of the indices."""

from __future__ import annotations

from fasttrees._textio.plain_rows import read_libsvm_rows
from fasttrees.serving.batches import MAX_NUMBERS
from fasttrees.serving.errors import RequestError
from fasttrees.serving.lines import LineDecoder

__all__ = ["LibsvmDecoder"]

SHOWN = 60  # characters of a bad pair in an error


class LibsvmDecoder(LineDecoder):
    """Reads LibSVM text; a feature that a line does not name is 0.

    Parameters
    ----------
    n_features : int
    base : int
        Index of the first feature.
    skips_bad_rows : bool
        Whether a bad row becomes a BadRow, instead of an error.
    """

    def __init__(self, n_features: int, base: int, skips_bad_rows: bool) -> None:
        super().__init__(n_features, skips_bad_rows)
        self._n_features = n_features
        self._base = base
        self._max_rows = max(1, MAX_NUMBERS // n_features)

    def read_plain(self, data: bytes, at: int) -> tuple[bytes, int]:
        """Read plain lines: see :meth:`LineDecoder.read_plain`."""
        return read_libsvm_rows(data, at, self._n_features, self._base, self._max_rows)

    def read_line(self, line: bytes, row: int) -> list[float]:
        """Read a line: see :meth:`LineDecoder.read_line`."""
        numbers: list[float | None] = [None] * self._n_features
        for place, pair in enumerate(line.split(), 1):
            index, colon, text = pair.partition(b":")
            if place == 1 and not colon:  # the label, which is not used
                if number(pair) is None:
                    raise refuse("bad label", row, place, "a number", pair)
                continue
            value = number(text)
            if not colon or not index.isdigit() or value is None:
                raise refuse("bad pair", row, place, "index:value, both numbers", pair)
            feature = int(index) - self._base if len(index) < 10 else self._n_features
            if not 0 <= feature < self._n_features:
                last = self._n_features - 1 + self._base
                raise refuse("bad index", row, place, f"an index from {self._base} to {last}", pair)
            if numbers[feature] is not None:
                raise refuse("an index twice in one row", row, place, "each index once", pair)
            numbers[feature] = value
        return [0.0 if value is None else value for value in numbers]


def number(text: bytes) -> float | None:
    """Read a decimal number, or None; Python's own reader takes underscores too."""
    try:
        return float(text) if b"_" not in text else None
    except ValueError:
        return None


def refuse(problem: str, row: int, place: int, expected: str, got: bytes) -> RequestError:
    """Make the error of one pair of a line."""
    shown = repr(got[:SHOWN].decode("utf-8", "backslashreplace"))
    return RequestError(400, problem, row=row, column=place, expected=expected, actual=shown)
