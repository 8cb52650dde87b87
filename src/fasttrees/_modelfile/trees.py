"""One tree of a model's text: its lines as lists of numbers, and back in the way LightGBM 4 writes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from typing import Any, NamedTuple

from fasttrees._modelfile import keys
from fasttrees._modelfile.numbers import as_gain, exact_text, legacy, short_text
from fasttrees.errors import ModelFormatError

__all__ = ["Tree", "has_all_keys", "read_tree", "write_tree"]

Tree = dict[str, list[Any]]
"""Numbers by key. Keys that the text lacks hold what LightGBM takes for them."""


def count(text: str) -> int:
    """Read an integer of 32 bits; words of category sets have no sign."""
    number = int(text)
    if not -(1 << 31) <= number < 1 << 32:
        raise ValueError(text)
    return number


class Key(NamedTuple):
    read: Callable[[str], Any]
    write: Callable[[Any], str]
    items: str  # what it holds one number for
    default: Any = 0


def key_of(kind: str, items: str, default: Any) -> Key:
    """Return how the numbers of a type are read and written."""
    if kind in ("int32", "uint32", "count"):
        return Key(count, str, items, default)
    if kind == "double":
        return Key(float, exact_text, items, float(default))
    return Key(as_gain if kind == "gain" else legacy, short_text, items, float(default))


KEYS = {key: key_of(kind, items, 1 if key == "shrinkage" else 0) for key, (kind, items, _, _) in keys.TREE_KEYS.items()}

LINE = re.compile(r"^(\w+)=(.*)$", re.MULTILINE)


def read_tree(block: str, wanted: Collection[str] | None = None) -> Tree:
    """Read the lines of a tree that the reader of models has found sound: all or those of some keys."""
    lines = dict(LINE.findall(block))
    n_leaves = int(lines["num_leaves"])
    sizes = {"tree": 1, "split": n_leaves - 1, "leaf": n_leaves, "linear leaf": n_leaves}
    tree = {}
    for key in KEYS if wanted is None else wanted:
        read, _, items, default = KEYS[key]
        try:
            tree[key] = [read(item) for item in lines.get(key, "").split()] or [default] * sizes.get(items, 0)
        except (ValueError, KeyError) as error:
            raise ModelFormatError("numbers", repr(lines[key])[:60], None, key) from error
    return tree


def write_tree(tree: Tree) -> str:
    """Write the lines of a tree, its two blank lines included."""
    lines = [f"{key}={text}" for key, text in spell(tree)]
    return "\n".join([*lines, "", "", ""])


def has_all_keys(block: str) -> bool:
    """Return whether a tree has the lines of LightGBM 4's format, in its order."""
    lines = dict(LINE.findall(block))
    return list(lines) == keys_of(lines.get("num_cat", "") != "0", lines.get("is_linear") == "1")


def keys_of(is_categorical: bool, is_linear: bool) -> list[str]:
    """List the keys that a tree has in LightGBM 4's format."""
    has = {
        "category set": is_categorical,
        "category word": is_categorical,
        "linear leaf": is_linear,
        "term": is_linear,
    }
    return [key for key, (_, _, items, _) in KEYS.items() if has.get(items, True)]


def spell(tree: Tree) -> Iterator[tuple[str, str]]:
    is_stump = tree["num_leaves"][0] == 1
    for key in keys_of(tree["num_cat"][0] > 0, tree["is_linear"][0] == 1):
        _, write, items, _ = KEYS[key]
        if items == "term":
            yield key, "".join(spell_terms(tree, key, write))
        elif is_stump and key == "leaf_weight" and not tree["is_linear"][0]:
            yield key, ""
        else:
            yield key, " ".join(map(write, tree[key]))


def spell_terms(tree: Tree, key: str, write: Callable[[Any], str]) -> Iterator[str]:
    """Spell the features or coefficients leaf by leaf, with the blanks that LightGBM sets between leaves."""
    terms = iter(tree[key])
    for n_terms in tree["num_features"]:
        yield "".join(f"{write(next(terms))} " for _ in range(n_terms)) + " "
