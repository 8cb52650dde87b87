"""Load models from texts, JSON and compact files, which differ in their first bytes."""

from __future__ import annotations

from fasttrees._builds import Evaluator
from fasttrees._modelfile.lazy import is_compact
from fasttrees._modelfile.reader import read_model, read_model_file
from fasttrees._modelfile.source import FileSource, TextSource, encoded, is_json, start_of, text_of
from fasttrees.errors import ModelFormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fasttrees._engine.forest import Forest
    from fasttrees._engine.objective import Objective
    from fasttrees._modelfile.compact import Opening, Parts
    from fasttrees._modelfile.header import ModelHeader

    Loaded = tuple[Parts | Opening, FileSource | TextSource | None]  # compact files have no text to come back to

__all__ = ["read_file", "read_text"]


def read_file(path: Any, verify: bool) -> Loaded:
    """Load what :func:`fasttrees.load` loads."""
    with open(path, "rb") as file:
        source = FileSource.of(file, path)
        if source is None:  # nothing to map or to read twice
            return _read_bytes(file.read(), None, verify)
        start = start_of(file)
        if is_compact(start):
            from fasttrees._modelfile import compact

            return compact.open_model(compact.open_sections(file), verify), None
        if is_json(start):
            return _read_bytes(file.read(), source, verify)
        return _parts(*read_model_file(file)), source


def read_text(text: Any, verify: bool) -> Loaded:
    """Load what :func:`fasttrees.loads` loads."""
    data = encoded(text)
    return _read_bytes(data, TextSource(text if isinstance(text, str) else data), verify)


def _read_bytes(data: bytes, source: FileSource | TextSource | None, verify: bool) -> Loaded:
    if is_compact(data):
        from fasttrees._modelfile import compact

        return compact.open_model(compact.Sections(data), verify), None
    text = text_of(data)
    try:
        return _parts(*read_model(text)), source
    except ModelFormatError as error:
        if text is data:
            raise
        raise ModelFormatError(error.expected, error.got, error.tree, error.key) from error  # JSON has other lines


def _parts(forest: Forest, objective: Objective, header: ModelHeader) -> Parts:
    return Evaluator(forest, objective, header.average_output), header
