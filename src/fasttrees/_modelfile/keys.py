"""The keys of ``model.txt``, once for its reader, its writer and ``dump_model``.

docs/reference/model-format.md describes them. Plain tuples: this is imported with every model that is loaded.
"""

from __future__ import annotations

__all__ = ["HEADER_INTEGERS", "HEADER_KEYS", "REQUIRED_HEADER_KEYS", "TREE_KEYS", "VERSION", "VERSIONS"]

VERSIONS = ("v2", "v3", "v4")
VERSION = VERSIONS[-1]  # that is written

#: Keys of the header in the order in which LightGBM writes them, and whether a model needs them.
HEADER_KEYS = {
    "version": False,
    "num_class": True,
    "num_tree_per_iteration": False,
    "label_index": True,
    "max_feature_idx": True,
    "objective": False,
    "average_output": False,
    "feature_names": True,
    "monotone_constraints": False,
    "feature_infos": True,
    "tree_sizes": False,
}
REQUIRED_HEADER_KEYS = tuple(key for key, is_required in HEADER_KEYS.items() if is_required)
HEADER_INTEGERS = ("num_class", "num_tree_per_iteration", "label_index", "max_feature_idx")

#: Keys of a tree in the order in which LightGBM writes them. Each has a list of numbers: their type, what there is one
#: of them for, whether a tree with splits needs the key, and whether predictions depend on it. "short" are doubles that
#: LightGBM writes with few digits, "count" integers that old versions wrote as other numbers.
TREE_KEYS = {
    "num_leaves": ("int32", "tree", True, True),
    "num_cat": ("int32", "tree", True, True),
    "split_feature": ("int32", "split", True, True),
    "split_gain": ("gain", "split", False, False),
    "threshold": ("double", "split", True, True),
    "decision_type": ("int32", "split", False, True),
    "left_child": ("int32", "split", True, True),
    "right_child": ("int32", "split", True, True),
    "leaf_value": ("double", "leaf", True, True),
    "leaf_weight": ("double", "leaf", False, False),
    "leaf_count": ("count", "leaf", False, True),
    "internal_value": ("short", "split", False, False),
    "internal_weight": ("short", "split", False, False),
    "internal_count": ("count", "split", False, True),
    "cat_boundaries": ("int32", "category set", False, True),
    "cat_threshold": ("uint32", "category word", False, True),
    "is_linear": ("int32", "tree", False, True),
    "leaf_const": ("double", "linear leaf", False, True),
    "num_features": ("int32", "linear leaf", False, True),
    "leaf_features": ("int32", "term", False, True),
    "leaf_coeff": ("double", "term", False, True),
    "shrinkage": ("short", "tree", False, False),
}
