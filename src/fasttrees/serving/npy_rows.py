"""NPY bodies to rows: the format of ``numpy.save``, versions 1 to 3, without numpy and without pickle."""

from __future__ import annotations

import re
import sys
from array import array

from fasttrees.serving.batches import MAX_NUMBERS, Decoder, as_batch
from fasttrees.serving.errors import RequestError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from fasttrees.serving.batches import Item

__all__ = ["NpyDecoder"]

MAGIC = b"\x93NUMPY"
MAX_HEADER = 1 << 12  # bytes; numpy writes 118 for a table
MAX_EXACT = 1 << 53  # from here on not every integer is a double
SHOWN = 60  # characters of a bad header in an error
#: NPY's types and those of arrays; LightGBM's own Python package would round others than f4 and f8 to float32.
TYPES = {
    "f4": "f", "f8": "d", "b1": "B", "i1": "b", "i2": "h", "i4": "i", "i8": "q", "u1": "B", "u2": "H", "u4": "I",
    "u8": "Q",
}  # fmt: skip
ORDERS = {"<": "little", ">": "big", "=": sys.byteorder, "|": sys.byteorder}
# The header is a literal of Python, of which this is all that a table of numbers needs.
_PAIR = r"""\s*['"](\w+)['"]\s*:\s*('[^']*'|"[^"]*"|True|False|\([\d\s,]*\))\s*"""
_find_pairs = re.compile(_PAIR).findall
_match_header = re.compile(rf"\s*\{{(?:{_PAIR},)*(?:{_PAIR})?\s*\}}\s*").fullmatch

_match_shape = re.compile(r"\(\s*(\d{1,18})\s*,\s*(?:(\d{1,18})\s*,?\s*)?\)").fullmatch


class NpyDecoder(Decoder):
    """Reads an array of shape (n_rows, n_features), or (n_features,) for one row.

    In C order rows are given out as they come; in Fortran order there is none before the last byte.

    Parameters
    ----------
    n_features : int
    """

    def __init__(self, n_features: int) -> None:
        self._n_features = n_features
        self._pending: list[bytes] = []
        self._kind = ""  # of TYPES; empty until the header is read
        self._is_swapped = self._is_fortran = False
        self._n_rows = 0
        self._row = 0  # rows given out

    def decode(self, block: bytes, last: bool) -> Iterator[Item]:
        """Read the next block: see :meth:`Decoder.decode`."""
        self._pending.append(block)
        if not self._kind and not self._begin(last):
            return
        n_bytes = sum(map(len, self._pending))
        self._check_size(n_bytes, last)
        if self._is_fortran and not last:
            return
        data = b"".join(self._pending)
        if self._is_fortran:
            self._pending = []
            yield from self._turn(data)
            return
        size = n_bytes - n_bytes % self._row_size
        self._pending = [data[size:]]
        if size:
            items: array[Any] = array(TYPES[self._kind])
            items.frombytes(data[:size])
            yield as_batch(self._numbers(items), self._n_features)
            self._row += size // self._row_size

    def _begin(self, last: bool) -> bool:
        """Read the header, if all of it has come, and leave the data pending."""
        data = b"".join(self._pending)
        place = self._find_header(data)
        if place is None:
            if last:
                raise RequestError(400, "no NPY: the header is cut off")
            self._pending = [data]
            return False
        begin, end = place
        self._read_header(data[begin:end].decode("latin-1"))
        self._pending = [data[end:]]
        return True

    def _turn(self, data: bytes) -> Iterator[Item]:
        """Collect rows from all columns, a few at a time: each step keeps other threads from the interpreter."""
        code, size = TYPES[self._kind], int(self._kind[1:])
        at_once = max(1, MAX_NUMBERS // self._n_features)
        for start in range(0, self._n_rows, at_once):
            stop = min(start + at_once, self._n_rows)
            items: array[Any] = array(code, bytes((stop - start) * self._row_size))
            for column in range(self._n_features):
                begin = column * self._n_rows
                items[column :: self._n_features] = array(code, data[(begin + start) * size : (begin + stop) * size])
            yield as_batch(self._numbers(items), self._n_features)
            self._row = stop

    @property
    def _row_size(self) -> int:
        return int(self._kind[1:]) * self._n_features

    def _check_size(self, n_bytes: int, last: bool) -> None:
        missing = (self._n_rows - self._row) * self._row_size
        if n_bytes > missing or (last and n_bytes < missing):
            raise RequestError(
                400,
                "the data has another size than the header says",
                expected=f"{self._n_rows * self._row_size} bytes",
                actual="more" if n_bytes > missing else str(self._row * self._row_size + n_bytes),
            )

    @staticmethod
    def _find_header(data: bytes) -> tuple[int, int] | None:
        """Find where the header's text begins and ends; None if it is not whole."""
        if not MAGIC.startswith(data[: len(MAGIC)]):
            raise RequestError(400, "no NPY", expected=repr(MAGIC), actual=repr(data[: len(MAGIC)]))
        begin = 10 if data[6:7] == b"\x01" else 12
        if len(data) < begin:
            return None
        version = data[6:8]
        if version not in (b"\x01\x00", b"\x02\x00", b"\x03\x00"):
            raise RequestError(
                400, "unknown version of NPY", expected="1.0, 2.0 or 3.0", actual=f"{version[0]}.{version[1]}"
            )
        size = int.from_bytes(data[8:begin], "little")
        if size > MAX_HEADER:
            raise RequestError(400, "NPY header too long", expected=f"{MAX_HEADER} bytes at most", actual=str(size))
        return (begin, begin + size) if len(data) >= begin + size else None

    def _read_header(self, text: str) -> None:
        pairs = _find_pairs(text) if _match_header(text) else []
        header = dict(pairs)
        if len(pairs) != 3 or header.keys() != {"descr", "fortran_order", "shape"}:
            raise RequestError(
                400, "bad NPY header", expected="descr, fortran_order and shape of a table of numbers",
                actual=repr(text.strip()[:SHOWN]),
            )  # fmt: skip
        descr = header["descr"][1:-1]
        if descr[:1] not in ORDERS or descr[1:] not in TYPES:
            raise RequestError(400, "type that cannot be read", expected=", ".join(TYPES), actual=repr(descr[:SHOWN]))
        sizes = _match_shape(header["shape"])
        shape = [int(size) for size in sizes.groups() if size] if sizes else []
        if not shape or shape[-1] != self._n_features:
            raise RequestError(
                400, "wrong shape", expected=f"(rows, {self._n_features}) or ({self._n_features},)",
                actual=header["shape"][:SHOWN],
            )  # fmt: skip
        self._kind = descr[1:]
        self._is_swapped = ORDERS[descr[0]] != sys.byteorder and self._kind[1:] != "1"
        self._is_fortran = header["fortran_order"] == "True" and len(shape) == 2
        self._n_rows = shape[0] if len(shape) == 2 else 1

    def _numbers(self, items: array[Any]) -> array[float]:
        """Turn the items of whole rows into numbers."""
        if self._is_swapped:
            items.byteswap()
        if items.typecode in "fd":
            return items
        if self._kind == "b1" and max(items) > 1:
            self._refuse(items, lambda item: item > 1, "a truth value, 0 or 1")
        if self._kind[1:] == "8" and (max(items) > MAX_EXACT or min(items) < -MAX_EXACT):
            self._refuse(items, lambda item: int(float(item)) != item, "an integer that is a double")
        return array("d", items)

    def _refuse(self, items: array[int], is_bad: Callable[[int], bool], expected: str) -> None:
        """Raise an error at the first bad item, if there is one."""
        for place, item in enumerate(items):
            if is_bad(item):
                row, column = divmod(place, self._n_features)
                raise RequestError(
                    400, "bad cell", row=self._row + row + 1, column=column + 1, expected=expected, actual=str(item)
                )
