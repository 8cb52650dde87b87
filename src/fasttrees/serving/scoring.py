"""One request's body to its answer: decoded, scored and encoded block by block."""

from __future__ import annotations

from fasttrees.serving.content import negotiate
from fasttrees.serving.errors import RequestError
from fasttrees.serving.models import ServedModel
from fasttrees.serving.settings import Settings

__all__ = ["Scoring"]

NPY_MAGIC = b"\x93NUMPY"
QUICK_WALKS = 20_000  # walks through a tree that take so little time (about 0.2 ms) that nothing else has to go on


class Scoring:
    """The work for one body.

    Parameters
    ----------
    served : ServedModel
    headers : dict of str to str
        The request's; names in lower case.
    settings : Settings

    Attributes
    ----------
    content_type : str
        Media type of the answer.
    parts : list of bytes
        The answer so far.

    Raises
    ------
    RequestError
        406 or 415 if the media types are none that can be written or read.
    """

    def __init__(self, served: ServedModel, headers: dict[str, str], settings: Settings) -> None:
        self.content_type = negotiate(headers.get("accept"), settings.default_accept)
        encoding = headers.get("content-encoding")
        if encoding is not None and encoding.lower() != "identity":
            raise RequestError(415, "unknown Content-Encoding", expected="identity or none", actual=encoding[:60])
        self._decoder = served.decoders.for_type(headers.get("content-type"))
        self._encoder = served.answers.encoder(self.content_type, settings.bad_row_placeholder)
        self._n_trees = served.n_trees
        self.parts = [self._encoder.begin()]

    @property
    def n_rows(self) -> int:
        """Rows so far."""
        return self._encoder.n_rows

    @property
    def n_bad_rows(self) -> int:
        """Rows among them that the placeholder stands for."""
        return self._encoder.n_bad_rows

    def is_quick(self, body: bytes) -> bool:
        """Whether a whole body, which is small, takes so little time that no thread is worth it."""
        if body.startswith(NPY_MAGIC):
            return False
        n_rows = max(map(body.count, (b"\n", b"\r", b"[", b"{")))  # of lines, or of JSON
        return (n_rows + 1) * self._n_trees <= QUICK_WALKS

    def work(self, block: bytes, last: bool) -> None:
        """Work on the next block of the body.

        Raises
        ------
        RequestError
        """
        # One text a block: each bad row has a text of its own, and there may be a bad row every other byte.
        self.parts.append(b"".join(map(self._encoder.encode, self._decoder.decode(block, last))))
        if last:
            self.parts.append(self._encoder.end())
