"""Write answers: predictions as CSV, JSON or JSON Lines."""

from __future__ import annotations

import json
from dataclasses import dataclass

from fasttrees._sagemaker.contract import CSV, JSON, JSON_LINES
from fasttrees._textio.format import format_records
from fasttrees.serving.batches import Batch, Header
from fasttrees.serving.predictions import DEFAULT_KEY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing_extensions import Buffer

    from fasttrees.serving.batches import Item
    from fasttrees.serving.predictions import Selection

__all__ = ["Answers", "Encoder"]


@dataclass(frozen=True)
class _Form:
    """Arguments of ``format_records`` for one media type."""

    texts: list[bytes]
    separator: bytes
    is_json: bool


class Answers:
    """Writes the answers of one model, in any of the media types.

    Parameters
    ----------
    selection : Selection
        What each row is answered with.

    Attributes
    ----------
    columns : list of str
        Names of the columns in CSV.
    """

    def __init__(self, selection: Selection) -> None:
        self.columns = selection.columns()
        self._selection = selection
        self._forms = {media_type: _form(selection, media_type) for media_type in (CSV, JSON, JSON_LINES)}

    def encoder(self, media_type: str, placeholder: str | None = None) -> Encoder:
        """Return a writer of one answer.

        Parameters
        ----------
        media_type : str
            As ``negotiate`` returns it.
        placeholder : str or None
            Text for each column of a bad row in CSV.
        """
        return Encoder(self, media_type, placeholder)

    def write(self, batch: Batch, media_type: str) -> bytes:
        """Predict the rows of a batch and return them as text."""
        form = self._forms[media_type]
        size = self._selection.max_rows
        if batch.n_rows <= size:
            return self._write(batch.rows, batch.n_rows, form)
        rows = memoryview(batch.rows)
        parts = [rows[start : start + size] for start in range(0, batch.n_rows, size)]
        return b"".join([self._write(part, len(part), form) for part in parts])

    def _write(self, rows: Buffer, n_rows: int, form: _Form) -> bytes:
        fields = self._selection.compute(rows, n_rows)
        return format_records(fields, form.texts, n_rows, form.separator, form.is_json)


class Encoder:
    """Writes one answer; made by :meth:`Answers.encoder`.

    Attributes
    ----------
    n_rows : int
        Rows written so far, bad ones included.
    n_bad_rows : int
    """

    def __init__(self, answers: Answers, media_type: str, placeholder: str | None) -> None:
        self.n_rows = 0
        self.n_bad_rows = 0
        self._answers = answers
        self._media_type = media_type
        self._placeholder = placeholder

    def begin(self) -> bytes:
        """Return the text before all rows."""
        return b'{"predictions": [' if self._media_type == JSON else b""

    def encode(self, item: Item) -> bytes:
        """Return the text of what a decoder found: predictions of rows, or a placeholder for a bad row."""
        if isinstance(item, Batch):
            if not item.n_rows:
                return b""
            text = self._answers.write(item, self._media_type)
            n_rows = item.n_rows
        elif isinstance(item, Header):
            return ",".join(self._answers.columns).encode() + b"\n" if self._media_type == CSV else b""
        else:
            n_rows = 1
            self.n_bad_rows += 1
            if self._media_type == CSV:
                text = ",".join([self._placeholder or ""] * len(self._answers.columns)).encode() + b"\n"
            else:
                text = json.dumps({"error": str(item.error)}).encode()
                text = b", " + text if self._media_type == JSON else text + b"\n"
        if self._media_type == JSON and not self.n_rows:
            text = text[len(b", ") :]
        self.n_rows += n_rows
        return text

    def end(self) -> bytes:
        """Return the text after all rows."""
        return b"]}" if self._media_type == JSON else b""


def _form(selection: Selection, media_type: str) -> _Form:
    if media_type == CSV and selection.keys == (DEFAULT_KEY,):
        return _Form([b"", b"\n"], b",", False)
    is_json = media_type != CSV
    begin = {CSV: b"", JSON: b", {", JSON_LINES: b"{"}[media_type]
    end = {CSV: b"\n", JSON: b"}", JSON_LINES: b"}\n"}[media_type]
    open_list, close_list = (b"[", b"]") if is_json else (b'"[', b']"')
    texts, text = [], begin
    for number, key in enumerate(selection.keys):
        if number:
            text += b", " if is_json else b","
        if is_json:
            text += b'"%s": ' % key.encode()
        is_list = key in ("labels", "probabilities", "raw_scores", "leaf_numbers") or (
            key == DEFAULT_KEY and selection.n_classes > 1
        )
        if is_list:
            text += open_list
        if key == "labels":
            text += b", ".join(b"%d" % label for label in range(max(2, selection.n_classes)))
        else:
            texts.append(text)
            text = b""
        if is_list:
            text += close_list
    return _Form([*texts, text + end], b", ", is_json)
