"""The errors that fasttrees raises on purpose.

All derive from :class:`FastTreesError`; those that report a bad value are :class:`ValueError` too, so that code
written for other libraries keeps catching them. Arguments are positional so that every error pickles.
"""

from __future__ import annotations

__all__ = ["CsvError", "FastTreesError", "InputError", "InputTypeError", "ModelFormatError", "ModelTextError"]


class FastTreesError(Exception):
    """Base of every error of this package."""


class ModelFormatError(FastTreesError, ValueError):
    """A model file that cannot be trusted, and where.

    Attributes
    ----------
    expected, got : str
        What the reader needs at that place, and what stands there.
    tree : int or None
        Number of the tree, counted from 0 in file order; None outside the trees.
    key : str or None
        The key whose value is wrong, as the file spells it.
    line : int or None
        Line of the file, counted from 1; None where no single line is to blame.
    """

    def __init__(
        self, expected: str, got: str, tree: int | None = None, key: str | None = None, line: int | None = None
    ) -> None:
        super().__init__(expected, got, tree, key, line)
        self.expected = expected
        self.got = got
        self.tree = tree
        self.key = key
        self.line = line

    def __str__(self) -> str:
        places = [
            f"tree {self.tree}" if self.tree is not None else "",
            f"key '{self.key}'" if self.key is not None else "",
            f"line {self.line}" if self.line is not None else "",
        ]
        where = ", ".join(place for place in places if place)
        return f"{where or 'model'}: expected {self.expected}, got {self.got}"


class ModelTextError(FastTreesError, RuntimeError):
    """The text of a model, asked for to describe it, that cannot be read again. Predictions do not need it."""


class InputError(FastTreesError, ValueError):
    """Rows or arguments that a model cannot score."""


class InputTypeError(FastTreesError, TypeError):
    """An object of a type that a model cannot score."""


class CsvError(InputError):
    """Delimited text that is not a table of numbers, and where.

    Attributes
    ----------
    problem : str
        What is wrong there.
    row : int
        Line of the input, counted from 1, a header line included.
    column : int or None
        Cell of that line, counted from 1; None where the whole line is wrong.
    text : str
        The text at that place, cut to a readable length.
    """

    def __init__(self, problem: str, row: int, column: int | None, text: str) -> None:
        super().__init__(problem, row, column, text)
        self.problem = problem
        self.row = row
        self.column = column
        self.text = text

    def __str__(self) -> str:
        column = f", column {self.column}" if self.column is not None else ""
        return f"row {self.row}{column}: {self.problem}: {self.text!r}"
