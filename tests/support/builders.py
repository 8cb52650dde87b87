"""Hand-made models, strange values, and the comparison of bits: what the tests share."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

import fasttrees
from fasttrees._builds import usable_builds

CATEGORICAL = 1
DEFAULT_LEFT = 2
MISSING_NONE, MISSING_ZERO, MISSING_NAN = 0, 4, 8

#: LightGBM's limit of what counts as zero: the double of the float literal 1e-35f.
ZERO_THRESHOLD = float(np.float32(1e-35))

#: The three kinds of output, as arguments of ``predict`` that fasttrees and LightGBM share.
OUTPUTS: tuple[dict[str, Any], ...] = ({}, {"raw_score": True}, {"pred_leaf": True})

Matrix = NDArray[Any]
Column = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Tree:
    """A tree as a model file lists it; `more` holds further keys, such as those of linear leaves."""

    leaf_value: Sequence[float]
    split_feature: Sequence[int] = ()
    threshold: Sequence[float] = ()
    decision_type: Sequence[int] = ()
    left_child: Sequence[int] = ()
    right_child: Sequence[int] = ()
    category_sets: Sequence[Sequence[int]] = ()
    more: Mapping[str, Sequence[float]] = dataclasses.field(default_factory=dict)

    def text(self, number: int) -> str:
        """Write the tree's block, as LightGBM does, its blank lines included."""
        keys: dict[str, Sequence[float]] = {
            "num_leaves": [len(self.leaf_value)],
            "num_cat": [len(self.category_sets)],
            "split_feature": self.split_feature,
            "threshold": self.threshold,
            "decision_type": self.decision_type,
            "left_child": self.left_child,
            "right_child": self.right_child,
            "leaf_value": self.leaf_value,
        }
        if self.category_sets:
            words = [category_words(categories) for categories in self.category_sets]
            keys["cat_boundaries"] = [0, *np.cumsum([len(of_set) for of_set in words]).tolist()]
            keys["cat_threshold"] = [word for of_set in words for word in of_set]
        keys |= {"is_linear": [0], **self.more, "shrinkage": [1]}
        lines = [f"{key}={' '.join(map(number_text, values))}" for key, values in keys.items()]
        return "\n".join([f"Tree={number}", *lines, "", "", ""])


def number_text(number: float) -> str:
    """Spell a number as LightGBM does."""
    return format(number, "d" if isinstance(number, int) else ".17g")


def category_words(categories: Iterable[int]) -> list[int]:
    """Pack a category set into 32-bit words; an empty set has one word of zeros."""
    words = [0] * (max(categories, default=0) // 32 + 1)
    for category in categories:
        words[category // 32] |= 1 << category % 32
    return words


def model_text(
    trees: Sequence[Tree],
    n_features: int,
    n_classes: int = 1,
    objective: str | None = None,
    version: str = "v4",
    average_output: bool = False,
) -> str:
    """Write a whole model file."""
    return join_model([tree.text(i) for i, tree in enumerate(trees)], n_features, n_classes, objective, version,
                      average_output)  # fmt: skip


def join_model(
    blocks: Sequence[str],
    n_features: int,
    n_classes: int = 1,
    objective: str | None = None,
    version: str = "v4",
    average_output: bool = False,
) -> str:
    """Write a model file around blocks of trees."""
    header = [
        "tree",
        f"version={version}",
        f"num_class={n_classes}",
        f"num_tree_per_iteration={n_classes}",
        "label_index=0",
        f"max_feature_idx={n_features - 1}",
        *([f"objective={objective}"] if objective is not None else []),
        *(["average_output"] if average_output else []),
        "feature_names=" + " ".join(f"Column_{i}" for i in range(n_features)),
        "feature_infos=" + " ".join(["[-1:1]"] * n_features),
        "tree_sizes=" + " ".join(str(len(block)) for block in blocks),
    ]
    return "\n".join([*header, "", "".join(blocks) + "end of trees", "", ""])


def one_split(threshold: float, decision_type: int, feature: int = 0, categories: Sequence[int] | None = None) -> Tree:
    """Build a tree of one split; with `categories` a split on their set, and `threshold` is not used."""
    sets = () if categories is None else (categories,)
    return Tree(
        (-1.5, 2.25), (feature,), (0.0 if sets else threshold,), (decision_type,), (-1,), (-2,), category_sets=sets
    )


def chain(depth: int, thresholds: Sequence[float], n_features: int, decision_type: int = MISSING_NAN) -> Tree:
    """Build a tree of `depth` splits, each the right child of the one before."""
    return Tree(
        leaf_value=[1.0 / (i + 1) for i in range(depth + 1)],
        split_feature=[i % n_features for i in range(depth)],
        threshold=thresholds[:depth],
        decision_type=[decision_type] * depth,
        left_child=[~i for i in range(depth)],
        right_child=[*range(1, depth), ~depth],
    )


def random_tree(
    rng: np.random.Generator, n_leaves: int, n_features: int, thresholds: Sequence[float] | None = None,
    n_sets: int = 0,
) -> Tree:  # fmt: skip
    """Grow a tree of random shape; every second split is on one of `n_sets` category sets, if there are any."""
    n_splits = n_leaves - 1
    left, right = np.zeros(n_splits, int), np.zeros(n_splits, int)
    owners: list[tuple[NDArray[Any], int]] = []  # for each leaf: the child list and the place that name it
    for split in range(n_splits):
        if split:
            children, place = owners[leaf := int(rng.integers(split + 1))]
            children[place] = split
        else:
            leaf = 0
        left[split], right[split] = ~leaf, ~(split + 1)
        owners[leaf : leaf + 1] = [(left, split)]
        owners.append((right, split))
    pool = np.asarray(thresholds if thresholds is not None else rng.normal(size=max(n_splits, 1)))
    chosen = rng.choice(pool, n_splits).astype(float)
    decisions = rng.choice([0, 2, 4, 6, 8, 10], n_splits)
    if n_sets:
        in_set = rng.random(n_splits) < 0.5
        decisions = np.where(in_set, CATEGORICAL, decisions)
        chosen = np.where(in_set, rng.integers(n_sets, size=n_splits), chosen)
    sets = [rng.integers(0, 100, size=rng.integers(1, 40)).tolist() for _ in range(n_sets)]
    return Tree(
        rng.normal(size=n_leaves).tolist(), rng.integers(0, n_features, n_splits).tolist(), chosen.tolist(),
        decisions.tolist(), left.tolist(), right.tolist(), sets,
    )  # fmt: skip


def neighbours(values: Iterable[float]) -> list[float]:
    """List each value between the doubles next to it."""
    return [
        float(near) for value in values for near in (np.nextafter(value, -np.inf), value, np.nextafter(value, np.inf))
    ]


def nans() -> Column:
    """NaNs of either sign: the usual one, other payloads, signalling ones."""
    bits = [0x7FF8000000000000, 0xFFF8000000000000, 0x7FF8DEADBEEF0001, 0xFFFFFFFFFFFFFFFF, 0x7FF0000000000001]
    return np.array(bits, np.uint64).view(np.float64)


def strange_values() -> Column:
    """Doubles at which implementations go apart: zeros, the zero limit, subnormals, category edges, huge, NaN."""
    magnitudes = [
        0.0, 5e-324, 1e-310, 2.2250738585072014e-308, 1e-45, 1e-36, 1e-35, *neighbours([ZERO_THRESHOLD]), 1e-30,
        0.5, 0.999, 1.0, 2.7, 3.99, 31, 31.999, 32, 33, 63, 64, 95, 96, 2.0**24 + 1, 2.0**31 - 1, 2147483647.5, 2.0**31,
        3e9, 2.0**32 + 3, 2.0**63, 1e38, 1e39, 1e300, 1.7976931348623157e308, np.inf,
    ]  # fmt: skip
    return np.concatenate([magnitudes, np.negative(magnitudes), nans()])


def as_type(rows: Matrix, dtype: Any) -> Matrix:
    """Convert rows; doubles that float32 cannot hold become infinite."""
    with np.errstate(all="ignore"):
        return rows.astype(dtype)


def layouts(rows: Matrix) -> Iterator[tuple[str, Matrix]]:
    """Give the same rows in other places of memory."""
    yield "C order", np.ascontiguousarray(rows)
    yield "Fortran order", np.asfortranarray(rows)
    wide = np.zeros((rows.shape[0] * 2, rows.shape[1] * 3), rows.dtype)
    wide[::2, ::3] = rows
    yield "strided", wide[::2, ::3]
    yield "reversed", np.ascontiguousarray(rows[::-1, ::-1])[::-1, ::-1]
    fixed = rows.copy()
    fixed.setflags(write=False)
    yield "read-only", fixed


def load_lightgbm(text: str) -> lightgbm.Booster:
    return lightgbm.Booster(model_str=text)


def lightgbm_predict(booster: lightgbm.Booster, rows: Matrix, **arguments: Any) -> Matrix:
    """Predict on one thread: so few rows are not worth more, and threads never change LightGBM's bits."""
    return np.asarray(booster.predict(rows, num_threads=1, **arguments))


def load_compact(text: str | bytes) -> fasttrees.Model:
    """Load a model from a compact file, which is gone then."""
    with tempfile.TemporaryDirectory() as folder:
        fasttrees.loads(text).save(f"{folder}/model.ft")
        return fasttrees.load(f"{folder}/model.ft")


def load_builds(text: str | bytes) -> dict[str, fasttrees.Model]:
    """Load a model once for every build of the kernels that this processor runs, and from a compact file."""
    model = fasttrees.loads(text)
    evaluator = model._evaluator
    builds = {
        build: fasttrees.Model._of(
            import_module(f"fasttrees.{build}").Evaluator(
                evaluator.forest, evaluator.objective, evaluator.average_output
            ),
            model._header,
        )
        for build in usable_builds()
    }
    return {**builds, "compact file": load_compact(text)}


def differences(actual: Matrix, expected: Matrix) -> NDArray[np.bool_]:
    """Mark the numbers whose bits differ; one NaN is as good as another."""
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    bits = f"i{actual.dtype.itemsize}"
    differ = np.ascontiguousarray(actual).view(bits) != np.ascontiguousarray(expected).view(bits)
    return np.asarray(differ & ~(np.isnan(actual) & np.isnan(expected)))


def assert_same_bits(actual: Matrix, expected: Matrix, what: str = "") -> None:
    differ = differences(actual, expected)
    if differ.any():
        place = tuple(np.argwhere(differ)[0].tolist())
        raise AssertionError(
            f"{what}: {differ.sum()} of {actual.size} values differ, first at {place}: {actual[place]!r}, LightGBM has "
            f"{expected[place]!r}"
        )


def assert_parity(text: str, rows: Matrix, booster: lightgbm.Booster | None = None, **arguments: Any) -> None:
    """Compare every kind of output of a model, from every build, by blocks and by walks, with LightGBM's."""
    booster = booster or load_lightgbm(text)
    models = load_builds(text)
    for output in OUTPUTS:
        expected = lightgbm_predict(booster, rows, **output, **arguments)
        for build, model in models.items():
            assert_same_bits(model.predict(rows, **output, **arguments), expected, f"{build} {output} {arguments}")
            few = [model.predict(rows[i : i + 7], **output, **arguments) for i in range(0, min(len(rows), 210), 7)]
            assert_same_bits(np.concatenate(few), expected[:210], f"{build} {output} {arguments}, seven rows at a time")
