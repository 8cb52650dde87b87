"""Rows to answers: what is answered for a row, and how it is written in each media type."""

from __future__ import annotations

import json
from array import array
from dataclasses import dataclass

from fasttrees._engine.classes import apply_threshold, find_winners, pair_scores
from fasttrees._sagemaker.contract import CSV, JSON, JSON_LINES
from fasttrees._textio.format import format_records
from fasttrees.serving.batches import Batch, Header
from fasttrees.serving.errors import SettingsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing_extensions import Buffer

    from fasttrees.model import Model
    from fasttrees.serving.batches import Item

__all__ = ["KEYS", "Encoder", "Selection"]

KEYS = (
    "predicted_label", "labels", "probability", "probabilities", "raw_score", "raw_scores", "predicted_score",
    "leaf_numbers",
)  # fmt: skip
DEFAULT_KEY = "score"
MAX_OUTPUTS = 1 << 20  # numbers that are computed at once, whatever the model gives for a row


@dataclass(frozen=True)
class _Form:
    """Arguments of ``format_records`` for one media type."""

    texts: list[bytes]
    separator: bytes
    is_json: bool


class Selection:
    """What is answered for each row; made by :meth:`parse`.

    Attributes
    ----------
    keys : tuple of str
        Of :data:`KEYS`, or ``score`` alone: what ``Model.predict`` gives.
    """

    def __init__(self, model: Model, keys: tuple[str, ...], threshold: float) -> None:
        self.keys = keys
        self._model = model
        self._threshold = threshold
        self._n_classes = model.num_class
        self._max_rows = max(1, MAX_OUTPUTS // max(1, model.num_outputs(pred_leaf="leaf_numbers" in keys), 2))
        self._forms = {media_type: self._form(media_type) for media_type in (CSV, JSON, JSON_LINES)}

    @classmethod
    def parse(cls, text: str | None, threshold: float | None, model: Model) -> Selection:
        """Read what the environment asks for.

        Parameters
        ----------
        text : str or None
            ``SAGEMAKER_INFERENCE_OUTPUT``: keys with commas between them, in any case; None or empty: scores, or with
            a threshold ``predicted_label``.
        threshold : float or None
            ``PREDICTION_THRESHOLD``; None: 0.5 where a label is asked for.
        model : Model

        Raises
        ------
        SettingsError
            If a key is unknown, asked twice, or nothing that the model gives; or a threshold has no use.
        """
        given = _given_by(model)
        keys = tuple(key.strip().lower() for key in text.split(",")) if text and text.strip() else ()
        for key in keys:
            if key not in KEYS:
                raise SettingsError(f"SAGEMAKER_INFERENCE_OUTPUT: expected keys of {', '.join(given)}, got {key!r}")
            if key not in given:
                raise SettingsError(
                    f"SAGEMAKER_INFERENCE_OUTPUT: a model with objective {model.objective!r} and {model.num_class} "
                    f"classes gives {', '.join(given)}, not {key}"
                )
            if keys.count(key) > 1:
                raise SettingsError(f"SAGEMAKER_INFERENCE_OUTPUT: expected each key once, got {key} again")
        if threshold is None:
            return cls(model, keys or (DEFAULT_KEY,), 0.5)
        if not model.is_binary:
            raise SettingsError(
                f"PREDICTION_THRESHOLD: expected a model with objective 'binary', got {model.objective!r}"
            )
        if keys and "predicted_label" not in keys:
            raise SettingsError(
                "PREDICTION_THRESHOLD: has no use, for SAGEMAKER_INFERENCE_OUTPUT does not ask for predicted_label"
            )
        return cls(model, keys or ("predicted_label",), threshold)

    def encoder(self, media_type: str, placeholder: str | None = None) -> Encoder:
        """Make what writes one answer.

        Parameters
        ----------
        media_type : str
            As ``negotiate`` returns it.
        placeholder : str or None
            Text that stands in each column of a bad row in CSV.
        """
        return Encoder(self, media_type, placeholder)

    def write(self, batch: Batch, media_type: str) -> bytes:
        """Score rows and write them."""
        form = self._forms[media_type]
        if batch.n_rows <= self._max_rows:
            return self._write(batch.rows, batch.n_rows, form)
        rows = memoryview(batch.rows)
        starts = range(0, batch.n_rows, self._max_rows)
        parts = [rows[start : start + self._max_rows] for start in starts]
        return b"".join([self._write(part, len(part), form) for part in parts])

    def columns(self) -> list[str]:
        """Name the columns of the answer in CSV."""
        if self.keys == (DEFAULT_KEY,) and self._n_classes > 1:
            return [f"{DEFAULT_KEY}_{number}" for number in range(self._n_classes)]
        return list(self.keys)

    def _write(self, rows: Buffer, n_rows: int, form: _Form) -> bytes:
        return format_records(self._fields(rows, n_rows), form.texts, n_rows, form.separator, form.is_json)

    def _fields(self, rows: Buffer, n_rows: int) -> list[array[float] | array[int]]:
        """Compute what stands in the fields of a form."""
        fields: list[array[float] | array[int]] = []
        scores = raw_scores = None
        for key in self.keys:
            if key == "labels":
                continue  # the same for each row: a text of the form
            if key == "leaf_numbers":
                leaves = array("i", [0]) * (n_rows * self._model.num_outputs(pred_leaf=True))
                self._model.predict_into(rows, leaves, pred_leaf=True, n_threads=1)
                fields.append(leaves)
            elif key in ("raw_score", "raw_scores"):
                raw_scores = raw_scores or self._predict(rows, n_rows, raw_score=True)
                fields.append(self._field(key, raw_scores, n_rows))
            else:
                scores = scores or self._predict(rows, n_rows, raw_score=False)
                fields.append(self._field(key, scores, n_rows))
        return fields

    def _predict(self, rows: Buffer, n_rows: int, raw_score: bool) -> array[float]:
        scores = array("d", [0.0]) * (n_rows * self._n_classes)
        self._model.predict_into(rows, scores, raw_score=raw_score, n_threads=1)
        return scores

    def _field(self, key: str, scores: array[float], n_rows: int) -> array[float]:
        if self._n_classes > 1 and key in ("predicted_label", "probability", "raw_score"):
            labels, best = array("d", [0.0]) * n_rows, array("d", [0.0]) * n_rows
            find_winners(scores, labels, best)
            return labels if key == "predicted_label" else best
        if key == "predicted_label":
            labels = scores[:]
            apply_threshold(labels, self._threshold)
            return labels
        if self._n_classes == 1 and key in ("probabilities", "raw_scores"):
            pairs = array("d", [0.0]) * (2 * n_rows)
            pair_scores(scores, 1.0 if key == "probabilities" else 0.0, pairs)
            return pairs
        return scores

    def _form(self, media_type: str) -> _Form:
        if media_type == CSV and self.keys == (DEFAULT_KEY,):
            return _Form([b"", b"\n"], b",", False)
        is_json = media_type != CSV
        begin = {CSV: b"", JSON: b", {", JSON_LINES: b"{"}[media_type]
        end = {CSV: b"\n", JSON: b"}", JSON_LINES: b"}\n"}[media_type]
        open_list, close_list = (b"[", b"]") if is_json else (b'"[', b']"')
        texts, text = [], begin
        for number, key in enumerate(self.keys):
            if number:
                text += b", " if is_json else b","
            if is_json:
                text += b'"%s": ' % key.encode()
            is_list = key in ("labels", "probabilities", "raw_scores", "leaf_numbers") or (
                key == DEFAULT_KEY and self._n_classes > 1
            )
            if is_list:
                text += open_list
            if key == "labels":
                text += b", ".join(b"%d" % label for label in range(max(2, self._n_classes)))
            else:
                texts.append(text)
                text = b""
            if is_list:
                text += close_list
        return _Form([*texts, text + end], b", ", is_json)


class Encoder:
    """Writes one answer; made by :meth:`Selection.encoder`.

    Attributes
    ----------
    n_rows : int
        Rows written so far, bad ones included.
    n_bad_rows : int
    """

    def __init__(self, selection: Selection, media_type: str, placeholder: str | None) -> None:
        self.n_rows = 0
        self.n_bad_rows = 0
        self._selection = selection
        self._media_type = media_type
        self._placeholder = placeholder

    def begin(self) -> bytes:
        """Write what stands before all rows."""
        return b'{"predictions": [' if self._media_type == JSON else b""

    def encode(self, item: Item) -> bytes:
        """Write what a decoder found: score rows, or put a placeholder in a row's place."""
        if isinstance(item, Batch):
            if not item.n_rows:
                return b""
            text = self._selection.write(item, self._media_type)
            n_rows = item.n_rows
        elif isinstance(item, Header):
            return ",".join(self._selection.columns()).encode() + b"\n" if self._media_type == CSV else b""
        else:
            n_rows = 1
            self.n_bad_rows += 1
            if self._media_type == CSV:
                text = ",".join([self._placeholder or ""] * len(self._selection.columns())).encode() + b"\n"
            else:
                text = json.dumps({"error": str(item.error)}).encode()
                text = b", " + text if self._media_type == JSON else text + b"\n"
        if self._media_type == JSON and not self.n_rows:
            text = text[len(b", ") :]
        self.n_rows += n_rows
        return text

    def end(self) -> bytes:
        """Write what stands behind all rows."""
        return b"]}" if self._media_type == JSON else b""


def _given_by(model: Model) -> tuple[str, ...]:
    """List the keys that a model can answer with."""
    objective = (model.objective or "").split(" ")[0]
    if model.is_binary or objective in ("multiclass", "multiclassova"):
        return tuple(key for key in KEYS if key != "predicted_score")
    if model.num_class > 1:  # of an objective of one's own: scores, but of what nobody knows
        return ("predicted_label", "labels", "raw_score", "raw_scores", "leaf_numbers")
    return ("predicted_score", "raw_score", "leaf_numbers")
