"""Compact model files: the arrays of a forest and its plans as the kernels read them, and the model's other lines.

docs/reference/compact-file.md describes them byte by byte.
"""

from __future__ import annotations

import os

from fasttrees._builds import Evaluator
from fasttrees._engine.plan import Plan
from fasttrees._engine.row_plan import RowPlan
from fasttrees._modelfile.reader import read_model
from fasttrees._modelfile.sections import Sections, open_sections, write_sections
from fasttrees.errors import ModelFormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, BinaryIO

    Parts = tuple[Evaluator, dict[str, Any]]  # what scores, and the facts
    Opening = Callable[[], Parts]

__all__ = ["PLAN_VERSION", "SMALL", "Sections", "open_model", "open_sections", "save_model", "write_model"]

PLAN_VERSION = 1  # plans of another one are passed over and made anew: to be counted up when a plan changes
SMALL = 1 << 20  # bytes that are verified at once: in a tenth of a millisecond


def open_model(sections: Sections, prove: bool = False) -> Parts | Opening:
    """Make the parts of a model from a compact file, or of a large file what makes them when they are first needed.

    Parameters
    ----------
    sections : Sections
    prove : bool, default False
        Prove the trees as the reader of text models does, and do without the plans of the file: nothing then rests on
        whoever wrote it.

    Raises
    ------
    ModelFormatError
        If the file is damaged; of a file above SMALL, using the damaged part raises it.
    """

    def read() -> Parts:
        forest, objective, facts = read_model(bytes(sections.take("text", 1)), sections.size)
        forest.borrow_from(sections)
        if prove:
            forest.check_all()
        plans = sections if sections.plan_version == PLAN_VERSION and not prove else None
        return Evaluator(forest, objective, facts.pop("average_output"), sections=plans), facts

    if not prove and sections.size > SMALL:
        return read
    sections.verify()
    return read()


def save_model(path: str | os.PathLike[str], evaluator: Evaluator, facts: dict[str, Any]) -> None:
    """Write a compact file; it takes its place only when it is whole, so processes that map another keep theirs.

    Raises
    ------
    OSError
    ModelFormatError
        If the trees are not sound, or a fact cannot be written down.
    """
    from fasttrees._runtime.atomic_file import replacing  # here, for loading needs none of it

    with replacing(path) as file:
        write_model(file, evaluator, facts)


def write_model(file: BinaryIO, evaluator: Evaluator, facts: dict[str, Any]) -> None:
    """Write what :func:`save_model` writes into an open file; nothing if it raises ModelFormatError."""
    forest = evaluator.forest
    text = _text_of(evaluator, facts)
    written = read_model(text, 2**31 - 1)[2]
    if repr(sorted(written.items())) != repr(sorted({**facts, "average_output": evaluator.average_output}.items())):
        raise ModelFormatError("facts that a text model can hold", "others")
    forest.check_all()
    plan, row_plan = Plan(forest), RowPlan(forest)
    sections = {
        "text": (1, memoryview(text)),
        **forest.sections(),
        **plan.sections(),
        **row_plan.sections(),
    }
    write_sections(file, PLAN_VERSION, sections)


def _text_of(evaluator: Evaluator, facts: dict[str, Any]) -> bytes:
    """Write down the lines of a text model around its trees."""
    forest, objective = evaluator.forest, evaluator.objective
    lines = ["tree"]
    if facts["version"] is not None:
        lines.append(f"version={facts['version']}")
    lines += [
        f"num_class={forest.n_classes}",
        f"num_tree_per_iteration={forest.n_classes}",
        f"label_index={facts['label_index']}",
        f"max_feature_idx={forest.n_features - 1}",
        *([f"objective={objective.text}"] if objective.text is not None else []),
        *(["average_output"] if evaluator.average_output else []),
        f"feature_names={' '.join(facts['feature_names'])}",
        f"feature_infos={' '.join(facts['feature_infos'])}",
        "",
        "end of trees",
    ]
    if facts["parameters"] is not None:
        lines += ["", "parameters:", facts["parameters"], "end of parameters"]
    if facts["pandas_categorical"] is not None:
        import json

        lines += ["", f"pandas_categorical:{json.dumps(facts['pandas_categorical'])}"]
    return "\n".join(lines).encode("utf-8", "surrogateescape") + b"\n"
