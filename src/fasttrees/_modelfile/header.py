"""The header of a model: what its text states beside the trees and the objective."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

__all__ = ["ModelHeader"]


class ModelHeader:
    """The header of a model; it never changes.

    A plain class, because dataclasses take longer to import than this package.

    Attributes
    ----------
    version : str or None
        Of the file format, such as ``v4``; None if the file states none.
    average_output : bool
        Whether predictions are means over iterations (a random forest).
    feature_names : tuple of str
        In the order of the columns.
    feature_infos : tuple of str
        For each feature the values that training saw: ``[min:max]``, categories as ``a:b:c``, or ``none``.
    label_index : int
        Column of the label in the training file.
    parameters : str or None
        The training parameters as text; None if the file has none.
    pandas_categorical : list of lists or None
        Categories of each category column of the training data frame; None if it had none.
    """

    __slots__ = (
        "average_output",
        "feature_infos",
        "feature_names",
        "label_index",
        "pandas_categorical",
        "parameters",
        "version",
    )

    version: str | None
    average_output: bool
    feature_names: tuple[str, ...]
    feature_infos: tuple[str, ...]
    label_index: int
    parameters: str | None
    pandas_categorical: list[list[Any]] | None

    def __init__(
        self,
        version: str | None,
        average_output: bool,
        feature_names: tuple[str, ...],
        feature_infos: tuple[str, ...],
        label_index: int,
        parameters: str | None,
        pandas_categorical: list[list[Any]] | None,
    ) -> None:
        put = object.__setattr__
        put(self, "version", version)
        put(self, "average_output", average_output)
        put(self, "feature_names", feature_names)
        put(self, "feature_infos", feature_infos)
        put(self, "label_index", label_index)
        put(self, "parameters", parameters)
        put(self, "pandas_categorical", pandas_categorical)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a model's header never changes: {name}")

    __delattr__ = __setattr__  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"ModelHeader({', '.join(f'{name}={getattr(self, name)!r}' for name in self.__slots__)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return ModelHeader, (
            self.version,
            self.average_output,
            self.feature_names,
            self.feature_infos,
            self.label_index,
            self.parameters,
            self.pandas_categorical,
        )
