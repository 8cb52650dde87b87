"""What the decoders of all content types share: options, and the pieces that they cut a body into."""

from __future__ import annotations

from dataclasses import dataclass

from fasttrees.serving.errors import RequestError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Buffer

__all__ = ["MAX_ROW", "BadRow", "Batch", "Decoder", "Header", "Item", "Options"]

MAX_ROW = 16 << 20  # bytes of one row's text: what is not a whole row yet must not fill the memory


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
