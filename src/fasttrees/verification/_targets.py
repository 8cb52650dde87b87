"""Sources of predictions: this process, a file or a server."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext, redirect_stdout
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

import fasttrees
from fasttrees._runtime.progress import Progress
from fasttrees._sagemaker.contract import CSV, INFERENCE_OUTPUT
from fasttrees._textio.format import format_rows
from fasttrees.errors import InputError
from fasttrees.verification._rows import Array, RowFormat, is_plain_csv, read_numbers, read_rows

__all__ = ["Column", "ComputedColumn", "ListedColumn", "Target", "answers", "open_booster"]

START_TIMEOUT = 300.0  # seconds until the server must be ready

NO_REFERENCE = (
    "nothing to compare with: lightgbm is not installed here (%s). Where the model was trained, write "
    "numpy.save('reference.npy', booster.predict(rows)), and pass that file with --reference"
)


class Column(Protocol):
    """Predictions, row by row."""

    def take(self, cells: Array) -> Array:
        """Return those of the next rows; fewer if there are no more. Shape (n, n_columns)."""

    def rest(self) -> Iterator[Array]:
        """Yield what is left when there are no more rows."""


class ComputedColumn:
    """Predictions computed by a function of the rows."""

    def __init__(self, predict: Callable[[Array], Any], n_columns: int) -> None:
        self._predict = predict
        self._n_columns = n_columns

    def take(self, cells: Array) -> Array:
        """Compute the next rows."""
        return np.asarray(self._predict(cells), np.float64).reshape(len(cells), self._n_columns)

    def rest(self) -> Iterator[Array]:
        """Yield nothing."""
        yield from ()


class ListedColumn:
    """Predictions read from an iterator of blocks of any size."""

    def __init__(self, blocks: Iterator[Array], n_columns: int) -> None:
        self._blocks = blocks
        self._left = np.empty((0, n_columns))

    def take(self, cells: Array) -> Array:
        """Read the next rows."""
        parts = [self._left]
        n = len(self._left)
        while n < len(cells) and (block := next(self._blocks, None)) is not None:
            parts.append(block)
            n += len(block)
        values = np.concatenate(parts)
        self._left = values[len(cells) :]
        return values[: len(cells)]

    def rest(self) -> Iterator[Array]:
        """Read to the end of the iterator."""
        yield self._left
        yield from self._blocks


@dataclass(frozen=True)
class Target:
    """The scorer to verify; by default the library in this process.

    Attributes
    ----------
    url : str or None
        A running server.
    image : str or None
        A container to start with the model.
    network : str or None
        Docker network of the container.
    server : bool
        Start this package's own server with the model.
    """

    url: str | None = None
    image: str | None = None
    network: str | None = None
    server: bool = False

    @property
    def is_library(self) -> bool:
        """Whether the predictions are computed in this process."""
        return not (self.url or self.image or self.server)

    def __str__(self) -> str:
        if self.url:
            return f"server at {self.url}"
        if self.image:
            return f"container of {self.image}"
        return "fasttrees serve" if self.server else f"fasttrees {fasttrees.__version__}, the library"


def answers(
    target: Target,
    model: fasttrees.Model,
    model_path: str,
    rows_path: str,
    form: RowFormat,
    raw_score: bool,
    folder: str,
    progress: Progress,
) -> Iterator[Array]:
    """Score the rows with a server, through the local Batch Transform, and read its answers.

    A file that a server accepts is sent as it is; otherwise the features are written as CSV, with digits that parse
    to the same doubles.

    Parameters
    ----------
    folder : str
        For temporary files.
    progress : Progress
        Receives the server's last lines too, if it fails.
    """
    # Imported here because it needs what serving needs.
    from fasttrees._sagemaker.batch_transform import Client, Job, ServerError, TransformError, find_objects, transform

    rows = os.path.join(folder, "rows.csv")
    if is_plain_csv(rows_path, form):
        os.symlink(os.path.abspath(rows_path), rows)
    else:
        _write_csv(rows, read_rows(rows_path, model, form, lambda text: None))
    job = Job(accept=CSV, assemble_lines=True)
    objects = find_objects(rows, folder)
    with _started(target, model_path, job, raw_score) as server:
        try:
            client = Client(server.url, job, server.check) if server else Client(str(target.url), job)
            transform(objects, client, job, START_TIMEOUT, progress)
            if objects[0].failure is not None:
                raise TransformError(f"{rows_path}: {objects[0].failure}")
        except (ServerError, TransformError):
            for line in server.last_lines if server else ():
                progress.say(f"server: {line}")
            raise
    os.unlink(rows)
    return read_numbers(objects[0].output, model.num_outputs(), has_header=False, name="answers of the server")


def open_booster(path: str) -> Any:
    """Load a model into LightGBM."""
    try:
        import lightgbm
    except (ImportError, OSError) as error:  # OSError: a library that its own needs is missing
        raise InputError(NO_REFERENCE % error) from error
    try:
        with redirect_stdout(io.StringIO()):  # because its log repeats the error
            return lightgbm.Booster(model_file=path)
    except lightgbm.basic.LightGBMError as error:
        raise InputError(f"{path}: lightgbm cannot read the model: {error}") from error


def _started(target: Target, model_path: str, job: Any, raw_score: bool) -> AbstractContextManager[Any]:
    from fasttrees._sagemaker.batch_transform import container, local_server

    variables = job.environment() | ({INFERENCE_OUTPUT: "raw_score"} if raw_score else {})
    if target.image:
        return container(target.image, model_path, target.network, variables, lambda line: None)
    if target.server:
        return local_server(model_path, variables, lambda line: None)
    return nullcontext()


def _write_csv(path: str, blocks: Iterator[tuple[Array, int]]) -> None:
    with open(path, "wb") as file:
        for cells, _ in blocks:
            values: Any = np.ascontiguousarray(cells).reshape(-1)
            file.write(format_rows(values, len(cells)))
