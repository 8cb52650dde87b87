"""Tables of a model: its nodes as a data frame, and where its splits of one feature stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fasttrees.errors import FastTreesError, InputError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

__all__ = ["split_value_histogram", "trees_to_dataframe"]

COLUMNS = (
    "tree_index", "node_depth", "node_index", "left_child", "right_child", "parent_index", "split_feature",
    "split_gain", "threshold", "decision_type", "missing_direction", "missing_type", "value", "weight", "count",
)  # fmt: skip


def trees_to_dataframe(dumped: dict[str, Any]) -> pd.DataFrame:
    """Make a data frame with a row for each node of a dumped model, parents before children, left before right."""
    import pandas as pd

    names = dumped["feature_names"]
    rows = []
    for tree in dumped["tree_info"]:
        number = tree["tree_index"]
        pending: list[tuple[dict[str, Any], int, str | None]] = [(tree["tree_structure"], 1, None)]
        while pending:
            node, depth, parent = pending.pop()
            index = name_of(node, number)
            row = dict.fromkeys(COLUMNS) | {
                "tree_index": number,
                "node_depth": depth,
                "node_index": index,
                "parent_index": parent,
            }
            if "split_index" in node:
                left, right = node["left_child"], node["right_child"]
                row |= {
                    "left_child": name_of(left, number),
                    "right_child": name_of(right, number),
                    "split_feature": names[node["split_feature"]],
                    "missing_direction": "left" if node["default_left"] else "right",
                    "value": node["internal_value"],
                    "weight": node["internal_weight"],
                    "count": node["internal_count"],
                }
                row |= {key: node[key] for key in ("split_gain", "threshold", "decision_type", "missing_type")}
                pending += [(right, depth + 1, index), (left, depth + 1, index)]
            else:
                row["value"] = node["leaf_value"]
                if "leaf_weight" in node:  # LightGBM has neither weight nor count for a tree of one leaf
                    row |= {"weight": node["leaf_weight"], "count": node["leaf_count"]}
            rows.append(row)
    if not rows:
        raise FastTreesError("there are no trees in this model")
    return pd.DataFrame(rows, columns=list(COLUMNS))


def name_of(node: dict[str, Any], tree: int) -> str:
    return f"{tree}-S{node['split_index']}" if "split_index" in node else f"{tree}-L{node.get('leaf_index', 0)}"


def split_value_histogram(
    dumped: dict[str, Any], feature: int | str, bins: int | str | None, xgboost_style: bool
) -> tuple[np.ndarray, np.ndarray] | np.ndarray | pd.DataFrame:
    """Count the thresholds of one feature in bins."""
    import numpy as np

    values: list[float] = []
    for tree in dumped["tree_info"]:
        pending = [tree["tree_structure"]]
        while pending:
            node = pending.pop()
            if "split_index" not in node:
                continue
            number = node["split_feature"]
            if (dumped["feature_names"][number] if isinstance(feature, str) else number) == feature:
                if isinstance(node["threshold"], str):
                    raise InputError("Cannot compute split value histogram for the categorical feature")
                values.append(node["threshold"])
            pending += [node["left_child"], node["right_child"]]
    if bins is None or (isinstance(bins, int) and xgboost_style):
        n_unique = len(set(values))
        bins = max(n_unique if bins is None else min(n_unique, bins), 1)
    counts, edges = np.histogram(values, bins=bins)
    if not xgboost_style:
        return counts, edges
    table = np.column_stack((edges[1:], counts))
    table = table[table[:, 1] > 0]
    try:
        import pandas as pd
    except ImportError:
        return table
    return pd.DataFrame(table, columns=["SplitValue", "Count"])
