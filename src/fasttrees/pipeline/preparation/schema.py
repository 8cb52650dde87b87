"""What was done to the columns, kept in a file, so that the same can be done to one row."""

from __future__ import annotations

import difflib
from array import array
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, ValidationError, computed_field

from fasttrees._textio.format import format_rows
from fasttrees.pipeline.errors import ConfigError
from fasttrees.pipeline.preparation.cells import plain, to_numbers, to_text

__all__ = ["Column", "Schema", "format_lines"]


class Column(BaseModel):
    """A feature.

    Attributes
    ----------
    name : str
    kind : {"number", "boolean", "category", "number category"}
    categories : list of str
        The code of a category is its place here; texts in alphabetical order, numbers by size.
    n_missing : int
        Cells of the raw table.
    mean, deviation : float or None
        Of the training rows; a number x became (x - mean) / deviation. None: numbers are as they were.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    kind: Literal["number", "boolean", "category", "number category"]
    categories: list[str] = []
    n_missing: int = 0
    mean: float | None = None
    deviation: float | None = None

    @cached_property
    def _codes(self) -> Any:
        texts = pa.array(self.categories, pa.string())
        return texts if self.kind == "category" else texts.cast(pa.float64())

    def encode(self, cells: Any) -> np.ndarray:
        """Turn plain cells into what is written.

        Returns
        -------
        ndarray of float64
            NaN where a cell is missing, or no category of the column.

        Raises
        ------
        pyarrow.ArrowInvalid
            If a cell is of another kind.
        """
        if self.kind == "category":
            codes = pc.index_in(to_text(cells), value_set=self._codes, skip_nulls=True)
            return to_numbers(codes, "number")
        if self.kind == "number category":
            numbers = pa.array(to_numbers(cells, "number") + 0.0, from_pandas=True)  # 0.0: -0.0 is the same category
            return to_numbers(pc.index_in(numbers, value_set=self._codes, skip_nulls=True), "number")
        values = to_numbers(cells, self.kind)
        if self.mean is None or self.deviation is None:
            return values
        scaled: np.ndarray = (values - self.mean) / self.deviation
        return scaled


class Schema(BaseModel):
    """What was done to a raw table.

    Attributes
    ----------
    version : int
        Of this file's form.
    target : str
    target_kind : {"number", "boolean", "class"}
    classes : list of str
        The code of a class is its place here; empty: the target is a number.
    features : list of Column
        In the order in which they are written.
    ignored : list of str
        Other columns of the raw table.
    missing : list of str
        Cells that mean: missing.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)  # what is computed is in the file, too

    version: Literal[1] = 1
    target: str
    target_kind: Literal["number", "boolean", "class"]
    classes: list[str]
    features: list[Column]
    ignored: list[str]
    missing: list[str]

    @classmethod
    def load(cls, path: str | Path) -> Schema:
        """Read ``schema.json``.

        Raises
        ------
        ConfigError
            If there is no such file, or it is not what ``prepare`` writes.
        """
        try:
            return cls.model_validate_json(Path(path).read_bytes())
        except FileNotFoundError as error:
            raise ConfigError(f"{path}: no such file; `fasttrees pipeline prepare` writes it") from error
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise ConfigError(f"{path}: {place}: {first['msg']}; run `fasttrees pipeline prepare` again") from error

    @computed_field  # type: ignore[prop-decorator]  # in the file for training images: docs/how-to/training.md
    @property
    def feature_names(self) -> list[str]:
        """Names of the features, in the order in which they are written."""
        return [column.name for column in self.features]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def categorical(self) -> list[int]:
        """Places of the features that are categories, from 0."""
        return [i for i, column in enumerate(self.features) if column.kind in ("category", "number category")]

    def encode(self, sample: Mapping[str, object]) -> list[float]:
        """Turn one raw row into what ``prepare`` writes for it.

        Parameters
        ----------
        sample : mapping of str to object
            Cells by column, all features; None is missing. The target and columns that are left out may be there.

        Returns
        -------
        list of float
            One a feature; NaN where a cell is missing, or a category that the table did not have.

        Raises
        ------
        ConfigError
            With the column, what was expected, and what was got.
        """
        known = {*self.feature_names, *self.ignored, self.target}
        for name in sample:
            if name not in known:
                near = difflib.get_close_matches(str(name), known, n=1)
                raise ConfigError(f"{name!r}: no such column" + (f"; is it {near[0]!r}?" if near else ""))
        values = []
        for column in self.features:
            if column.name not in sample:
                raise ConfigError(f"{column.name!r}: expected a cell, got none; null means: missing")
            value = sample[column.name]
            try:
                values.append(column.encode(_cell(value, self.missing))[0].item())
            except (pa.ArrowException, TypeError, OverflowError) as error:
                raise ConfigError(f"{column.name!r}: expected a {column.kind}, got {value!r}") from error
        return values

    def encode_target(self, cells: Any) -> np.ndarray:
        """Turn plain cells of the target into what is written.

        Returns
        -------
        ndarray of float64
            NaN where a cell is missing, or no class.

        Raises
        ------
        pyarrow.ArrowInvalid
            If a cell is of another kind.
        """
        kind: Any = "category" if self.target_kind == "class" else self.target_kind
        return Column(name=self.target, kind=kind, categories=self.classes).encode(cells)

    def truth(self, text: str) -> float:
        """Turn a raw cell of the target into what ``prepare`` writes for it.

        Raises
        ------
        ConfigError
            If it is missing, or cannot be one.
        """
        expected = f"one of {self.classes}" if self.classes else "a number"
        try:
            value = self.encode_target(_cell(text, self.missing))[0].item()
        except pa.ArrowException:
            value = float("nan")
        if value != value:
            raise ConfigError(f"{self.target!r}: expected {expected}, got {text!r}")
        return float(value)

    def csv_line(self, values: Sequence[float]) -> str:
        """Write a row of features as ``prepare`` does, without a line end."""
        return format_lines(array("d", values), 1, len(self.features)).decode("ascii").rstrip("\n")


def format_lines(values: Any, n_rows: int, n_features: int) -> bytes:
    """Write rows: the shortest digits that read back to the same double, nothing where it is NaN.

    Parameters
    ----------
    values : C-contiguous buffer of float64, n_rows * k items
    n_rows : int
    n_features : int
        If there is one, it is ``nan`` where it is missing: readers skip empty lines.
    """
    text = format_rows(values, n_rows)
    return text if n_features == 1 else text.replace(b"nan", b"")


def _cell(value: object, missing: Sequence[str]) -> Any:
    """Make a plain column of one cell."""
    if isinstance(value, int):
        value = str(value).lower()  # True as "true"; an integer of any size
    elif value is not None and not isinstance(value, str):
        value = float(value)  # type: ignore[arg-type]
    return plain(pa.array([value]), missing, "sample")
