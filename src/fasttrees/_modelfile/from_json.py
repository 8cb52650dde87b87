"""JSON that ``lightgbm.Booster.dump_model`` gave, as the text of the same model.

What JSON loses is written down in docs/reference/compatibility.md; a model whose scores depend on it is refused.
"""

from __future__ import annotations

import json
import math
from itertools import accumulate
from typing import Any

from fasttrees._modelfile.dump import CATEGORICAL, DEFAULT_LEFT
from fasttrees._modelfile.keys import HEADER_INTEGERS
from fasttrees._modelfile.numbers import JSON_LIMIT, as_gain, exact_text, legacy_text
from fasttrees._modelfile.trees import Tree, write_tree
from fasttrees._modelfile.writer import header_lines
from fasttrees.errors import ModelFormatError

__all__ = ["text_of_json"]

MISSING_TYPES = {"None": 0, "Zero": 4, "NaN": 8}
MAX_CATEGORY = (1 << 24) - 1  # a set is as long as its largest category is high
NUMBER = (int, float)


def text_of_json(data: bytes) -> bytes:
    """Write the text of a dumped model.

    Raises
    ------
    ModelFormatError
        If it is no such JSON, or does not tell how the model scores.
    """
    try:
        dumped = json.loads(data, parse_int=lambda text: -0.0 if text == "-0" else int(text))
    except (ValueError, RecursionError) as error:
        raise ModelFormatError("JSON of LightGBM's dump_model", str(error)) from error
    if not isinstance(dumped, dict):
        raise ModelFormatError("an object of LightGBM's dump_model", type(dumped).__name__)
    header = header_of(dumped)
    blocks = []
    for number, tree in enumerate(take(dumped, "tree_info", list)):
        blocks.append(f"Tree={number}\n{write_tree(TreeOfJson(number, tree, dumped).tree)}")
    categories = json.dumps(dumped.get("pandas_categorical"))
    text = "\n".join([*header_lines(header, blocks), "", ""]) + "".join(blocks)
    return f"{text}end of trees\n\npandas_categorical:{categories}\n".encode("utf-8", "surrogatepass")


def take(items: Any, key: str, kinds: Any, tree: int | None = None, default: Any = None) -> Any:
    """Return the value of a key, checked to be of the kind that it must be."""
    if not isinstance(items, dict):
        raise ModelFormatError("an object", type(items).__name__, tree)
    value = items.get(key, default)
    if kinds is int and type(value) is int and not -(1 << 31) <= value < 1 << 31:
        raise ModelFormatError("an integer of 32 bits", repr(value)[:60], tree, key)
    if not isinstance(value, kinds) or (isinstance(value, bool) and kinds is not bool):
        names = " or ".join(kind.__name__ for kind in (kinds if isinstance(kinds, tuple) else (kinds,)))
        raise ModelFormatError(names, "no such key" if key not in items else repr(value)[:60], tree, key)
    return value


def header_of(dumped: dict[str, Any]) -> dict[str, str]:
    header = {key: str(take(dumped, key, int)) for key in HEADER_INTEGERS}
    if "objective" in dumped:
        header["objective"] = one_line(take(dumped, "objective", str), "objective")
    if take(dumped, "average_output", bool):
        header["average_output"] = ""
    names = take(dumped, "feature_names", list)
    for name in names:
        if not isinstance(name, str) or not name or " " in one_line(name, "feature_names"):
            raise ModelFormatError("names without blanks", repr(name)[:60], None, "feature_names")
    header["feature_names"] = " ".join(names)
    if dumped.get("monotone_constraints"):
        header["monotone_constraints"] = integers(dumped, "monotone_constraints", " ")
    infos = take(dumped, "feature_infos", dict, default={})
    header["feature_infos"] = " ".join(range_text(infos[name]) if name in infos else "none" for name in names)
    return header


def integers(items: Any, key: str, separator: str) -> str:
    values = take(items, key, list)
    if not all(type(value) is int for value in values):
        raise ModelFormatError("integers", repr(values)[:60], None, key)
    return separator.join(map(str, values))


def one_line(text: str, key: str) -> str:
    if "\n" in text or "\r" in text:
        raise ModelFormatError("one line", repr(text)[:60], None, key)
    return text


def range_text(info: Any) -> str:
    if take(info, "values", list, default=[]):
        return integers(info, "values", ":")
    return "[" + ":".join(legacy_text(take(info, key, NUMBER)) for key in ("min_value", "max_value")) + "]"


class TreeOfJson:
    """Reads the nodes of a tree into the lists of its text.

    Attributes
    ----------
    tree : Tree
    """

    def __init__(self, number: int, dumped: Any, model: dict[str, Any]) -> None:
        self._number = number
        self._model = model
        self._sets: list[list[int]] = []
        n_leaves = self._take(dumped, "num_leaves", int)
        self._splits: dict[int, dict[str, Any]] = {}
        self._leaves: dict[int, dict[str, Any]] = {}
        self._collect(self._take(dumped, "tree_structure", dict))
        for key, found, expected in (
            ("split_index", self._splits, n_leaves - 1),
            ("leaf_index", self._leaves, n_leaves),
        ):
            if n_leaves < 1 or len(found) != expected or sorted(found) != list(range(expected)):
                raise ModelFormatError(f"0 to {expected - 1}, as num_leaves says", "others", number, key)
        self.tree = self._lists(n_leaves)
        self.tree["shrinkage"] = [float(self._take(dumped, "shrinkage", NUMBER, default=1.0))]

    def _take(self, items: Any, key: str, kinds: Any, default: Any = None) -> Any:
        return take(items, key, kinds, self._number, default)

    def _collect(self, root: dict[str, Any]) -> None:
        """Find the nodes by their numbers. Only the leaf of a tree that has no other may have none."""
        pending = [root]
        while pending:
            node = pending.pop()
            is_split = "split_index" in node
            key = "split_index" if is_split else "leaf_index"
            nodes = self._splits if is_split else self._leaves
            index = self._take(node, key, int, 0 if node is root else None)
            if index in nodes:
                raise ModelFormatError("each number once", f"{index} again", self._number, key)
            nodes[index] = node
            if is_split:
                pending += [self._take(node, side, dict) for side in ("right_child", "left_child")]

    def _lists(self, n_leaves: int) -> Tree:
        splits = [self._splits[node] for node in range(n_leaves - 1)]
        leaves = [self._leaves[leaf] for leaf in range(n_leaves)]
        is_linear = any("leaf_const" in leaf for leaf in leaves)
        terms = [self._terms(leaf) if is_linear else [] for leaf in leaves]
        tree: Tree = {
            "num_leaves": [n_leaves],
            "split_feature": [self._take(node, "split_feature", int) for node in splits],
            "threshold": [self._threshold(node) for node in splits],
            "decision_type": [self._decision(node) for node in splits],
            "left_child": [self._child(node, "left_child") for node in splits],
            "right_child": [self._child(node, "right_child") for node in splits],
            "is_linear": [int(is_linear)],
            "leaf_const": [self._take(leaf, "leaf_const", NUMBER) for leaf in leaves] if is_linear else [],
            "num_features": [len(of_leaf) for of_leaf in terms],
            "leaf_features": [feature for of_leaf in terms for feature, _ in of_leaf],
            "leaf_coeff": [coefficient for of_leaf in terms for _, coefficient in of_leaf],
            "leaf_value": [self._take(leaf, "leaf_value", NUMBER) for leaf in leaves],
        }
        gains = [self._take(node, "split_gain", NUMBER, 0.0) for node in splits]
        tree["split_gain"] = [as_gain(exact_text(gain)) for gain in gains]
        for key in ("internal_value", "internal_weight"):
            tree[key] = [self._take(node, key, NUMBER, 0.0) for node in splits]
        tree["internal_count"] = [self._take(node, "internal_count", int, 0) for node in splits]
        tree["leaf_weight"] = [self._take(leaf, "leaf_weight", NUMBER, 0.0) for leaf in leaves]
        tree["leaf_count"] = [self._take(leaf, "leaf_count", int, 0) for leaf in leaves]
        words = [category_words(categories) for categories in self._sets]
        tree["num_cat"] = [len(words)]
        tree["cat_boundaries"] = [0, *accumulate(map(len, words))]
        tree["cat_threshold"] = [word for of_set in words for word in of_set]
        return tree

    def _child(self, node: dict[str, Any], side: str) -> int:
        child = node[side]
        number: int = child["split_index"] if "split_index" in child else ~child["leaf_index"]
        return number

    def _terms(self, leaf: dict[str, Any]) -> list[tuple[int, float]]:
        features, coefficients = (self._take(leaf, key, list) for key in ("leaf_features", "leaf_coeff"))
        sound = all(type(item) is int for item in features) and all(type(item) in NUMBER for item in coefficients)
        if len(features) != len(coefficients) or not sound:
            raise ModelFormatError(
                "a coefficient for each feature", repr(coefficients)[:60], self._number, "leaf_coeff"
            )
        return list(zip(features, coefficients, strict=True))

    def _decision(self, node: dict[str, Any]) -> int:
        missing = self._take(node, "missing_type", str)
        if missing not in MISSING_TYPES:
            raise ModelFormatError(
                f"one of {', '.join(MISSING_TYPES)}", repr(missing)[:60], self._number, "missing_type"
            )
        default = DEFAULT_LEFT if self._take(node, "default_left", bool) else 0
        return (CATEGORICAL if node["decision_type"] == "==" else 0) | default | MISSING_TYPES[missing]

    def _threshold(self, node: dict[str, Any]) -> float:
        kind = self._take(node, "decision_type", str)
        if kind == "==":
            return self._add_set(self._take(node, "threshold", str))
        if kind != "<=":
            raise ModelFormatError("'<=' or '=='", repr(kind)[:60], self._number, "decision_type")
        threshold = float(self._take(node, "threshold", NUMBER))
        return threshold if abs(threshold) < JSON_LIMIT else self._limit(node, threshold)

    def _limit(self, node: dict[str, Any], threshold: float) -> float:
        """Restore the infinite threshold with which LightGBM tells missing from all other values.

        In JSON it is 1e300, as is any number beyond. Training sets thresholds among the values that it sees or at
        infinity, so one is certain to be infinite if no value was as large.
        """
        names = self._model["feature_names"]
        feature = self._take(node, "split_feature", int)
        if threshold == JSON_LIMIT and 0 <= feature < len(names):
            info = self._model.get("feature_infos", {}).get(names[feature], {})
            highest = info.get("max_value")
            if type(highest) in NUMBER and highest < JSON_LIMIT:
                return math.inf
        raise ModelFormatError(
            "thresholds below 1e300, which stands in JSON for all beyond", repr(threshold), self._number, "threshold"
        )

    def _add_set(self, text: str) -> float:
        try:
            categories = [int(item) for item in text.split("||") if item]
        except ValueError:
            categories = [-1]
        if not all(0 <= category <= MAX_CATEGORY for category in categories):
            raise ModelFormatError(
                f"categories from 0 to {MAX_CATEGORY}, with || between", repr(text)[:60], self._number, "threshold"
            )
        self._sets.append(categories)
        return len(self._sets) - 1


def category_words(categories: list[int]) -> list[int]:
    words = [0] * (max(categories, default=0) // 32 + 1)
    for category in categories:
        words[category // 32] |= 1 << category % 32
    return words
