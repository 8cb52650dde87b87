"""A model as the nested dictionaries of ``lightgbm.Booster.dump_model``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from fasttrees._modelfile.importance import gains_by_feature, whole_number
from fasttrees._modelfile.keys import HEADER_INTEGERS, VERSION
from fasttrees._modelfile.model_text import ModelText
from fasttrees._modelfile.numbers import as_json, gain_in_json, in_json, legacy
from fasttrees._modelfile.trees import Tree

__all__ = ["dump"]

CATEGORICAL, DEFAULT_LEFT = 1, 2
MISSING_TYPES = ("None", "Zero", "NaN", "NaN")

Hook = Callable[[dict[str, Any]], Any]


def dump(
    text: ModelText, num_iteration: int, start_iteration: int, importance_type: str, hook: Hook | None
) -> dict[str, Any]:
    """Describe a model; `hook` replaces each dictionary, the inner ones first, as ``json.loads`` lets it."""
    make = hook if hook is not None else lambda items: items
    header = text.header
    dumped: dict[str, Any] = {"name": "tree", "version": VERSION}
    for key in HEADER_INTEGERS:
        dumped[key] = int(header[key])
    if "objective" in header:
        dumped["objective"] = header["objective"]
    dumped["average_output"] = "average_output" in header
    dumped["feature_names"] = text.feature_names
    dumped["monotone_constraints"] = [int(item) for item in header.get("monotone_constraints", "").split()]
    infos = zip(text.feature_names, header["feature_infos"].split(), strict=True)
    dumped["feature_infos"] = make({name: make(describe_range(info)) for name, info in infos if info != "none"})
    dumped["tree_info"] = [
        make(
            {
                "tree_index": number,
                "num_leaves": text.trees[number]["num_leaves"][0],
                "num_cat": text.trees[number]["num_cat"][0],
                "shrinkage": as_json(text.trees[number]["shrinkage"][0]),
                "tree_structure": Structure(text.trees[number], make).root(),
            }
        )
        for number in text.select(num_iteration, start_iteration)
    ]
    gains = zip(text.feature_names, gains_by_feature(text, num_iteration, importance_type), strict=True)
    dumped["feature_importances"] = make({name: whole_number(value) for name, value in gains if whole_number(value)})
    made: dict[str, Any] = make(dumped)
    made["pandas_categorical"] = json.loads(text.pandas_categorical)
    return made


def describe_range(info: str) -> dict[str, Any]:
    """Describe what training saw of a feature: ``[min:max]``, or categories as ``a:b:c``."""
    if info.startswith("["):
        lowest, highest = (in_json(legacy(item)) for item in info[1:-1].split(":"))
        return {"min_value": lowest, "max_value": highest, "values": []}
    values = [int(item) for item in info.split(":")]
    return {"min_value": min(values), "max_value": max(values), "values": values}


class Structure:
    """Builds the nodes of a tree, children first: without recursion, for trees may be deeper than Python's stack."""

    def __init__(self, tree: Tree, make: Hook) -> None:
        self._tree = tree
        self._make = make
        self._terms = [0]
        for n_terms in tree["num_features"]:
            self._terms.append(self._terms[-1] + n_terms)

    def root(self) -> Any:
        tree = self._tree
        if tree["num_leaves"][0] == 1:
            leaf = {"leaf_value": as_json(tree["leaf_value"][0]), "leaf_count": tree["leaf_count"][0]}
            return self._make(leaf | self._linear(0))
        done: list[Any] = []
        pending = [(0, False)]
        while pending:
            child, is_open = pending.pop()
            if child < 0:
                done.append(self._leaf(~child))
            elif is_open:
                right = done.pop()
                done.append(self._split(child, done.pop(), right))
            else:
                pending += [(child, True), (tree["right_child"][child], False), (tree["left_child"][child], False)]
        return done[0]

    def _leaf(self, leaf: int) -> Any:
        tree = self._tree
        described = {
            "leaf_index": leaf,
            "leaf_value": as_json(tree["leaf_value"][leaf]),
            "leaf_weight": as_json(tree["leaf_weight"][leaf]),
            "leaf_count": tree["leaf_count"][leaf],
        }
        return self._make(described | self._linear(leaf))

    def _linear(self, leaf: int) -> dict[str, Any]:
        tree = self._tree
        if not tree["is_linear"][0]:
            return {}
        terms = slice(*self._terms[leaf : leaf + 2])
        return {
            "leaf_const": as_json(tree["leaf_const"][leaf]),
            "leaf_features": tree["leaf_features"][terms],
            "leaf_coeff": [as_json(number) for number in tree["leaf_coeff"][terms]],
        }

    def _split(self, node: int, left: Any, right: Any) -> Any:
        tree = self._tree
        decision = tree["decision_type"][node]
        is_categorical = decision & CATEGORICAL and tree["num_cat"][0]
        return self._make(
            {
                "split_index": node,
                "split_feature": tree["split_feature"][node],
                "split_gain": gain_in_json(tree["split_gain"][node]),
                "threshold": self._categories(node) if is_categorical else in_json(tree["threshold"][node]),
                "decision_type": "==" if is_categorical else "<=",
                "default_left": bool(decision & DEFAULT_LEFT),
                "missing_type": MISSING_TYPES[decision >> 2 & 3],
                "internal_value": as_json(tree["internal_value"][node]),
                "internal_weight": as_json(tree["internal_weight"][node]),
                "internal_count": tree["internal_count"][node],
                "left_child": left,
                "right_child": right,
            }
        )

    def _categories(self, node: int) -> str:
        tree = self._tree
        number = int(tree["threshold"][node])
        words = tree["cat_threshold"][slice(*tree["cat_boundaries"][number : number + 2])]
        return "||".join(str(category) for category in categories_of(words))


def categories_of(words: list[int]) -> Iterator[int]:
    """List the categories of a set: 32 in a word, the lowest bit first."""
    for place, word in enumerate(words):
        while word:
            lowest = word & -word
            yield 32 * place + lowest.bit_length() - 1
            word ^= lowest
