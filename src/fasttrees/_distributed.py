"""What scoring inside Dask and inside Ray have in common: kinds of output, choice of columns, a model on its way."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from fasttrees._modelfile.compact import Sections, open_model, write_model
from fasttrees.errors import InputError, InputTypeError, ModelFormatError
from fasttrees.model import Model, load

__all__ = ["KINDS", "Output", "Shipped", "choose_columns", "output_of"]

#: Kinds of output, and the arguments of ``Model.predict`` that ask for them.
KINDS: dict[str, dict[str, bool]] = {
    "normal": {},
    "raw": {"raw_score": True},
    "leaf": {"pred_leaf": True},
    "contrib": {"pred_contrib": True},
}

ALIGNMENT = 16  # of memory that a model may read in place: that of any bytes object


class Output(NamedTuple):
    """What a model gives for each row.

    Attributes
    ----------
    arguments : dict of str to bool
        What ``Model.predict`` needs to be told.
    width : int or None
        Numbers of a row; None: one, and the output has one dimension.
    dtype : numpy.dtype
    """

    arguments: dict[str, bool]
    width: int | None
    dtype: np.dtype[Any]

    def empty(self) -> np.ndarray:
        """Make the output of no rows."""
        return np.empty(0 if self.width is None else (0, self.width), self.dtype)

    def predict(self, model: Model, rows: Any, n_threads: int | None) -> np.ndarray:
        """Score rows of a part, which may have none."""
        if not len(rows):
            return self.empty()
        return model.predict(rows, **self.arguments, n_threads=n_threads)


def output_of(model: Model, kind: str) -> Output:
    """Tell what a model gives for each row.

    Raises
    ------
    InputError
        If there is no such kind.
    """
    if kind not in KINDS:
        raise InputError(f"expected kind to be one of {', '.join(KINDS)}, got {kind!r}")
    if kind == "leaf":
        return Output(KINDS[kind], model.num_outputs(pred_leaf=True), np.dtype(np.int32))
    if kind == "contrib":
        return Output(KINDS[kind], model.num_class * (model.num_feature() + 1), np.dtype(np.float64))
    return Output(KINDS[kind], model.num_class if model.num_class > 1 else None, np.dtype(np.float64))


def choose_columns(model: Model, present: Sequence[Any], columns: Sequence[Any] | None) -> list[Any]:
    """Find the columns of a table to score, in the order of the model's features.

    Parameters
    ----------
    model : Model
    present : sequence
        Names of the table's columns.
    columns : sequence or None
        What the user wants. None: the names of the features.

    Raises
    ------
    InputError
        If a column is missing or there twice, or if their number is not the model's.
    InputTypeError
        If `columns` is one name.
    """
    if isinstance(columns, str):
        raise InputTypeError(f"expected a list of names as columns, got {columns!r}")
    present = list(present)
    wanted = model.feature_name() if columns is None else list(columns)
    if len(wanted) != model.num_feature():
        raise InputError(f"expected {model.num_feature()} columns, one for each feature, got {len(wanted)}")
    counts = Counter(present)  # not by looking through the list: Ray asks for each batch, of thousands of columns too
    missing = [name for name in wanted if name not in counts]
    if missing:
        hint = "; name the feature columns in columns" if columns is None else ""
        raise InputError(f"expected the columns {_some(missing)}, got {_some(present)}{hint}")
    twice = [name for name in dict.fromkeys(wanted) if counts[name] > 1]
    if twice:
        raise InputError(f"expected columns of different names, got more than one named {twice[0]!r}")
    return wanted


def _some(names: Sequence[Any]) -> str:
    return ", ".join(map(repr, names[:10])) + (f" and {len(names) - 10} more" if len(names) > 10 else "")


class Shipped:
    """A model on its way to other processes, which is opened where it is used first, and once.

    It travels as the bytes of a compact file, which bring the plans along; with protocol 5 of pickle as a buffer of
    its own, so where an engine hands such a buffer on in shared memory, the processes of a machine share the model. Or
    it travels as the path of a file that all of them can read.

    Parameters
    ----------
    source : bytes-like or str
        A compact file, or an absolute path.
    digest : str
        Of the source's contents: another file at the path is refused.
    """

    def __init__(self, source: Any, digest: str) -> None:
        self._source = source
        self.digest = digest

    @classmethod
    def of(cls, model: Any) -> Shipped:
        """Pack a Model, or the path of a model file.

        Raises
        ------
        InputTypeError
            If it is something else.
        OSError, ModelFormatError
            If the file cannot be read, or is no model.
        """
        if isinstance(model, Model):
            file = io.BytesIO()
            write_model(file, model._evaluator, model._header)
            content = file.getvalue()
            return cls(content, _digest(content))
        if isinstance(model, (str, os.PathLike)):
            path = os.path.abspath(os.fspath(model))
            return cls(path, _digest_of_file(path))
        raise InputTypeError(f"expected a Model or the path of a model file, got {type(model).__name__}")

    @cached_property
    def model(self) -> Model:
        """The model.

        Raises
        ------
        OSError, ModelFormatError
            If the path cannot be read here, or has another file than it had where the model was packed.
        """
        if not isinstance(self._source, str):
            parts = open_model(Sections(self._source))
            model = Model.__new__(Model)
            model._set((parts, None))
            return model
        if (got := _digest_of_file(self._source)) != self.digest:
            raise ModelFormatError(f"the file of digest {self.digest}", f"{got} in {self._source} of this machine")
        return load(self._source)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        packed = not isinstance(self._source, str) and protocol >= 5
        return _restore, (pickle.PickleBuffer(self._source) if packed else self._source, self.digest)

    def __dask_tokenize__(self) -> str:
        return self.digest

    def __sizeof__(self) -> int:
        return object.__sizeof__(self) + len(self._source)


def _restore(source: Any, digest: str) -> Shipped:
    if not isinstance(source, (str, bytes)):
        aligned = np.frombuffer(source, np.uint8).ctypes.data % ALIGNMENT == 0
        source = memoryview(source).cast("B").toreadonly() if aligned else bytes(source)
    return Shipped(source, digest)


def _digest(content: Any) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _digest_of_file(path: str) -> str:
    digest = hashlib.blake2b(digest_size=16)
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
