"""Split the text of a model into its parts: header, trees, and what follows them."""

from __future__ import annotations

import re
from functools import cached_property
from itertools import islice

from fasttrees._modelfile.trees import Tree, read_tree

__all__ = ["ModelText"]

MARK = re.compile(
    r"^(?:Tree=.*\n|end of trees|feature[_ ]importances:|parameters:|parser:|pandas_categorical:)", re.MULTILINE
)
SECTIONS = {
    name: re.compile(rf"^{name}:\n(.*?)^end of {name}$", re.MULTILINE | re.DOTALL) for name in ("parameters", "parser")
}
CATEGORIES = re.compile(r"^pandas_categorical:(.*)$", re.MULTILINE)


class ModelText:
    """The text of a model that the reader of models has found sound.

    Attributes
    ----------
    header : dict of str to str
        Without ``version``; a key without a value, such as ``average_output``, has an empty one.
    blocks : list of str
        The lines of each tree, without the first and with the blank lines behind them.
    """

    def __init__(self, data: bytes) -> None:
        text = data.decode("utf-8", "surrogateescape")
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        self.blocks: list[str] = []
        header_end = begin = None
        end = len(text)
        for mark in MARK.finditer(text):
            if header_end is None:
                header_end = mark.start()
            if begin is not None:
                self.blocks.append(text[begin : mark.start()])
            if not mark.group().startswith("Tree="):
                begin, end = None, mark.start()
                break
            begin = mark.end()
        if begin is not None:
            self.blocks.append(text[begin:])
        lines = text[:header_end].split("\n")
        pairs = (line.partition("=") for line in islice(filter(None, lines), 1, None))
        self.header = {key: value for key, _, value in pairs}
        self.header.setdefault("num_tree_per_iteration", self.header["num_class"])
        self._trailer = text[end:]

    @property
    def n_classes(self) -> int:
        """Trees per iteration."""
        return int(self.header["num_tree_per_iteration"])

    @property
    def feature_names(self) -> list[str]:
        """Names in the order of the columns."""
        return self.header["feature_names"].split()

    @property
    def pandas_categorical(self) -> str:
        """Categories of the training data frame, as JSON."""
        found = CATEGORIES.search(self._trailer)
        return found.group(1) if found is not None else "null"

    @cached_property
    def trees(self) -> list[Tree]:
        """The numbers of each tree."""
        return [read_tree(block) for block in self.blocks]

    def select(self, num_iteration: int, start_iteration: int = 0) -> range:
        """Select trees by number; those of all iterations from the start on if `num_iteration` is not above 0."""
        n_iterations = len(self.blocks) // self.n_classes
        first = min(max(start_iteration, 0), n_iterations)
        last = min(first + num_iteration, n_iterations) if num_iteration > 0 else n_iterations
        return range(first * self.n_classes, last * self.n_classes)

    def sections(self) -> list[str]:
        """Return what follows the trees and importances: each section as it is written."""
        sections = []
        for name, pattern in SECTIONS.items():
            found = pattern.search(self._trailer)
            if found is not None:
                lines = "".join(f"{line}\n" for line in found.group(1).split("\n") if line)
                sections.append(f"\n{name}:\n{lines}\nend of {name}\n")
        return [*sections, f"\npandas_categorical:{self.pandas_categorical}\n"]
