"""What the decoders of all content types share: options, and the pieces that they cut a body into."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

from fasttrees.serving.errors import RequestError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Literal

    from typing_extensions import Buffer

__all__ = ["MAX_ROW", "BadRow", "Batch", "Decoder", "Header", "Item", "Options", "Rows", "as_batch"]

MAX_ROW = 16 << 20  # bytes of one row's text: what is not a whole row yet must not fill the memory
MAX_NUMBERS = 1 << 17  # numbers of a batch that is filled row by row


@dataclass(frozen=True)
class Options:
    """How bodies are read, for all requests.

    Attributes
    ----------
    csv_header : bool
        Whether CSV bodies may begin with a header.
    placeholder : str or None
        Text to answer in the place of a bad row; None: a bad row fails the request.
    libsvm_index_base : int
        Index of the first feature in LibSVM bodies, unless the content type states it.
    """

    csv_header: bool = False
    placeholder: str | None = None
    libsvm_index_base: int = 0


@dataclass(slots=True)
class Batch:
    """Rows to score.

    Attributes
    ----------
    rows : buffer, shape (n_rows, n_features)
        As ``Model.predict_into`` takes it.
    n_rows : int
    """

    rows: Buffer
    n_rows: int


@dataclass(slots=True)
class BadRow:
    """A row that cannot be read, where the options have a placeholder for it."""

    error: RequestError


@dataclass(slots=True)
class Header:
    """The header line of a CSV body, in whose place the answer has one too."""


Item = Batch | BadRow | Header


class Decoder:
    """Turns the body of one request into rows, block by block."""

    def decode(self, block: bytes, last: bool) -> Iterator[Item]:
        """Read the next block of the body.

        Parameters
        ----------
        block : bytes
            Cut anywhere.
        last : bool
            Whether the body ends with it; it may be empty then.

        Yields
        ------
        Batch, BadRow or Header
            In the order of the body.

        Raises
        ------
        RequestError
            If the body cannot be read, or a row cannot and the options have no placeholder.
        """
        raise NotImplementedError


class Rows:
    """Collects rows, one at a time, into batches.

    Parameters
    ----------
    n_features : int
        Numbers of each row.
    skips_bad_rows : bool
        Whether a bad row becomes a BadRow, instead of an error.
    """

    def __init__(self, n_features: int, skips_bad_rows: bool) -> None:
        self._n_features = n_features
        self._skips_bad_rows = skips_bad_rows
        self._numbers = array("d")

    @property
    def is_full(self) -> bool:
        """Whether it is time for :meth:`take`."""
        return len(self._numbers) >= MAX_NUMBERS

    def add(self, row: list[float]) -> None:
        """Append a row."""
        self._numbers.fromlist(row)

    def holds_one(self, rows: bytes) -> bool:
        """Whether doubles are those of exactly one row."""
        return len(rows) == self._numbers.itemsize * self._n_features

    def add_all(self, rows: bytes) -> int:
        """Append rows of doubles; return how many."""
        self._numbers.frombytes(rows)
        return len(rows) // (self._numbers.itemsize * self._n_features)

    def take(self) -> Iterator[Item]:
        """Yield the rows added since, if there are any."""
        if self._numbers:
            numbers, self._numbers = self._numbers, array("d")
            yield as_batch(numbers, self._n_features)

    def refuse(self, error: RequestError) -> Iterator[Item]:
        """Put a bad row behind those added, or raise its error."""
        if not self._skips_bad_rows:
            raise error
        yield from self.take()
        yield BadRow(error)


def as_batch(numbers: array[float], n_features: int) -> Batch:
    """See numbers, float64 or float32 and at least one, as rows."""
    n_rows = len(numbers) // n_features
    form: Literal["d", "f"] = "d" if numbers.typecode == "d" else "f"
    return Batch(memoryview(numbers).cast("B").cast(form, (n_rows, n_features)), n_rows)
