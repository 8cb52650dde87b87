"""Models and rows that the tests of all engines share."""

from __future__ import annotations

import numpy as np

import fasttrees
from tests.support.builders import Matrix, join_model, random_tree, strange_values
from tests.support.paths import MODELS

#: Arguments of ``Model.predict`` by the kind of output that they ask for.
KINDS: dict[str, dict[str, bool]] = {
    "normal": {},
    "raw": {"raw_score": True},
    "leaf": {"pred_leaf": True},
    "contrib": {"pred_contrib": True},
}


def load(name: str) -> fasttrees.Model:
    return fasttrees.load(MODELS / f"{name}.txt")


def rows(n_rows: int, n_features: int, seed: int = 0) -> Matrix:
    """Rows with many missing and strange values."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n_rows, n_features))
    return np.where(rng.random(values.shape) < 0.3, rng.choice(strange_values(), values.shape), values)


def large_model_text(n_bytes: int = 100_000_000) -> str:
    """A sound model of that size, made in a second: the same few trees again and again."""
    rng = np.random.default_rng(5)
    trees = [random_tree(rng, 255, 28) for _ in range(8)]
    blocks: list[str] = []
    size = 0
    while size < n_bytes:
        blocks += [tree.text(len(blocks) + number) for number, tree in enumerate(trees)] if not blocks else [
            f"Tree={len(blocks) + number}\n{block.partition(chr(10))[2]}" for number, block in enumerate(blocks[:8])
        ]  # fmt: skip
        size += sum(map(len, blocks[-8:]))
    return join_model(blocks, 28)
