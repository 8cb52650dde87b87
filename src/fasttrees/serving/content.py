"""Media types: which decoder reads a body, and in what form it is answered. See docs/reference/content-types.md."""

from __future__ import annotations

from functools import lru_cache, partial

from fasttrees._sagemaker.contract import CSV, JSON, JSON_LINES, LIBSVM, NPY, X_JSON_LINES, X_LIBSVM
from fasttrees._textio.csv import RowParser
from fasttrees.serving.batches import Decoder, Options
from fasttrees.serving.csv_rows import CsvDecoder, HeaderReader
from fasttrees.serving.errors import RequestError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from fasttrees.model import Model

__all__ = ["Decoders", "Options", "negotiate", "output_type"]

INPUT_TYPES = (CSV, JSON, JSON_LINES, LIBSVM, NPY)
OUTPUT_TYPES = (CSV, JSON, JSON_LINES)
ALIASES = {
    "csv": CSV,
    "json": JSON,
    "jsonlines": JSON_LINES,
    "application/jsonl": JSON_LINES,
    X_JSON_LINES: JSON_LINES,
    "application/x-ndjson": JSON_LINES,
    "libsvm": LIBSVM,
    X_LIBSVM: LIBSVM,
}
PARAMETERS = {
    CSV: {"charset", "label_size", "header"},
    JSON: {"charset"},
    JSON_LINES: {"charset"},
    LIBSVM: {"charset", "index_base"},
    NPY: set(),
}
VALUES = {
    "charset": ("utf-8", "utf8", "us-ascii"),
    "label_size": ("0", "1"),
    "header": ("absent", "present"),
    "index_base": ("0", "1"),
}
MAX_RANGES = 32  # of an Accept header that are looked at; a header of 64 KB must not hold up others
MAX_KNOWN = 64  # headers whose meaning is remembered
MAX_LENGTH = 256  # characters of each of them


class Decoders:
    """Makes the decoders of one model's requests.

    Parameters
    ----------
    model : Model
    options : Options
    """

    def __init__(self, model: Model, options: Options) -> None:
        self._model = model
        self._options = options
        self._known: dict[str | None, Callable[[], Decoder]] = {}

    def for_type(self, content_type: str | None) -> Decoder:
        """Make the decoder of one request.

        Parameters
        ----------
        content_type : str or None
            The header ``Content-Type``; None or empty: CSV.

        Raises
        ------
        RequestError
            415, if bodies of that type, or with one of its parameters, cannot be read.
        """
        make = self._known.get(content_type)
        if make is None:
            make = self._find(*parse_type(content_type or CSV))
            if len(self._known) < MAX_KNOWN and len(content_type or "") <= MAX_LENGTH:
                self._known[content_type] = make
        return make()

    def _find(self, media_type: str, parameters: dict[str, str]) -> Callable[[], Decoder]:
        if media_type not in INPUT_TYPES:
            raise RequestError(
                415, "unknown content type", expected=f"one of {', '.join(INPUT_TYPES)}", actual=repr(media_type[:60])
            )
        for name, value in parameters.items():
            values = VALUES[name] if name in PARAMETERS[media_type] else ()
            if value.lower() not in values:
                raise RequestError(
                    415,
                    f"{media_type} cannot be read with this parameter",
                    expected=f"{name} of {', '.join(values)}" if values else "another or none",
                    actual=repr(f"{name}={value}"[:60]),
                )
        model, options = self._model, self._options
        skips_bad_rows = options.placeholder is not None
        # Here, for most servers read CSV only.
        if media_type in (JSON, JSON_LINES):
            from fasttrees.serving.json_rows import JsonDecoder, JsonLinesDecoder, RowReader

            return partial(JsonDecoder if media_type == JSON else JsonLinesDecoder, RowReader(model), skips_bad_rows)
        if media_type == LIBSVM:
            from fasttrees.serving.libsvm_rows import LibsvmDecoder

            base = int(parameters.get("index_base", options.libsvm_index_base))
            return partial(LibsvmDecoder, model.num_feature(), base, skips_bad_rows)
        if media_type == NPY:
            from fasttrees.serving.npy_rows import NpyDecoder

            return partial(NpyDecoder, model.num_feature())
        label = 0 if parameters.get("label_size") == "1" else None
        always = parameters.get("header", "").lower() == "present"
        header = None
        if always or (options.csv_header and "header" not in parameters):
            header = HeaderReader(model, label, always)
        columns = [*([-1] if label == 0 else []), *range(model.num_feature())]
        return partial(CsvDecoder, RowParser(columns), header, skips_bad_rows)


def negotiate(accept: str | None, default: str | None = None) -> str:
    """Choose the media type of an answer.

    Parameters
    ----------
    accept : str or None
        The header ``Accept``, with wildcards and weights.
    default : str or None
        What to answer where `accept` leaves the choice; None: CSV.

    Returns
    -------
    str

    Raises
    ------
    RequestError
        406, if nothing that can be answered is acceptable.
    """
    return (_choose if len(accept or "") <= MAX_LENGTH else _choose.__wrapped__)(accept, default)


@lru_cache(MAX_KNOWN)
def _choose(accept: str | None, default: str | None) -> str:
    preferred = output_type(default or CSV)
    if not accept or not accept.strip():
        return preferred
    ranges = [parse_type(item) for item in accept.split(",", MAX_RANGES)[:MAX_RANGES] if item.strip()]
    best, chosen = (0.0, 0, 0), None
    for media_type in (preferred, *(other for other in OUTPUT_TYPES if other != preferred)):
        # The most specific range that fits says how welcome a type is; among equals the one that is named first.
        fits = [
            (specificity, -place, _weight(parameters))
            for place, (wanted, parameters) in enumerate(ranges)
            if (specificity := _specificity(wanted, media_type))
        ]
        if fits:
            specificity, place, weight = max(fits)
            if weight and (weight, specificity, place) > best:
                best, chosen = (weight, specificity, place), media_type
    if chosen is None:
        raise RequestError(
            406, "none of the accepted types can be answered", expected=f"one of {', '.join(OUTPUT_TYPES)}",
            actual=repr(accept[:60]),
        )  # fmt: skip
    return chosen


def output_type(text: str) -> str:
    """Return the proper name of a media type that can be answered.

    Raises
    ------
    RequestError
        406, if it cannot.
    """
    media_type, _ = parse_type(text)
    if media_type not in OUTPUT_TYPES:
        raise RequestError(
            406, "unknown media type", expected=f"one of {', '.join(OUTPUT_TYPES)}", actual=repr(text[:60])
        )
    return media_type


def parse_type(text: str) -> tuple[str, dict[str, str]]:
    """Split a media type into its proper name and its parameters."""
    name, *rest = text.split(";")
    media_type = name.strip().lower()
    parameters = {}
    for item in rest:
        key, _, value = item.partition("=")
        if key.strip():
            parameters[key.strip().lower()] = value.strip().strip('"')
    return ALIASES.get(media_type, media_type), parameters


def _specificity(wanted: str, media_type: str) -> int:
    """How closely a range of ``Accept`` fits a media type; 0: not at all."""
    if wanted == media_type:
        return 3
    if wanted == media_type.partition("/")[0] + "/*":
        return 2
    return 1 if wanted in ("*/*", "*") else 0


def _weight(parameters: dict[str, str]) -> float:
    try:
        weight = float(parameters.get("q", "1"))
    except ValueError:
        return 0.0
    return weight if 0 <= weight <= 1 else 0.0
