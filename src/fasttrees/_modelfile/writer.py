"""Write the text of some iterations of a model, as LightGBM 4 writes it."""

from __future__ import annotations

from fasttrees._modelfile.importance import importances
from fasttrees._modelfile.keys import HEADER_KEYS, VERSION
from fasttrees._modelfile.model_text import ModelText
from fasttrees._modelfile.trees import has_all_keys, read_tree, write_tree

__all__ = ["header_lines", "write_model_text"]


def write_model_text(text: ModelText, num_iteration: int, start_iteration: int, importance_type: str) -> str:
    """Write a model of some iterations; all from the start if `num_iteration` is not above 0.

    As in LightGBM, the importances are those of as many iterations from the first on, wherever the model starts.
    """
    blocks = [
        block if has_all_keys(block) else write_tree(read_tree(block))
        for block in (text.blocks[tree] for tree in text.select(num_iteration, start_iteration))
    ]
    trees = [f"Tree={number}\n{block.rstrip()}\n\n\n" for number, block in enumerate(blocks)]
    parts = ["\n".join([*header_lines(text.header, trees), "", ""]), *trees]
    parts.append("end of trees\n\nfeature_importances:\n")
    for name, value in importances(text, num_iteration, importance_type):
        parts.append(f"{name}={value}\n")
    return "".join([*parts, *text.sections()])


def header_lines(header: dict[str, str], trees: list[str]) -> list[str]:
    """Return the first line of a model and those of its header; `trees` are the texts that follow."""
    sizes = " ".join(str(len(tree)) for tree in trees)
    values = {**header, "version": VERSION}
    lines = [f"{key}={values[key]}".removesuffix("=") for key in HEADER_KEYS if key in values and key != "tree_sizes"]
    return ["tree", *lines, f"tree_sizes={sizes}"]
