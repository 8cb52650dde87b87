"""The text of a model in its parts: header, trees, what follows them; and a text made of some of its iterations."""

from __future__ import annotations

import re
from functools import cached_property
from itertools import islice

from fasttrees._modelfile.importance import importances
from fasttrees._modelfile.trees import Tree, has_all_keys, read_tree, write_tree

__all__ = ["ModelText"]

VERSION = "v4"
HEADER_KEYS = (
    "num_class", "num_tree_per_iteration", "label_index", "max_feature_idx", "objective", "average_output",
    "feature_names", "monotone_constraints", "feature_infos",
)  # fmt: skip

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

    def write(self, num_iteration: int, start_iteration: int, importance_type: str) -> str:
        """Write a model of some iterations, as LightGBM 4 writes it.

        As there, the importances are those of as many iterations from the first on, wherever the model starts.
        """
        blocks = [
            block if has_all_keys(block) else write_tree(read_tree(block))
            for block in (self.blocks[tree] for tree in self.select(num_iteration, start_iteration))
        ]
        trees = [f"Tree={number}\n{block.rstrip()}\n\n\n" for number, block in enumerate(blocks)]
        header = [f"{key}={self.header[key]}".removesuffix("=") for key in HEADER_KEYS if key in self.header]
        sizes = " ".join(str(len(tree)) for tree in trees)
        parts = ["\n".join(["tree", f"version={VERSION}", *header, f"tree_sizes={sizes}", "", ""]), *trees]
        parts.append("end of trees\n\nfeature_importances:\n")
        for name, value in importances(self, num_iteration, importance_type):
            parts.append(f"{name}={value}\n")
        parts.extend(self._sections())
        return "".join(parts)

    def _sections(self) -> list[str]:
        sections = []
        for name, pattern in SECTIONS.items():
            found = pattern.search(self._trailer)
            if found is not None:
                lines = "".join(f"{line}\n" for line in found.group(1).split("\n") if line)
                sections.append(f"\n{name}:\n{lines}\nend of {name}\n")
        return [*sections, f"\npandas_categorical:{self.pandas_categorical}\n"]
