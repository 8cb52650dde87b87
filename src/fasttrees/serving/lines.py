"""Bodies of which each line is a row."""

from __future__ import annotations

from fasttrees.serving.batches import MAX_ROW, Decoder, Rows
from fasttrees.serving.errors import RequestError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from fasttrees.serving.batches import Item

__all__ = ["LineDecoder"]


class LineDecoder(Decoder):
    """Cuts a body into lines, which end with LF or CRLF; a class of each content type reads them.

    Blank lines at the end are dropped; elsewhere each is a bad row.

    Parameters
    ----------
    n_features : int
    skips_bad_rows : bool
        Whether a bad row becomes a BadRow, instead of an error.
    """

    def __init__(self, n_features: int, skips_bad_rows: bool) -> None:
        self._rows = Rows(n_features, skips_bad_rows)
        self._row = 0  # number of the line that is read
        self._n_blank = 0  # lines before it that nothing but blank lines have followed yet
        self._pending: list[bytes] = []  # the line that has not ended yet

    def read_plain(self, data: bytes, at: int) -> tuple[bytes, int]:
        """Read as many lines as need no thought: the rows as doubles, and where the last of their lines ends."""
        raise NotImplementedError

    def read_line(self, line: bytes, row: int) -> list[float]:
        """Turn a line that is not blank into the numbers of its row, or raise RequestError."""
        raise NotImplementedError

    def decode(self, block: bytes, last: bool) -> Iterator[Item]:
        """Read the next block: see :meth:`Decoder.decode`."""
        self._pending.append(block)
        if last or b"\n" in block:
            data = b"".join(self._pending)
            end = len(data) if last else data.rindex(b"\n") + 1
            self._pending = [data[end:]] if end < len(data) else []
            at = 0
            while at < end:
                rows, at = self.read_plain(data, at)
                if rows:
                    yield from self._refuse_blank_lines()
                    self._row += self._rows.add_all(rows)
                    if self._rows.is_full:
                        yield from self._rows.take()
                if at < end:
                    line_end = data.find(b"\n", at) + 1 or end  # the last line may lack its end
                    yield from self._read(data[at:line_end])
                    at = line_end
            yield from self._rows.take()
        if sum(map(len, self._pending)) > MAX_ROW:
            raise RequestError(400, f"row of more than {MAX_ROW >> 20} MB", row=self._row + self._n_blank + 1)

    def _read(self, line: bytes) -> Iterator[Item]:
        if not line.strip():
            self._n_blank += 1
            return
        yield from self._refuse_blank_lines()
        self._row += 1
        try:
            self._rows.add(self.read_line(line, self._row))
        except RequestError as error:
            yield from self._rows.refuse(error)
        if self._rows.is_full:
            yield from self._rows.take()

    def _refuse_blank_lines(self) -> Iterator[Item]:
        for _ in range(self._n_blank):
            self._row += 1
            yield from self._rows.refuse(RequestError(400, "blank line inside the data", row=self._row))
        self._n_blank = 0
