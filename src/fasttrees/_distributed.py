"""What the adapters for Spark, Dask and Ray share: their arguments, the choice of columns, and a model that travels."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from fasttrees._modelfile.compact import Sections, open_model, write_model
from fasttrees._runtime.threads import resolve_n_threads
from fasttrees.errors import InputError, InputTypeError, ModelFormatError
from fasttrees.model import Model, load

__all__ = [
    "KINDS",
    "Options",
    "Output",
    "PortableModel",
    "check_options",
    "choose_features",
    "choose_kept",
    "output_of",
    "read_model",
    "some_names",
]

#: Kinds of output, and the arguments of ``Model.predict`` that request them.
KINDS: dict[str, dict[str, bool]] = {
    "normal": {},
    "raw": {"raw_score": True},
    "leaf": {"pred_leaf": True},
    "contrib": {"pred_contrib": True},
}

ALIGNMENT = 16  # of memory that a model may read in place: that of any bytes object


class Options(NamedTuple):
    """The arguments that all adapters have, checked by :func:`check_options`.

    Attributes
    ----------
    columns : list or None
        The feature columns, in the order of the model's features. None: those with the features' names.
    output : str
        Name of the column of predictions.
    kind : str
        A key of KINDS.
    keep : list or None
        Columns of the data that the result has before the predictions, in this order. None: all.
    n_threads : int or None
        Threads of each task.
    """

    columns: list[Any] | None
    output: str
    kind: str
    keep: list[Any] | None
    n_threads: int | None


def check_options(
    *,
    columns: Sequence[Any] | None,
    output: str,
    kind: str,
    keep: Sequence[Any] | None,
    n_threads: int | None,
    name_type: type = str,
) -> Options:
    """Check the arguments that all adapters have, as far as they can be without model and data.

    Parameters
    ----------
    columns, output, kind, keep, n_threads
        As of :class:`Options`.
    name_type : type, default str
        What the engine takes as the name of a column.

    Raises
    ------
    InputError
        If there is no such kind, or `n_threads` is out of range.
    InputTypeError
        If an argument is of the wrong type.
    """
    if not isinstance(output, str):
        raise InputTypeError(f"expected the name of a column as output, got {output!r}")
    if kind not in KINDS:
        raise InputError(f"expected kind to be one of {', '.join(KINDS)}, got {kind!r}")
    resolve_n_threads(n_threads)
    return Options(_names("columns", columns, name_type), output, kind, _names("keep", keep, name_type), n_threads)


def _names(argument: str, names: Sequence[Any] | None, name_type: type) -> list[Any] | None:
    if names is None:
        return None
    if isinstance(names, str) or not all(isinstance(name, name_type) for name in names):
        raise InputTypeError(f"expected a list of names as {argument}, got {names!r}")
    return list(names)


class Output(NamedTuple):
    """What a model returns for each row.

    Attributes
    ----------
    arguments : dict of str to bool
        Arguments of ``Model.predict``.
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
    """Describe what a model returns for each row; `kind` is a key of KINDS."""
    if kind == "leaf":
        return Output(KINDS[kind], model.num_outputs(pred_leaf=True), np.dtype(np.int32))
    if kind == "contrib":
        return Output(KINDS[kind], model.num_class * (model.num_feature() + 1), np.dtype(np.float64))
    return Output(KINDS[kind], model.num_class if model.num_class > 1 else None, np.dtype(np.float64))


def choose_features(
    model: Model, present: Sequence[Any], columns: Sequence[Any] | None, key: Callable[[Any], Any] | None = None
) -> list[int]:
    """Find the feature columns of a table, in the order of the model's features.

    Parameters
    ----------
    model : Model
    present : sequence
        Names of the table's columns.
    columns : sequence or None
        As of :class:`Options`.
    key : callable or None, default None
        Names with the same key are the same. None: equal names are.

    Returns
    -------
    list of int
        Positions in `present`.

    Raises
    ------
    InputError
        If a column is missing or ambiguous, or if their number is not the model's.
    """
    wanted = model.feature_name() if columns is None else columns
    if len(wanted) != model.num_feature():
        raise InputError(f"expected {model.num_feature()} columns, one for each feature, got {len(wanted)}")
    hint = "; name the feature columns in columns" if columns is None else ""
    return _positions(present, wanted, key, hint)


def choose_kept(
    present: Sequence[Any],
    keep: Sequence[Any] | None,
    outputs: Sequence[str],
    key: Callable[[Any], Any] | None = None,
) -> list[int]:
    """Find the columns of a table that the result has as well.

    Parameters
    ----------
    present, key
        As of :func:`choose_features`.
    keep : sequence or None
        As of :class:`Options`.
    outputs : sequence of str
        Names of the columns of predictions.

    Returns
    -------
    list of int
        Positions in `present`.

    Raises
    ------
    InputError
        If a column is missing, ambiguous or named twice, or has the name of one of the `outputs`.
    """
    names = list(present if keep is None else keep)
    kept = {key(name) if key else name for name in names}
    if taken := [name for name in outputs if (key(name) if key else name) in kept]:
        raise InputError(f"expected a new name as output, got {taken[0]!r}, which the data has: use another, or keep")
    if keep is None:
        return list(range(len(names)))
    if len(kept) < len(names):
        raise InputError(f"expected different names in keep, got {some_names(names)}")
    return _positions(present, names, key, " in keep")


def _positions(present: Sequence[Any], wanted: Sequence[Any], key: Callable[[Any], Any] | None, hint: str) -> list[int]:
    keys = list(present if key is None else map(key, present))
    wanted_keys = list(wanted if key is None else map(key, wanted))
    positions = {
        name: position for position, name in enumerate(keys)
    }  # Ray asks for each batch, of thousands of columns
    counts = Counter(keys)
    if missing := [name for name, wanted_key in zip(wanted, wanted_keys, strict=True) if wanted_key not in counts]:
        raise InputError(f"expected the columns {some_names(missing)}, got {some_names(list(present))}{hint}")
    if twice := [name for name, wanted_key in zip(wanted, wanted_keys, strict=True) if counts[wanted_key] > 1]:
        raise InputError(f"expected columns of different names, got more than one named {twice[0]!r}")
    return [positions[wanted_key] for wanted_key in wanted_keys]


def some_names(names: Sequence[Any]) -> str:
    """Write names for an error: the first ten, and how many more."""
    return ", ".join(map(repr, names[:10])) + (f" and {len(names) - 10} more" if len(names) > 10 else "")


def read_model(model: Any) -> Model:
    """Make a Model of what the adapters take as one.

    Raises
    ------
    InputTypeError
        If it is something else than a Model, a Booster, a fitted estimator or a path.
    OSError, ModelFormatError
        If the file cannot be read, or is no model.
    """
    if isinstance(model, Model):
        return model
    if isinstance(model, (str, os.PathLike)):
        return load(model)
    try:
        return Model.from_booster(model)
    except InputTypeError:
        raise InputTypeError(
            "expected a Model, a lightgbm.Booster, a fitted estimator or the path of a model file, "
            f"got {type(model).__name__}"
        ) from None


class PortableModel:
    """A model that can be pickled for other processes, each of which opens it once, on first use.

    It is pickled as the bytes of a compact file, which include the plans; with protocol 5 as an out-of-band buffer,
    so if an engine puts such buffers into shared memory, the processes of a machine share the model. Or it is pickled
    as the path of a file that all processes can read.

    Parameters
    ----------
    source : bytes-like or str
        A compact file, or an absolute path.
    digest : str
        BLAKE2b of the source's contents: another file at the path is an error.
    """

    def __init__(self, source: Any, digest: str) -> None:
        self._source = source
        self.digest = digest

    @classmethod
    def of(cls, model: Any) -> PortableModel:
        """Pack what :func:`read_model` takes; a path stays one, and is opened by each process.

        Raises
        ------
        InputTypeError, OSError, ModelFormatError
            As of :func:`read_model`.
        """
        if isinstance(model, (str, os.PathLike)):
            path = os.path.abspath(os.fspath(model))
            return cls(path, _digest_of_file(path))
        model = read_model(model)
        file = io.BytesIO()
        write_model(file, model._evaluator, model._header)
        content = file.getvalue()
        return cls(content, _digest(content))

    @cached_property
    def model(self) -> Model:
        """The model.

        Raises
        ------
        OSError, ModelFormatError
            If the path cannot be read here, or leads to another file than where the model was packed.
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


def _restore(source: Any, digest: str) -> PortableModel:
    if not isinstance(source, (str, bytes)):
        aligned = np.frombuffer(source, np.uint8).ctypes.data % ALIGNMENT == 0
        source = memoryview(source).cast("B").toreadonly() if aligned else bytes(source)
    return PortableModel(source, digest)


def _digest(content: Any) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _digest_of_file(path: str) -> str:
    digest = hashlib.blake2b(digest_size=16)
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
