"""Call the model: compute what each row is answered with, as ``SAGEMAKER_INFERENCE_OUTPUT`` asks."""

from __future__ import annotations

from array import array

from fasttrees._engine.classes import apply_threshold, find_winners, pair_scores
from fasttrees.serving.errors import SettingsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing_extensions import Buffer

    from fasttrees.model import Model

__all__ = ["DEFAULT_KEY", "KEYS", "Selection"]

KEYS = (
    "predicted_label", "labels", "probability", "probabilities", "raw_score", "raw_scores", "predicted_score",
    "leaf_numbers",
)  # fmt: skip
DEFAULT_KEY = "score"
MAX_OUTPUTS = 1 << 20  # numbers that are computed at once, whatever the model gives for a row


class Selection:
    """The values that each row is answered with; made by :meth:`parse`.

    Attributes
    ----------
    keys : tuple of str
        Of :data:`KEYS`, or ``score`` alone: what ``Model.predict`` returns.
    n_classes : int
        Scores of a row.
    max_rows : int
        Rows to compute at once at most, which bounds the memory of a batch whatever the model returns for a row.
    """

    def __init__(self, model: Model, keys: tuple[str, ...], threshold: float) -> None:
        self.keys = keys
        self._model = model
        self._threshold = threshold
        self.n_classes = model.num_class
        self.max_rows = max(1, MAX_OUTPUTS // max(1, model.num_outputs(pred_leaf="leaf_numbers" in keys), 2))

    @classmethod
    def parse(cls, text: str | None, threshold: float | None, model: Model) -> Selection:
        """Parse the environment variables.

        Parameters
        ----------
        text : str or None
            ``SAGEMAKER_INFERENCE_OUTPUT``: keys separated by commas, in any case. None or empty: scores, or with a
            threshold ``predicted_label``.
        threshold : float or None
            ``PREDICTION_THRESHOLD``. None: 0.5 if a label is asked for.
        model : Model

        Raises
        ------
        SettingsError
            If a key is unknown, given twice or not available for the model, or a threshold has no effect.
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
                "PREDICTION_THRESHOLD: has no effect without predicted_label in SAGEMAKER_INFERENCE_OUTPUT"
            )
        return cls(model, keys or ("predicted_label",), threshold)

    def columns(self) -> list[str]:
        """Return the names of the columns of a CSV answer."""
        if self.keys == (DEFAULT_KEY,) and self.n_classes > 1:
            return [f"{DEFAULT_KEY}_{number}" for number in range(self.n_classes)]
        return list(self.keys)

    def compute(self, rows: Buffer, n_rows: int) -> list[array[float] | array[int]]:
        """Predict rows, and return an array for each key but ``labels``, which are the same for all rows.

        Parameters
        ----------
        rows : buffer
            At most :attr:`max_rows`, as ``Model.predict_into`` takes them.
        n_rows : int
        """
        fields: list[array[float] | array[int]] = []
        scores = raw_scores = None
        for key in self.keys:
            if key == "labels":
                continue
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
        scores = array("d", [0.0]) * (n_rows * self.n_classes)
        self._model.predict_into(rows, scores, raw_score=raw_score, n_threads=1)
        return scores

    def _field(self, key: str, scores: array[float], n_rows: int) -> array[float]:
        if self.n_classes > 1 and key in ("predicted_label", "probability", "raw_score"):
            labels, best = array("d", [0.0]) * n_rows, array("d", [0.0]) * n_rows
            find_winners(scores, labels, best)
            return labels if key == "predicted_label" else best
        if key == "predicted_label":
            labels = scores[:]
            apply_threshold(labels, self._threshold)
            return labels
        if self.n_classes == 1 and key in ("probabilities", "raw_scores"):
            pairs = array("d", [0.0]) * (2 * n_rows)
            pair_scores(scores, 1.0 if key == "probabilities" else 0.0, pairs)
            return pairs
        return scores


def _given_by(model: Model) -> tuple[str, ...]:
    """Return the keys that are available for a model."""
    objective = (model.objective or "").split(" ")[0]
    if model.is_binary or objective in ("multiclass", "multiclassova"):
        return tuple(key for key in KEYS if key != "predicted_score")
    if model.num_class > 1:  # a custom objective: scores, of unknown meaning
        return ("predicted_label", "labels", "raw_score", "raw_scores", "leaf_numbers")
    return ("predicted_score", "raw_score", "leaf_numbers")
